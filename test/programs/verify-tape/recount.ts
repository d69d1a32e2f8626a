import type { Database } from '@tapedeck/mongo'
import { decimalUnits } from './decimal-units.ts'
import { addTo, type SymbolTotals } from './tape-totals.ts'

/** A window counted anew from the stored trades; sums as in SymbolTotals. */
export interface Recounted extends SymbolTotals {
  readonly symbol: string
  /** Start in epoch ms, or the trade date of a day. */
  readonly start: number | string
  first: Place
  last: Place
  high: number
  low: number
}

/** Where a trade stands in the order of its symbol: time, connection, frame, index. */
interface Place {
  readonly ms: number
  readonly connection: string
  readonly frame: number
  readonly index: number
  readonly price: number
}

export interface Recount {
  readonly bySymbol: ReadonlyMap<string, SymbolTotals>
  readonly bySecond: ReadonlyMap<string, Recounted & { readonly tradeDate: string }>
}

const SECOND_MS = 1000

/**
 * Counts the one-second bars anew from the collection `trades`, by other means than the consumer: no
 * windows in memory, no merging of states, sums as big integers of decimal digits. Every trade
 * counts fully (policy `all`).
 */
export async function recountTrades({ trades }: Database): Promise<Recount> {
  const bySymbol = new Map<string, SymbolTotals>()
  const bySecond = new Map<string, Recounted & { readonly tradeDate: string }>()
  const fields = { symbol: 1, price: 1, size: 1, tradedAt: 1, tradeDate: 1 }
  for await (const trade of trades.find({}, { projection: fields, batchSize: 5000 })) {
    const { _id, symbol, price, size, tradedAt, tradeDate } = trade
    addTo(bySymbol, symbol, price, size)
    const ms = tradedAt.getTime()
    const start = Math.floor(ms / SECOND_MS) * SECOND_MS
    const [connection = '', frame = '', index = ''] = _id.split('-')
    const place = { ms, connection, frame: Number(frame), index: Number(index), price }
    const units = decimalUnits(size)
    include(bySecond, `${symbol} ${start}`, {
      symbol,
      start,
      tradeDate,
      first: place,
      last: place,
      high: price,
      low: price,
      count: 1,
      volume: units,
      notional: decimalUnits(price) * units
    })
  }
  return { bySymbol, bySecond }
}

/** The windows of one length, merged from the seconds; `days` is by the stored trade date. */
export function mergedSeconds(
  { bySecond }: Recount,
  length: number | 'days'
): ReadonlyMap<string, Recounted> {
  const merged = new Map<string, Recounted>()
  for (const second of bySecond.values()) {
    const start =
      length === 'days' ? second.tradeDate : Math.floor((second.start as number) / length) * length
    include(merged, `${second.symbol} ${start}`, { ...second, start })
  }
  return merged
}

function include<T extends Recounted>(windows: Map<string, T>, key: string, part: T): void {
  const found = windows.get(key)
  if (found === undefined) {
    windows.set(key, part)
    return
  }
  if (isBefore(part.first, found.first)) found.first = part.first
  if (isBefore(found.last, part.last)) found.last = part.last
  found.high = Math.max(found.high, part.high)
  found.low = Math.min(found.low, part.low)
  found.count += part.count
  found.volume += part.volume
  found.notional += part.notional
}

function isBefore(a: Place, b: Place): boolean {
  if (a.ms !== b.ms) return a.ms < b.ms
  if (a.connection !== b.connection) return a.connection < b.connection
  return a.frame === b.frame ? a.index < b.index : a.frame < b.frame
}

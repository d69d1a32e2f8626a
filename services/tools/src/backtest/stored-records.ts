import { RECORD_VERSION, type FeedTrade, type KnownGap, type TradeRecord } from '@tapedeck/domain'
import {
  eachTrade,
  loadCheckpoints,
  loadGaps,
  storedSymbols,
  type Database,
  type StoredTrade
} from '@tapedeck/mongo'
import { tradingDatesOf, type RangeEnd } from '../command/arguments.ts'

interface SymbolTrade {
  readonly symbol: string
  readonly trade: StoredTrade
}

/**
 * Stored trades as the records they arrived in, by time of receipt, one trading date of all symbols at a
 * time. A trade that was received after its date is yielded at the end of that date.
 * @throws DATABASE_UNREACHABLE
 */
export async function* storedRecords(
  database: Database,
  { from, to }: { readonly from: RangeEnd; readonly to: RangeEnd },
  wanted: readonly string[] | undefined
): AsyncGenerator<readonly TradeRecord[]> {
  const known = await storedSymbols(database)
  const symbols = wanted === undefined ? known : known.filter((one) => wanted.includes(one))
  const dates = new Map<string, { symbol: string; fromMs: number; toMs: number }[]>()
  for (const symbol of symbols) {
    for (const { tradeDate, startMs, endMs } of tradingDatesOf(symbol, from, to)) {
      const parts = dates.get(tradeDate) ?? []
      parts.push({ symbol, fromMs: startMs, toMs: endMs })
      dates.set(tradeDate, parts)
    }
  }
  for (const [, parts] of [...dates].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const found: SymbolTrade[] = []
    for (const { symbol, fromMs, toMs } of parts) {
      await eachTrade(database, 'trades', { symbol, fromMs, toMs }, (trade) => {
        found.push({ symbol, trade })
        return undefined
      })
    }
    yield recordsOf(found.sort(byReceipt))
  }
}

/** Every recorded feed outage, of all partitions. @throws DATABASE_UNREACHABLE */
export async function storedGaps(database: Database): Promise<KnownGap[]> {
  const logs = new Set((await loadCheckpoints(database)).map(({ _id }) => _id))
  const gaps = new Map<string, KnownGap>()
  for (const log of logs.size === 0 ? [''] : logs) {
    for (const gap of await loadGaps(database, log)) gaps.set(gap.id, gap)
  }
  return [...gaps.values()]
}

/** Successive trades of one symbol and frame are one record. */
function recordsOf(all: readonly SymbolTrade[]): TradeRecord[] {
  const records: TradeRecord[] = []
  let open: { indexes: number[]; trades: FeedTrade[] } | undefined
  let last: SymbolTrade | undefined
  for (const one of all) {
    const { symbol, trade } = one
    const { connection, frame, index, feed, receivedAtMs: receivedAt } = trade
    if (open === undefined || last === undefined || !isSameFrame(last, one)) {
      open = { indexes: [], trades: [] }
      records.push({
        version: RECORD_VERSION,
        feed,
        symbol,
        connection,
        frame,
        receivedAt,
        ...open
      })
    }
    open.indexes.push(index)
    open.trades.push(feedTradeOf(trade))
    last = one
  }
  return records
}

function feedTradeOf({ price, tMs, size, conditions, vendorId }: StoredTrade): FeedTrade {
  const trade = { p: price, t: tMs, v: size, c: conditions }
  return vendorId === undefined ? trade : { ...trade, i: vendorId }
}

function isSameFrame(a: SymbolTrade, b: SymbolTrade): boolean {
  return (
    a.symbol === b.symbol &&
    a.trade.connection === b.trade.connection &&
    a.trade.frame === b.trade.frame
  )
}

/** By time of receipt, connection and frame. Both ascend in time. */
function byReceipt(a: SymbolTrade, b: SymbolTrade): number {
  const [left, right] = [a.trade, b.trade]
  if (left.receivedAtMs !== right.receivedAtMs) return left.receivedAtMs - right.receivedAtMs
  if (left.connection !== right.connection) return left.connection < right.connection ? -1 : 1
  if (left.frame !== right.frame) return left.frame - right.frame
  if (a.symbol !== b.symbol) return a.symbol < b.symbol ? -1 : 1
  return left.index - right.index
}

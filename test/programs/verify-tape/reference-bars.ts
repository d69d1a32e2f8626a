import {
  decimalUnits,
  FACTOR_DECIMALS,
  SUM_DECIMALS,
  unitsToNumber
} from '../bars/decimal-units.ts'
import { tradesOf, linesOf } from '../../support/tape.ts'

/** A 1-minute bar as computed apart from the pipeline; decimals as text. */
export interface ReferenceBar {
  readonly symbol: string
  readonly startMs: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly vwap: number
  readonly count: number
}

/** Reads `s,start_ms,start_utc,open,high,low,close,volume,notional,vwap,count` (a header line first). */
export async function readReferenceBars(file: string): Promise<ReferenceBar[]> {
  const bars: ReferenceBar[] = []
  for await (const line of linesOf(file)) {
    const [symbol = '', startMs, , open, high, low, close, volume, , vwap, count] = line.split(',')
    if (symbol === 's') continue
    bars.push({
      symbol,
      startMs: Number(startMs),
      open: Number(open),
      high: Number(high),
      low: Number(low),
      close: Number(close),
      volume: Number(volume),
      vwap: Number(vwap),
      count: Number(count)
    })
  }
  return bars
}

const MINUTE_MS = 60_000

/**
 * 1-minute bars straight from the tape, by other means than the pipeline's: sort, group, and sums of
 * decimal texts as big integers. For a tape that has no reference file.
 */
export async function computeReferenceBars(tape: string): Promise<ReferenceBar[]> {
  const groups = new Map<string, { symbol: string; startMs: number; rows: Row[] }>()
  let order = 0
  for await (const { s, p, t, v } of tradesOf(tape)) {
    const startMs = t - (((t % MINUTE_MS) + MINUTE_MS) % MINUTE_MS)
    const key = `${s} ${startMs}`
    const group = groups.get(key) ?? { symbol: s, startMs, rows: [] }
    group.rows.push({ p, t, v, order: order++ })
    groups.set(key, group)
  }
  return [...groups.values()].map(({ symbol, startMs, rows }) => {
    rows.sort((a, b) => a.t - b.t || a.order - b.order)
    const prices = rows.map(({ p }) => p)
    const volume = rows.reduce((sum, { v }) => sum + decimalUnits(v), 0n)
    const notional = rows.reduce((sum, { p, v }) => sum + decimalUnits(p) * decimalUnits(v), 0n)
    return {
      symbol,
      startMs,
      open: prices[0] ?? NaN,
      high: prices.reduce((a, b) => Math.max(a, b)),
      low: prices.reduce((a, b) => Math.min(a, b)),
      close: prices.at(-1) ?? NaN,
      volume: unitsToNumber(volume, FACTOR_DECIMALS),
      vwap: unitsToNumber(notional, SUM_DECIMALS) / unitsToNumber(volume, FACTOR_DECIMALS),
      count: rows.length
    }
  })
}

interface Row {
  readonly p: number
  readonly t: number
  readonly v: number
  readonly order: number
}

import type { TopicTrade } from './topic-truth.ts'
import { windowStart } from './windows.ts'

/** A bar as computed apart from the pipeline; sums are exact and then rounded once. */
export interface ExactBar {
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly tradeCount: number
  readonly volume: number
  readonly notional: number
  readonly firstTradeAt: number
  readonly lastTradeAt: number
}

/** Decimals kept of a price or size; a product has twice as many. */
const DECIMALS = 12

/**
 * Bars of one timeframe from trades in the order of the feed, by `<symbol>|<timeframe>|<start in epoch ms>`:
 * sort, group, and sums of decimal texts as big integers.
 */
export function exactBars(trades: readonly TopicTrade[], timeframe: string): Map<string, ExactBar> {
  const groups = Map.groupBy(trades, (trade) => windowStart(timeframe, trade))
  const bars = new Map<string, ExactBar>()
  for (const [startMs, group] of groups) {
    if (startMs === undefined) continue
    for (const [symbol, own] of Map.groupBy(group, (trade) => trade.symbol)) {
      bars.set(`${symbol}|${timeframe}|${startMs}`, barOf(own))
    }
  }
  return bars
}

function barOf(group: readonly TopicTrade[]): ExactBar {
  // Sorting is stable: trades of one time keep the order in which the feed sent them.
  const sorted = group.toSorted((a, b) => a.t - b.t)
  const [first] = sorted
  const last = sorted.at(-1)
  let volume = 0n
  let notional = 0n
  let high = -Infinity
  let low = Infinity
  for (const { p, v } of sorted) {
    volume += scaled(v)
    notional += scaled(p) * scaled(v)
    if (p > high) high = p
    if (p < low) low = p
  }
  return {
    open: first?.p ?? NaN,
    high,
    low,
    close: last?.p ?? NaN,
    tradeCount: sorted.length,
    volume: Number(`${volume}e-${DECIMALS}`),
    notional: Number(`${notional}e-${2 * DECIMALS}`),
    firstTradeAt: first?.t ?? NaN,
    lastTradeAt: last?.t ?? NaN
  }
}

const known = new Map<number, bigint>()

/** A number as whole units of 1e-12, from the digits of its text; further digits are an error. */
export function scaled(value: number): bigint {
  const before = known.get(value)
  if (before !== undefined) return before
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? []
  const zeros = DECIMALS + Number(exponent) - fraction.length
  if (whole === '' || zeros < 0) throw new RangeError(`${value} has more than ${DECIMALS} decimals`)
  const units = BigInt(`${sign}${whole}${fraction}`) * 10n ** BigInt(zeros)
  known.set(value, units)
  return units
}

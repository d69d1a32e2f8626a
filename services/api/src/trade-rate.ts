import type { BarFields, Timeframe } from '@tapedeck/domain'
import { windowMs, type TimeRange } from './time-range.ts'

const MINUTE_MS = 60_000

/** The bars from which a rate is computed: short ones for a short range, long ones for a long range. */
export function rateTimeframe({ fromMs, toMs }: TimeRange): Timeframe {
  const spanMs = toMs - fromMs
  if (spanMs <= 15 * MINUTE_MS) return '1s'
  return spanMs <= 24 * 60 * MINUTE_MS ? '1m' : '1h'
}

/**
 * Trades per second over the window of a bar. An open window counts the seconds since its start, at least
 * one; otherwise every chart would end in an apparent fall.
 */
export function tradeRate(bar: BarFields, timeframe: Timeframe, nowMs: number) {
  const start = bar.start.getTime()
  const lengthMs = windowMs(timeframe)
  const lastedMs =
    bar.status === 'provisional' ? Math.min(lengthMs, Math.max(1000, nowMs - start)) : lengthMs
  return { symbol: bar.symbol, time: start, tradesPerSecond: bar.tradeCount / (lastedMs / 1000) }
}

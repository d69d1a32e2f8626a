import { WINDOW_MS, type Timeframe } from '@tapedeck/domain'
import type { Query } from './query.ts'

/** Half-open: from inclusive, to exclusive; epoch milliseconds. */
export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Windows that a request for bars or forecasts without a range looks back. */
export const DEFAULT_WINDOWS = 500

/** The length of a window; of a trading day its usual one. */
export function windowMs(timeframe: Timeframe): number {
  return timeframe === '1d' ? DAY_MS : WINDOW_MS[timeframe]
}

/**
 * The range that a request means. Without `to` it ends now (or `aheadMs` later, for what lies in the
 * future); without `from` it begins `spanMs` before its end.
 */
export function timeRange(
  { fromMs, toMs }: Pick<Query, 'fromMs' | 'toMs'>,
  nowMs: number,
  { spanMs, aheadMs = 0 }: { readonly spanMs: number; readonly aheadMs?: number }
): TimeRange {
  // A client whose clock is ahead asks from a moment that is still to come: an empty range.
  const endMs = toMs ?? Math.max(nowMs + aheadMs, fromMs ?? 0)
  return { fromMs: fromMs ?? endMs - spanMs, toMs: endMs }
}

/**
 * The same range over starts of windows, as bounds on their grid: `start >= from` says the same as
 * `start >= from rounded up`, and so for `to`. So viewers whose clocks differ by less than a window
 * ask one question, which is answered once. Trading days begin on a full hour.
 */
export function onGrid({ fromMs, toMs }: TimeRange, timeframe: Timeframe): TimeRange {
  const gridMs = timeframe === '1d' ? HOUR_MS : WINDOW_MS[timeframe]
  return { fromMs: Math.ceil(fromMs / gridMs) * gridMs, toMs: Math.ceil(toMs / gridMs) * gridMs }
}

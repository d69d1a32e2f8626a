import { lengthOf, stepOf, windowSpec, type Timeframe } from '@tapedeck/domain'
import type { Query } from './query.ts'

/** Half-open: from inclusive, to exclusive; epoch milliseconds. */
export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

const HOUR_MS = 3_600_000
/** What a counted window is taken to last, for the range that is shown when none is asked for. */
const COUNTED_MS = 60_000
/** Windows that a request for bars or forecasts without a range looks back. */
export const DEFAULT_WINDOWS = 500

/** The length of a window; of a trading day its usual one. */
export function windowMs(timeframe: Timeframe): number {
  return lengthOf(timeframe) ?? COUNTED_MS
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
 * ask one question, which is answered once. Trading days begin on a full hour, regular sessions on a half.
 */
export function onGrid({ fromMs, toMs }: TimeRange, timeframe: Timeframe): TimeRange {
  const gridMs = gridOf(timeframe)
  return { fromMs: Math.ceil(fromMs / gridMs) * gridMs, toMs: Math.ceil(toMs / gridMs) * gridMs }
}

function gridOf(timeframe: Timeframe): number {
  switch (windowSpec(timeframe).kind) {
    case 'trading day':
      return HOUR_MS
    case 'regular session':
      return HOUR_MS / 2
    case 'activity':
      return 1000
    default:
      return stepOf(timeframe) ?? 1000
  }
}

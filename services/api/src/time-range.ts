import { lengthOf, stepOf, windowSpec, type Timeframe } from '@tapedeck/domain'
import type { Query } from './query.ts'

/** Half-open: from inclusive, to exclusive; epoch milliseconds. */
export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

const HOUR_MS = 3_600_000
/** The assumed length of a counted window, for the default range. */
const COUNTED_MS = 60_000
/** Windows in the default range of bars and forecasts. */
export const DEFAULT_WINDOWS = 500

/** The length of a window, ms; for a trading day the usual one. */
export function windowMs(timeframe: Timeframe): number {
  return lengthOf(timeframe) ?? COUNTED_MS
}

/**
 * The range of a request. Without `to` it ends now, or `aheadMs` later for data that lies in the future.
 * Without `from` it begins `spanMs` before its end.
 */
export function timeRange(
  { fromMs, toMs }: Pick<Query, 'fromMs' | 'toMs'>,
  nowMs: number,
  { spanMs, aheadMs = 0 }: { readonly spanMs: number; readonly aheadMs?: number }
): TimeRange {
  // A client whose clock is ahead may request a future range: it is empty.
  const endMs = toMs ?? Math.max(nowMs + aheadMs, fromMs ?? 0)
  return { fromMs: fromMs ?? endMs - spanMs, toMs: endMs }
}

/**
 * The same range over starts of windows, as bounds on their grid: `start >= from` is equivalent to
 * `start >= from rounded up`, and so is `to`. Viewers whose clocks differ by less than a window then send equal
 * requests, which share one read. Trading days begin on a full hour, regular sessions on a half.
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

import type { Clock } from '@tapedeck/core'

/** Turns positions of a source into wall times. */
export interface Pace {
  /** Epoch ms at which what stands at `positionMs` is to be sent; in the past: at once. */
  dueMs(positionMs: number): number
  /** After a pause: `positionMs` is now, and what follows keeps its distance to it. */
  restart(positionMs: number): void
}

/** How far playing may fall behind before it stops trying to catch up. */
export const CATCH_UP_LIMIT_MS = 1000
/** With gaps skipped, no wait is longer than this. */
const GAP_LIMIT_MS = 5000

/** The source's positions are wall times already. */
export const livePace: Pace = { dueMs: (positionMs) => positionMs, restart() {} }

/** As fast as it goes. */
export const fullSpeed: Pace = { dueMs: () => 0, restart() {} }

/**
 * `speed` times as fast as recorded, without drift: times are measured from one anchor, which only
 * moves when playing fell more than a second behind, or when a gap is skipped.
 */
export function recordedPace(speed: number, skipGaps: boolean, clock: Clock): Pace {
  let anchor: { readonly wallMs: number; readonly positionMs: number } | undefined
  return {
    dueMs(positionMs) {
      const nowMs = clock.now()
      anchor ??= { wallMs: nowMs, positionMs }
      const dueMs = anchor.wallMs + (positionMs - anchor.positionMs) / speed
      const latestMs = skipGaps ? nowMs + GAP_LIMIT_MS : Infinity
      const boundedMs = dueMs < nowMs - CATCH_UP_LIMIT_MS ? nowMs : Math.min(dueMs, latestMs)
      if (boundedMs !== dueMs) anchor = { wallMs: boundedMs, positionMs }
      return boundedMs
    },
    restart(positionMs) {
      anchor = { wallMs: clock.now(), positionMs }
    }
  }
}

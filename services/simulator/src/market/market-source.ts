import type { Clock } from '@tapedeck/core'
import type { Audience } from '../feed/audience.ts'
import { CATCH_UP_LIMIT_MS } from '../feed/pace.ts'
import type { Batch } from '../feed/play.ts'
import type { Market } from './market.ts'

/** The market is played in slices of this length; a trade waits no longer than it. */
export const SLICE_MS = 20

/**
 * The market as batches that never end. When the process was held up for more than a second (a
 * laptop asleep, a rate beyond the machine), the missed time is passed over: a live market does not
 * come back for it.
 */
export async function* marketBatches(
  market: Market,
  audience: Audience,
  clock: Clock,
  onSkipped: (skippedMs: number) => void
): AsyncGenerator<Batch> {
  for (;;) {
    const nowMs = Math.floor(clock.now())
    const behindMs = nowMs - market.atMs
    if (behindMs > CATCH_UP_LIMIT_MS) {
      market.skipTo(nowMs)
      onSkipped(behindMs)
    }
    market.want(audience.symbols)
    const positionMs = market.atMs + SLICE_MS
    yield { frames: market.framesUntil(positionMs), positionMs }
  }
}

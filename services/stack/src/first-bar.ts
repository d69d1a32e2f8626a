import { systemClock } from '@tapedeck/core'
import type { Database } from '@tapedeck/mongo'

const LOOK_EVERY_MS = 100
/** New bars are among the newest documents; so many are looked at, whatever the collection holds. */
const NEWEST = 500

/**
 * Waits for a bar stored since `sinceMs` (epoch). False when none came within `limitMs`: a live
 * market may be closed.
 * @throws ABORTED
 */
export async function waitForBar(
  { bars }: Pick<Database, 'bars'>,
  sinceMs: number,
  { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal }
): Promise<boolean> {
  const deadlineMs = Date.now() + limitMs
  while (Date.now() < deadlineMs) {
    const newest = bars
      .find({}, { projection: { updatedAt: 1 } })
      .sort({ $natural: -1 })
      .limit(NEWEST)
    for await (const { updatedAt } of newest) {
      if (updatedAt.getTime() >= sinceMs) return true
    }
    await systemClock.delay(LOOK_EVERY_MS, signal)
  }
  return false
}

import { messageOf, systemClock, withTimeout } from '@tapedeck/core'
import type { Progress } from './screen.ts'

const ASK_EVERY_MS = 2000
/** What is asked has limits of its own; a question that hangs all the same must not end the watch. */
const ASK_LIMIT_MS = 15_000
/** Shorter troubles are not worth a line. */
const LIMIT_MS = 10_000

interface HealthWatch {
  readonly name: string
  /** In words what is wrong; undefined when all is well. */
  readonly ask: () => Promise<string | undefined>
  readonly progress: Progress
  /** While it answers true, what is wrong is known to the user already. */
  readonly isExplained?: () => boolean
  /** Called with true when something is wrong, and with false when all is well again. */
  readonly onChange?: (isWrong: boolean) => void
  readonly signal: AbortSignal
  readonly askEveryMs?: number
  readonly limitMs?: number
}

/**
 * Asks a running process now and then whether it is well, until the signal aborts. What is wrong for ten seconds is
 * printed once, and once that it is over.
 */
export async function watchHealth({
  name,
  ask,
  progress,
  isExplained = () => false,
  onChange = () => undefined,
  signal,
  askEveryMs = ASK_EVERY_MS,
  limitMs = LIMIT_MS
}: HealthWatch): Promise<void> {
  let sinceMs: number | undefined
  let isSaid = false
  while (!signal.aborted) {
    await systemClock.delay(askEveryMs, signal).catch(() => undefined)
    if (signal.aborted) return
    const askedMs = performance.now()
    const wrong = await withTimeout(ask(), ASK_LIMIT_MS, 'Its answer').catch(messageOf)
    if (signal.aborted) return
    if (wrong === undefined) {
      if (isSaid) progress.say(`${name} is ready again`)
      if (sinceMs !== undefined) onChange(false)
      sinceMs = undefined
      isSaid = false
    } else if (sinceMs === undefined) {
      sinceMs = askedMs
      onChange(true)
    } else if (!isSaid && isExplained()) sinceMs = performance.now()
    else if (!isSaid && performance.now() - sinceMs >= limitMs) {
      isSaid = true
      progress.warn(`${name} is not ready: ${wrong}`)
    }
  }
}

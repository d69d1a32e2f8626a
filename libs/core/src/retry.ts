import { systemClock, type Clock } from './clock.ts'
import { messageOf, TapedeckError } from './errors.ts'

interface JitterOptions {
  readonly baseMs: number
  readonly capMs: number
  /** In [0, 1); injected so that tests are deterministic. */
  readonly random?: () => number
}

/**
 * Full-jitter exponential delays: uniform in [0, min(cap, base * 2^attempt)), at least 1 ms.
 * Attempts count from 0. The mean delay is half the ceiling; the worst case is `capMs`.
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function fullJitter({
  baseMs,
  capMs,
  random = Math.random
}: JitterOptions): (attempt: number) => number {
  return (attempt) => {
    const ceilingMs = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30))
    return Math.max(1, Math.floor(random() * ceilingMs))
  }
}

interface RetryPolicy {
  /** The delay after a failed try, ms; 0: none. Attempts count from 0. */
  readonly delayMs: (attempt: number) => number
  /** Asks to stop retrying. */
  readonly signal?: AbortSignal | undefined
  /** The most tries; no limit unless given. */
  readonly tries?: number
  /** A try that fails this long after the first one began is the last; no limit unless given. */
  readonly limitMs?: number
  /** A try that lasted this long starts the attempts again at 0. */
  readonly stableMs?: number
  /** Whether another try can help; unless given, what the table of errors says of its code. */
  readonly isRetryable?: (error: unknown) => boolean
  /** Called before each delay, with the failure. */
  readonly onRetry?: (error: unknown, waitMs: number) => void
  readonly clock?: Clock
}

/**
 * Repeats work until it succeeds. The first try is always made, also when the signal has aborted.
 *
 * The signal ends the retrying, not the work: a delay ends at once with ABORTED, and no further try
 * begins. A try in progress is not abandoned, because whatever it holds open could be closed under it:
 * if it succeeds its result counts, if it fails and could be retried ABORTED is thrown with the failure
 * as its cause. Work that can stop early takes the signal itself.
 *
 * @throws the failure itself when it is not retryable or when a limit is reached; ABORTED
 */
export async function retry<T>(
  work: () => Promise<T>,
  {
    delayMs,
    signal,
    tries = Infinity,
    limitMs = Infinity,
    stableMs = Infinity,
    isRetryable = isRetryableCode,
    onRetry,
    clock = systemClock
  }: RetryPolicy
): Promise<T> {
  const startedMs = clock.now()
  let attempt = 0
  for (let tried = 1; ; tried++) {
    const beganMs = clock.now()
    try {
      return await work()
    } catch (error) {
      if (!isRetryable(error)) throw error
      if (signal?.aborted === true) {
        throw new TapedeckError('ABORTED', `Stopped retrying: ${messageOf(error)}`, {
          cause: error
        })
      }
      const endedMs = clock.now()
      if (tried >= tries || endedMs - startedMs >= limitMs) throw error
      if (endedMs - beganMs >= stableMs) attempt = 0
      const waitMs = delayMs(attempt++)
      onRetry?.(error, waitMs)
      if (waitMs > 0) await clock.delay(waitMs, signal)
    }
  }
}

function isRetryableCode(error: unknown): boolean {
  return error instanceof TapedeckError && error.retryable
}

import { fullJitterMs } from './backoff.ts'
import { systemClock } from './clock.ts'
import { TapedeckError } from './errors.ts'

/**
 * Repeats work that failed with a retryable code until it succeeds or the signal aborts; every other
 * error is thrown at once. Full jitter, 50 ms to 5 s. `onRetry` hears of each failure.
 */
export async function retried<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  onRetry: (error: TapedeckError, waitMs: number) => void
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof TapedeckError) || !error.retryable || signal.aborted) throw error
      const waitMs = fullJitterMs(attempt, { baseMs: 100, capMs: 5000 })
      onRetry(error, waitMs)
      await systemClock.delay(waitMs, signal)
    }
  }
}

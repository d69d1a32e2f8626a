import { setTimeout as sleep } from 'node:timers/promises'
import { TapedeckError } from './errors.ts'

/** The one seam to wall time: code that waits or stamps takes a Clock, so that tests can turn it. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Resolves after `ms`; rejects with ABORTED as soon as `signal` aborts. */
  delay(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  async delay(ms, signal) {
    try {
      await sleep(ms, undefined, signal === undefined ? undefined : { signal })
    } catch (cause) {
      throw new TapedeckError('ABORTED', `Waiting ${ms} ms was aborted`, { cause })
    }
  }
}

/**
 * The promise, or TIMED_OUT after `timeoutMs`. The work itself is not cancelled: pass it a signal
 * when it can be.
 */
export async function withTimeout<T>(
  work: Promise<T>,
  timeoutMs: number,
  what: string
): Promise<T> {
  const timer = Promise.withResolvers<never>()
  const handle = setTimeout(() => {
    timer.reject(new TapedeckError('TIMED_OUT', `${what} took longer than ${timeoutMs} ms`))
  }, timeoutMs)
  try {
    return await Promise.race([work, timer.promise])
  } finally {
    clearTimeout(handle)
  }
}

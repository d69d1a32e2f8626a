import { fullJitter, messageOf, retry, systemClock, type Clock } from '@tapedeck/core'
import type { ServiceContext } from './run-service.ts'

/** The longest wait of a starting service for a server. */
const START_LIMIT_MS = 600_000
const delayMs = fullJitter({ baseMs: 100, capMs: 5000 })

/** The wait of a starting service for its servers. */
export interface StartWait {
  /** Reasons for /readyz; empty while nothing is waited for. */
  reasons(): readonly string[]
  /**
   * Repeats work that fails with a retryable code, with delays of up to 5 s. Every other error, such as
   * a mistake in the configuration, is thrown at once.
   * @throws the last error after START_LIMIT_MS, so that a supervisor starts the service again; ABORTED
   */
  until<T>(work: () => Promise<T>): Promise<T>
}

export function startWait(
  { log, signal }: Pick<ServiceContext, 'log' | 'signal'>,
  { limitMs = START_LIMIT_MS, clock = systemClock }: { limitMs?: number; clock?: Clock } = {}
): StartWait {
  let reason: string | undefined
  return {
    reasons: () => (reason === undefined ? [] : [`waiting: ${reason}`]),
    async until(work) {
      const onRetry = (error: unknown): void => {
        // Only a new reason is logged: a long wait must not flood the log.
        if (messageOf(error) !== reason) log.warn({ err: error }, 'waiting for a server')
        reason = messageOf(error)
      }
      const result = await retry(work, { delayMs, signal, limitMs, onRetry, clock })
      if (reason !== undefined) log.info('the wait is over')
      reason = undefined
      return result
    }
  }
}

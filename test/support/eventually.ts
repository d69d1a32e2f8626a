import { retry } from '@tapedeck/core'

/** Repeats an assertion until it holds; fails with its last error after the deadline. */
export function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 60_000, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {}
): Promise<T> {
  return retry(async () => assertion(), {
    delayMs: () => everyMs,
    limitMs: timeoutMs,
    isRetryable: () => true
  })
}

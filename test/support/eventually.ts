import { setTimeout as sleep } from 'node:timers/promises'
import { performance } from 'node:perf_hooks'

/** Repeats an assertion until it holds; fails with its last error after the deadline. */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 30_000, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {}
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    try {
      return await assertion()
    } catch (error) {
      if (performance.now() > deadlineMs) throw error
      await sleep(everyMs)
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { performance } from 'node:perf_hooks'
import { TapedeckError } from '@tapedeck/core'

const LIMIT_MS = 20_000

/** @throws TIMED_OUT when the condition does not hold in time, 20 s unless told */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
  everyMs = 50
): Promise<void> {
  const deadlineMs = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > deadlineMs) {
      throw new TapedeckError('TIMED_OUT', `${what}: did not happen in ${limitMs / 1000} s`)
    }
    await sleep(everyMs)
  }
}

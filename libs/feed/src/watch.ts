import { hasCode, type Clock } from '@tapedeck/core'
import type { Liveness } from './liveness.ts'

/**
 * Looks at a line whenever its liveness is due, until it is dead or the signal aborts.
 * @returns why it is dead; undefined when the signal aborted
 */
export async function watch(
  liveness: Liveness,
  ping: () => void,
  clock: Clock,
  signal: AbortSignal
): Promise<string | undefined> {
  while (!signal.aborted) {
    const verdict = liveness.check(clock.now())
    if (verdict.kind === 'dead') return verdict.cause
    if (verdict.kind === 'ping') ping()
    if (!(await waited(verdict.inMs, clock, signal))) return undefined
  }
  return undefined
}

/** False: the signal aborted meanwhile. */
export async function waited(ms: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.delay(ms, signal)
    return true
  } catch (error) {
    if (hasCode(error, 'ABORTED')) return false
    throw error
  }
}

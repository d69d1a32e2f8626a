import { setTimeout as sleep } from 'node:timers/promises'
import { TapedeckError } from './errors.ts'

/** Wall time. Code that waits or reads the time takes a Clock, so that tests can control it. */
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

/** Into so many parts a limit is cut. */
const LIMIT_PARTS = 10
/** A part is not shorter, ms: timers count whole milliseconds. */
const LEAST_PART_MS = 20

/**
 * Waits for work at most `timeoutMs`. The work itself is not cancelled: pass it a signal for that. Time in which this
 * process could not have taken an answer (its thread was busy, it was suspended) counts a tenth of the limit at most, so
 * that a server is not blamed for it.
 * @throws TIMED_OUT
 */
export async function withTimeout<T>(
  work: Promise<T>,
  timeoutMs: number,
  what: string
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const parts = Math.max(1, Math.min(LIMIT_PARTS, Math.floor(timeoutMs / LEAST_PART_MS)))
  let timer: NodeJS.Timeout | undefined
  let last: NodeJS.Immediate | undefined
  const expire = (): void =>
    reject(new TapedeckError('TIMED_OUT', `${what} took longer than ${timeoutMs} ms`))
  const wait = (left: number): void => {
    timer = setTimeout(() => {
      if (left > 1) wait(left - 1)
      // What has arrived meanwhile is read before.
      else last = setImmediate(expire)
    }, timeoutMs / parts)
  }
  wait(parts)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
    clearImmediate(last)
  }
}

const TICK_MS = 1000
const WAITING = Symbol('waiting')

/**
 * Waits for work and calls `tick` about every second meanwhile: a group member that waits for the
 * database must still send heartbeats. Throws what the work or a tick throws.
 */
export async function whileWaiting<T>(work: Promise<T>, tick: () => Promise<void>): Promise<T> {
  for (;;) {
    const timeout = Promise.withResolvers<typeof WAITING>()
    const timer = setTimeout(() => timeout.resolve(WAITING), TICK_MS)
    try {
      const result = await Promise.race([work, timeout.promise])
      if (result !== WAITING) return result
    } finally {
      clearTimeout(timer)
    }
    await tick()
  }
}

/**
 * Runs `work` every `intervalMs`, counted from the end of the run before; the first failure ends it.
 * The returned function stops it and waits for a run in progress.
 */
export function repeat(
  intervalMs: number,
  work: () => Promise<void>,
  onFailure: (error: unknown) => void
): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const schedule = (): void => {
    if (isStopped) return
    timer = setTimeout(() => {
      running = work().then(schedule, onFailure)
    }, intervalMs)
  }
  schedule()
  return async () => {
    isStopped = true
    clearTimeout(timer)
    await running
  }
}

import type { Clock } from '@tapedeck/core'
import type { FeedTimes } from './feed-options.ts'

type LivenessTimes = Pick<FeedTimes, 'pingEveryMs' | 'pongMs' | 'silenceMs' | 'welcomeMs'>

/** What to do now, and when to look again. */
type LivenessVerdict =
  | { readonly kind: 'dead'; readonly cause: string }
  | { readonly kind: 'ping' | 'wait'; readonly inMs: number }

/** A check that is late by this much means that the process was stalled, not the connection. */
const STALL_MS = 5000

/**
 * Decides whether a connection is alive from the times of its frames and pongs: the server must answer a
 * protocol ping, and frames must arrive. Pure: the caller passes the time, and each check returns when the
 * next one is due. A frame costs one assignment.
 *
 * Time in which the socket was not read (paused, or the process stalled) and steps of the wall clock do
 * not count.
 */
export class Liveness {
  readonly #times: LivenessTimes
  /** Silence is counted from this time at the earliest. */
  #baseMs: number
  #frameMs = -Infinity
  #pongMs = -Infinity
  #pingedMs: number | undefined
  #nextPingMs: number
  #welcomeByMs: number
  #paused = false
  #checkedMs: number
  #dueMs: number

  constructor(times: LivenessTimes, nowMs: number, waitsForWelcome: boolean) {
    this.#times = times
    this.#baseMs = nowMs
    this.#nextPingMs = nowMs + times.pingEveryMs
    this.#welcomeByMs = waitsForWelcome ? nowMs + times.welcomeMs : Infinity
    this.#checkedMs = nowMs
    this.#dueMs = nowMs
  }

  frame(nowMs: number): void {
    this.#frameMs = nowMs
  }

  pong(nowMs: number): void {
    this.#pongMs = nowMs
  }

  welcomed(): void {
    this.#welcomeByMs = Infinity
  }

  pause(): void {
    this.#paused = true
  }

  resume(nowMs: number): void {
    this.#paused = false
    this.#startOver(nowMs)
  }

  check(nowMs: number): LivenessVerdict {
    if (nowMs > this.#dueMs + STALL_MS || nowMs < this.#checkedMs) this.#startOver(nowMs)
    this.#checkedMs = nowMs
    const verdict = this.#judge(nowMs)
    this.#dueMs = verdict.kind === 'dead' ? Infinity : nowMs + verdict.inMs
    return verdict
  }

  #judge(nowMs: number): LivenessVerdict {
    const { pingEveryMs, pongMs, silenceMs, welcomeMs } = this.#times
    if (this.#paused) return { kind: 'wait', inMs: pingEveryMs }
    // Any frame after the ping answers it: a busy connection may delay the pong.
    if (this.#pingedMs !== undefined && Math.max(this.#frameMs, this.#pongMs) >= this.#pingedMs) {
      this.#pingedMs = undefined
    }
    if (this.#pingedMs !== undefined && nowMs - this.#pingedMs >= pongMs) {
      return { kind: 'dead', cause: `no answer to a ping within ${pongMs} ms` }
    }
    const quietFromMs = Math.max(this.#frameMs, this.#baseMs)
    if (nowMs - quietFromMs >= silenceMs) {
      return { kind: 'dead', cause: `no frame for ${silenceMs} ms` }
    }
    if (nowMs >= this.#welcomeByMs) {
      return { kind: 'dead', cause: `no answer to the credentials within ${welcomeMs} ms` }
    }
    const isPingDue = this.#pingedMs === undefined && nowMs >= this.#nextPingMs
    if (isPingDue) {
      this.#pingedMs = nowMs
      this.#nextPingMs = nowMs + pingEveryMs
    }
    const dueMs = Math.min(
      this.#pingedMs === undefined ? this.#nextPingMs : this.#pingedMs + pongMs,
      quietFromMs + silenceMs,
      this.#welcomeByMs
    )
    return { kind: isPingDue ? 'ping' : 'wait', inMs: Math.max(1, dueMs - nowMs) }
  }

  #startOver(nowMs: number): void {
    this.#baseMs = nowMs
    this.#frameMs = -Infinity
    this.#pongMs = -Infinity
    this.#pingedMs = undefined
    this.#nextPingMs = nowMs
    if (this.#welcomeByMs !== Infinity) this.#welcomeByMs = nowMs + this.#times.welcomeMs
  }
}

/**
 * Checks a connection whenever its liveness is due, until it is dead or the signal aborts.
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
    await clock.delay(verdict.inMs, signal).catch(() => undefined)
  }
  return undefined
}

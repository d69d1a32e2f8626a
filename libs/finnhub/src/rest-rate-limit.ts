import type { Clock } from '@tapedeck/core'

/** The free plan's calls a minute, and every plan's a second. */
export const FREE_CALLS_PER_MINUTE = 60
const CALLS_PER_SECOND = 30
const MINUTE_MS = 60_000
const SECOND_MS = 1000
/** What a server's own word on when to come back may cost at most. */
const LONGEST_WAIT_MS = 61_000

/**
 * Knows how long the next call has to wait: by our own count of the calls, and by what the server says
 * in `x-ratelimit-remaining` and `x-ratelimit-reset` (UNIX seconds), or `retry-after` (seconds).
 */
export class RateLimit {
  readonly #clock: Clock
  readonly #callsPerMinute: number
  /** When the calls of the last minute were made, oldest first. */
  #calls: number[] = []
  #blockedUntilMs = 0

  constructor(clock: Clock, callsPerMinute = FREE_CALLS_PER_MINUTE) {
    this.#clock = clock
    this.#callsPerMinute = callsPerMinute
  }

  /** Waits until a call may be made, and counts it. @throws ABORTED */
  async enter(signal?: AbortSignal): Promise<void> {
    for (let waitMs = this.waitMs; waitMs > 0; waitMs = this.waitMs) {
      await this.#clock.delay(waitMs, signal)
    }
    this.#calls.push(this.#clock.now())
  }

  /** How long the next call has to wait, ms. */
  get waitMs(): number {
    const nowMs = this.#clock.now()
    this.#calls = this.#calls.filter((at) => nowMs - at < MINUTE_MS)
    const inMinute = this.#calls.at(-this.#callsPerMinute)
    const inSecond = this.#calls.at(-CALLS_PER_SECOND)
    return Math.max(
      0,
      this.#blockedUntilMs - nowMs,
      inMinute === undefined ? 0 : inMinute + MINUTE_MS - nowMs,
      inSecond === undefined ? 0 : inSecond + SECOND_MS - nowMs
    )
  }

  /** Takes note of what an answer says of the calls that are left. */
  heed(status: number, headers: Headers): void {
    const nowMs = this.#clock.now()
    const untilMs = Math.max(resetMs(headers), retryAfterMs(headers, nowMs))
    const isSpent = status === 429 || headers.get('x-ratelimit-remaining') === '0'
    if (!isSpent || untilMs <= nowMs) return
    this.#blockedUntilMs = Math.min(untilMs, nowMs + LONGEST_WAIT_MS)
  }
}

function resetMs(headers: Headers): number {
  const seconds = Number(headers.get('x-ratelimit-reset') ?? 0)
  return Number.isFinite(seconds) ? seconds * SECOND_MS : 0
}

function retryAfterMs(headers: Headers, nowMs: number): number {
  const seconds = Number(headers.get('retry-after') ?? 0)
  return Number.isFinite(seconds) && seconds > 0 ? nowMs + seconds * SECOND_MS : 0
}

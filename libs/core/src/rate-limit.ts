import type { Clock } from './clock.ts'

const CALLS_PER_SECOND = 30
const MINUTE_MS = 60_000
const SECOND_MS = 1000
/** The longest wait that a server may ask for. */
const LONGEST_WAIT_MS = 61_000

/**
 * Computes how long the next call has to wait, from the calls of the last minute and from the headers
 * `x-ratelimit-remaining` and `x-ratelimit-reset` (UNIX seconds), or `retry-after` (seconds, or a date).
 */
export class RateLimit {
  readonly #clock: Clock
  readonly #callsPerMinute: number
  /** When the calls of the last minute were made, oldest first. */
  #calls: number[] = []
  #blockedUntilMs = 0

  constructor(clock: Clock, callsPerMinute: number) {
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

  /** Notes what an answer says about the calls that are left. */
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
  const text = headers.get('retry-after') ?? ''
  const seconds = Number(text)
  if (Number.isFinite(seconds)) return seconds > 0 ? nowMs + seconds * SECOND_MS : 0
  const untilMs = Date.parse(text)
  return Number.isNaN(untilMs) ? 0 : untilMs
}

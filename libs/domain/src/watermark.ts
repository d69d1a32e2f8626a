/** What must survive a restart. Times are epoch ms. */
export interface WatermarkState {
  readonly maxEventMs: number
  /** Wall clock when maxEventMs last moved; time in which the feed was down does not count. */
  readonly movedAtMs: number
  /** Wall clock when the feed went down; null while it is up. */
  readonly frozenAtMs?: number | null
  /** Where the clock had moved it while idle, so that a restart does not take it back. */
  readonly watermarkMs?: number
}

/**
 * The watermark of one partition: event time up to which no more trades are expected.
 *
 * It follows the newest trade, less the allowed delay. While the partition is idle and all of it is
 * read, it moves on with the wall clock by the time gone since the newest trade, so that a quiet
 * symbol's bar becomes final without a further trade. While the feed is down it is frozen: no trade
 * then means nothing. Trades from the future never reach it.
 */
export class Watermark {
  readonly #allowedDelayMs: number
  #maxEventMs: number
  #movedAtMs: number
  #watermarkMs: number
  #frozenAtMs: number | null

  constructor(allowedDelayMs: number, state?: WatermarkState) {
    this.#allowedDelayMs = allowedDelayMs
    this.#maxEventMs = state?.maxEventMs ?? -Infinity
    this.#movedAtMs = state?.movedAtMs ?? 0
    this.#watermarkMs = Math.max(this.#maxEventMs - allowedDelayMs, state?.watermarkMs ?? -Infinity)
    this.#frozenAtMs = state?.frozenAtMs ?? null
  }

  get ms(): number {
    return this.#watermarkMs
  }

  get maxEventMs(): number {
    return this.#maxEventMs
  }

  /** A trade happened at `eventMs`; `nowMs` is the wall clock. */
  observe(eventMs: number, nowMs: number): void {
    if (eventMs <= this.#maxEventMs) return
    this.#maxEventMs = eventMs
    this.#movedAtMs = nowMs
    this.#raise(eventMs - this.#allowedDelayMs)
  }

  /** Nothing is left to read: moves on by the time gone since the newest trade. */
  idle(nowMs: number): void {
    if (this.#maxEventMs === -Infinity || this.#frozenAtMs !== null) return
    const elapsedMs = Math.max(0, nowMs - this.#movedAtMs)
    this.#raise(this.#maxEventMs + elapsedMs - this.#allowedDelayMs)
  }

  /** An earlier owner of the partition had moved it here, at the offset that is reached now. */
  reach(toMs: number): void {
    this.#raise(toMs)
  }

  get isFrozen(): boolean {
    return this.#frozenAtMs !== null
  }

  /** The feed is down from now on: idle time no longer counts. */
  freeze(nowMs: number): void {
    this.#frozenAtMs ??= nowMs
  }

  /** The feed is up again: the time in between is as if it had not been. */
  thaw(nowMs: number): void {
    if (this.#frozenAtMs === null) return
    this.#movedAtMs += Math.max(0, nowMs - this.#frozenAtMs)
    this.#frozenAtMs = null
  }

  toState(): WatermarkState | null {
    if (this.#maxEventMs === -Infinity && this.#frozenAtMs === null) return null
    return {
      maxEventMs: this.#maxEventMs,
      movedAtMs: this.#movedAtMs,
      frozenAtMs: this.#frozenAtMs,
      watermarkMs: this.#watermarkMs
    }
  }

  #raise(toMs: number): void {
    if (toMs > this.#watermarkMs) this.#watermarkMs = toMs
  }
}

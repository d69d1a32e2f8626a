/** The part of a watermark that is kept in the checkpoint. Times are epoch ms. */
export interface WatermarkState {
  readonly maxEventMs: number
  /** Wall clock when maxEventMs last rose, plus the length of every outage of the feed since. */
  readonly movedAtMs: number
  /** Wall clock when the feed went down; null while it is up. */
  readonly frozenAtMs?: number | null
  /** The watermark itself, which the clock may have moved: a restart must not lower it. */
  readonly watermarkMs?: number
}

/**
 * The watermark of one partition: the event time up to which no more trades are expected.
 *
 * It is the time of the newest trade less the allowed delay. When the partition is read to its end, it
 * rises with the wall clock by the time since the newest trade, so that the bar of a quiet symbol
 * becomes final without a further trade. While the feed is down it is frozen, because silence then has no
 * meaning. Trades from the future must not be passed to it.
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

  /** Raises the watermark for a trade at `eventMs`; `nowMs` is the wall clock. */
  observe(eventMs: number, nowMs: number): void {
    if (eventMs <= this.#maxEventMs) return
    this.#maxEventMs = eventMs
    this.#movedAtMs = nowMs
    this.#raise(eventMs - this.#allowedDelayMs)
  }

  /** Raises the watermark by the time since the newest trade. Call only when nothing is left to read. */
  idle(nowMs: number): void {
    if (this.#maxEventMs === -Infinity || this.#frozenAtMs !== null) return
    const elapsedMs = Math.max(0, nowMs - this.#movedAtMs)
    this.#raise(this.#maxEventMs + elapsedMs - this.#allowedDelayMs)
  }

  /** Raises the watermark to that of an earlier owner of the partition. */
  reach(toMs: number): void {
    this.#raise(toMs)
  }

  get isFrozen(): boolean {
    return this.#frozenAtMs !== null
  }

  /** The feed is down: the clock stops. */
  freeze(nowMs: number): void {
    this.#frozenAtMs ??= nowMs
  }

  /** The feed is up again: the clock continues from where it stopped. */
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

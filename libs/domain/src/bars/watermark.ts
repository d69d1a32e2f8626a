/** The part of a watermark that is kept in the checkpoint. Event times are epoch ms. */
export interface WatermarkState {
  readonly maxEventMs: number
  /** The feed that is down; null while none is. Absent in states stored before feeds were told apart. */
  readonly frozenFeed?: string | null
  /** The watermark itself, which the clock may have moved: a restart must not lower it. */
  readonly watermarkMs?: number
  /** Up to where the clock stands in for trades. */
  readonly clockMs?: number
}

/**
 * The watermark of one partition: the event time up to which no more trades are expected.
 *
 * It is the time of the newest trade less the allowed delay. While the partition is known to be read to its
 * end, it rises with time, so that the bar of a quiet symbol becomes final without a further trade. While the
 * feed is down it is frozen, because silence then means nothing. Trades from the future must not be passed
 * to it.
 */
export class Watermark {
  readonly #allowedDelayMs: number
  #maxEventMs: number
  #watermarkMs: number
  #clockMs: number
  #frozenFeed: string | null

  constructor(allowedDelayMs: number, state?: WatermarkState) {
    this.#allowedDelayMs = allowedDelayMs
    this.#maxEventMs = state?.maxEventMs ?? -Infinity
    this.#watermarkMs = Math.max(this.#maxEventMs - allowedDelayMs, state?.watermarkMs ?? -Infinity)
    this.#clockMs = state?.clockMs ?? this.#watermarkMs + allowedDelayMs
    this.#frozenFeed = state?.frozenFeed ?? null
  }

  get ms(): number {
    return this.#watermarkMs
  }

  get maxEventMs(): number {
    return this.#maxEventMs
  }

  /**
   * Raises the watermark for a trade at `eventMs` that was received at `receivedMs`. The clock goes on from
   * the earlier of both: a trade a little ahead of its receipt must not put it ahead for good.
   */
  observe(eventMs: number, receivedMs: number): void {
    this.#clockMs = Math.max(this.#clockMs, Math.min(eventMs, receivedMs))
    if (eventMs <= this.#maxEventMs) return
    this.#maxEventMs = eventMs
    this.#raise(eventMs - this.#allowedDelayMs)
  }

  /** Raises the watermark by a time, ms, in which nothing was left to read. */
  idle(elapsedMs: number): void {
    if (this.#maxEventMs === -Infinity || this.#frozenFeed !== null) return
    this.#clockMs += elapsedMs
    this.#raise(this.#clockMs - this.#allowedDelayMs)
  }

  /** Raises the watermark to that of an earlier owner of the partition. */
  reach(toMs: number): void {
    this.#raise(toMs)
  }

  /** The feed that is down; null while none is. */
  get frozenFeed(): string | null {
    return this.#frozenFeed
  }

  /** The feed is down: the clock stops. */
  freeze(feed: string): void {
    this.#frozenFeed = feed
  }

  /** A feed is followed: the clock goes on if it was this one that was down, or another took its place. */
  thaw(): void {
    this.#frozenFeed = null
  }

  toState(): WatermarkState | null {
    if (this.#maxEventMs === -Infinity && this.#frozenFeed === null) return null
    return {
      maxEventMs: this.#maxEventMs,
      frozenFeed: this.#frozenFeed,
      watermarkMs: this.#watermarkMs,
      clockMs: this.#clockMs
    }
  }

  #raise(toMs: number): void {
    if (toMs > this.#watermarkMs) this.#watermarkMs = toMs
  }
}

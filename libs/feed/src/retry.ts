import { fullJitter } from '@tapedeck/core'
import type { FeedTimes } from './feed-options.ts'

/** How a connection ended. */
export interface ConnectionEnd {
  readonly cause: string
  /** Another session holds the key (429, or the feed says so). */
  readonly isBusy: boolean
  /** How long it stood, ms; undefined when it never opened. */
  readonly lastedMs: number | undefined
  readonly frames: number
}

/**
 * When to connect again: full jitter from 1 s up to 60 s. Only a connection that both lasted and
 * brought something starts the delays anew: one that is closed at once, over and over, or stands
 * without a word, must not be asked for every second.
 */
export class Retry {
  readonly #times: FeedTimes
  readonly #random: () => number
  #attempt = 0

  constructor(times: FeedTimes, random: () => number = Math.random) {
    this.#times = times
    this.#random = random
  }

  delayAfterMs({ isBusy, lastedMs, frames }: ConnectionEnd): number {
    const { stableMs, busyMs, backoffBaseMs, backoffCapMs } = this.#times
    if (lastedMs !== undefined && lastedMs >= stableMs && frames > 0) this.#attempt = 0
    const jitter = fullJitter({
      baseMs: backoffBaseMs,
      capMs: backoffCapMs,
      random: this.#random
    })
    const jitterMs = jitter(this.#attempt++)
    return isBusy ? busyMs + jitterMs : jitterMs
  }
}

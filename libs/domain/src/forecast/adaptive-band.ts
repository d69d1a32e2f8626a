/** Serialisable state of a band: a few numbers. */
export interface BandState {
  /** Half the width in units of the score. */
  readonly half: number
  /** Scores of the warm-up; empty afterwards. */
  readonly warmUp: readonly number[]
  readonly isWarm: boolean
  /** Outcomes learnt from after the warm-up. */
  readonly outcomes: number
}

/** Share of targets meant to lie outside the band. */
export const MISS_RATE = 0.05
/** The least number of scores whose largest is a valid 95 % conformal bound: (n + 1) 0.95 <= n. */
export const WARM_UP_SCORES = 19
/**
 * Steps on the logarithm of the width fall as 2 / sqrt(outcomes), so that a warm-up in a quiet (or
 * wild) hour is soon forgotten, down to a rate at which the band still follows changes.
 */
const FIRST_RATE = 0.4
const FALLING_RATE = 2
/** At horizon 1 a miss widens by about 10 % in the end, and 19 hits undo it. */
const LAST_RATE = 0.1
/** Overlapping targets miss together, so steps are smaller; below this the band learns too slowly. */
const LEAST_RATE = 0.05

/**
 * Half the width of a 95 % band, learnt online: log half += rate (miss - 0.05). So over n outcomes at
 * one rate the share of misses differs from 5 % by log(half now / half first) / (rate n), whatever the
 * distribution, also when it changes. A score is how far the outcome was from the forecast; feedback comes when the
 * target is final, `horizon` bars after the band was drawn, and counts the miss of the band as drawn.
 * On the logarithm, because steps in prices that follow the size of the misses count wide misses twice
 * and end 1 to 3 points too wide.
 * Sources: Gibbs & Candes, Adaptive conformal inference under distribution shift (NeurIPS 2021);
 * Angelopoulos, Candes & Tibshirani, Conformal PID control for time series prediction (NeurIPS 2023),
 * quantile tracking; Angelopoulos, Barber & Bates, Online conformal prediction with decaying step sizes
 * (ICML 2024).
 */
export class AdaptiveBand {
  #half = 0
  #warmUp: number[] = []
  #isWarm = false
  readonly #lastRate: number
  /** Outcomes learnt from after the warm-up. */
  #outcomes = 0

  constructor(horizon: number, state?: BandState) {
    this.#lastRate = Math.max(LEAST_RATE, LAST_RATE / Math.sqrt(horizon))
    if (state === undefined) return
    this.#half = state.half
    this.#warmUp = [...state.warmUp]
    this.#isWarm = state.isWarm
    this.#outcomes = state.outcomes
  }

  /** Undefined until enough scores are there. */
  get half(): number | undefined {
    return this.#isWarm ? this.#half : undefined
  }

  /** @param missed whether the band as drawn missed; undefined when no adaptive band was drawn */
  learn(score: number, missed: boolean | undefined): void {
    if (!this.#isWarm) {
      this.#warmUp.push(score)
      if (this.#warmUp.length < WARM_UP_SCORES) return
      this.#half = Math.max(...this.#warmUp)
      this.#warmUp = []
      this.#isWarm = true
      return
    }
    this.#outcomes++
    const falling = Math.min(FIRST_RATE, FALLING_RATE / Math.sqrt(this.#outcomes))
    const rate = Math.max(this.#lastRate, falling)
    const miss = (missed ?? score > this.#half) ? 1 : 0
    // A price that never moved in the warm-up has no width to grow from.
    this.#half = this.#half === 0 ? score : this.#half * Math.exp(rate * (miss - MISS_RATE))
  }

  state(): BandState {
    return {
      half: this.#half,
      warmUp: [...this.#warmUp],
      isWarm: this.#isWarm,
      outcomes: this.#outcomes
    }
  }
}

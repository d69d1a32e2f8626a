import { shiftedIntervalHalf } from './shifted-interval.ts'

/** Why a band began with nothing learnt. */
export type BandStart = 'first forecast' | 'change point' | 'stored state of an earlier kind'

/** Serialisable state of a band. */
export interface BandState {
  /** The half width drawn over that of a random walk. */
  readonly factor: number
  /** Outcomes learnt from. */
  readonly outcomes: number
  readonly since: BandStart
}

/** How a state was stored that knew half a width in prices, learnt from 19 outcomes on. */
export interface EarlierBandState {
  readonly half: number
  readonly warmUp: readonly number[]
  readonly isWarm: boolean
  readonly outcomes: number
}

/** What is known of an outcome when its forecast is made, in quote currency. */
export interface BandGround {
  readonly lastClose: number
  readonly forecast: number
  /** Standard deviation of the outcome about the last close, were the price a random walk. */
  readonly spread: number
}

/** Share of targets meant to lie outside the band. */
export const MISS_RATE = 0.05
/**
 * Steps on the logarithm of the factor fall as 1 / sqrt(30 + outcomes): what the walk says weighs as
 * much as 30 outcomes. They end where the band still follows changes: a miss widens by about 5 %, and
 * 19 hits undo it.
 */
const PRIOR_OUTCOMES = 30
const LAST_RATE = 0.05
/**
 * Steps have fatter tails than a normal: an excess kurtosis of about 3, which fades as 1 / horizon in
 * sums of steps. By Cornish and Fisher the 97.5 % point lies 0.105 x 1.96 sd / horizon further out.
 */
const FAT_TAILS = 0.1
/**
 * A price that stands still is always within; no band shrinks to nothing by that. The least factor is
 * this over sqrt(horizon): a price that only bounces about one level spreads no further with the
 * horizon, a walk by its square root.
 */
const LEAST_FACTOR = 0.25
/** Nor is it ever narrower than this share of the price each way: a cent at a hundred dollars. */
const LEAST_SHARE = 1e-4

/**
 * Half the width of a 95 % band that is honest from the first forecast on, and learns.
 *
 * It starts from what is known before any outcome. Were the price a random walk, the outcome would lie
 * about the last close, not about the forecast, with the spread of its own recent steps: so the band
 * about the forecast must reach over the distance between the two. That width is multiplied by a
 * factor learnt online from the misses of the band as drawn: log factor += rate (miss - 0.05). Over n
 * outcomes at one rate the share of misses differs from 5 % by log(factor now / factor first) /
 * (rate n), whatever the distribution, also when it changes; only a price that hardly moves, held by
 * the least factor, is missed less often. What varies by the minute is in the width, so the
 * factor may learn slowly: overlapping targets miss together, and h of them count as one outcome.
 * Feedback comes when the target is final, `horizon` bars after the band was drawn.
 * Sources: Gibbs & Candes, Adaptive conformal inference under distribution shift (NeurIPS 2021);
 * Angelopoulos, Candes & Tibshirani, Conformal PID control for time series prediction (NeurIPS 2023),
 * quantile tracking; Angelopoulos, Barber & Bates, Online conformal prediction with decaying step sizes
 * (ICML 2024); scores in units of a predicted spread: Lei et al., Distribution-free predictive
 * inference for regression (JASA 2018), section 5.2.
 */
export class AdaptiveBand {
  readonly #horizon: number
  #factor: number
  #outcomes = 0
  #since: BandStart = 'first forecast'

  /** @param state one of an earlier kind is let go: half a width in prices says nothing of the factor */
  constructor(horizon: number, state?: BandState | EarlierBandState) {
    this.#horizon = horizon
    this.#factor = 1 + FAT_TAILS / horizon
    if (state === undefined) return
    if ('factor' in state) {
      this.#factor = state.factor
      this.#outcomes = state.outcomes
      this.#since = state.since
    } else this.#since = 'stored state of an earlier kind'
  }

  half({ lastClose, forecast, spread }: BandGround): number {
    const walk = shiftedIntervalHalf(Math.abs(forecast - lastClose), spread)
    return Math.max(LEAST_SHARE * Math.abs(lastClose), this.#factor * walk)
  }

  /** Learns whether a band drawn by it missed. */
  learn(missed: boolean): void {
    const independent = this.#outcomes++ / this.#horizon
    const falling = 1 / Math.sqrt(PRIOR_OUTCOMES + independent)
    const rate = Math.max(LAST_RATE, falling) / Math.sqrt(this.#horizon)
    const factor = this.#factor * Math.exp(rate * ((missed ? 1 : 0) - MISS_RATE))
    this.#factor = Math.max(LEAST_FACTOR / Math.sqrt(this.#horizon), factor)
  }

  /** Forgets what was learnt: the model it was learnt from begins anew. */
  restart(): void {
    this.#factor = 1 + FAT_TAILS / this.#horizon
    this.#outcomes = 0
    this.#since = 'change point'
  }

  state(): BandState {
    return { factor: this.#factor, outcomes: this.#outcomes, since: this.#since }
  }
}

/**
 * How much the price bounces, as the parameter of the moving average of its steps: 0 is a random walk, near 1 the
 * price returns to its level whatever it did.
 */
const THETAS = [0, 0.25, 0.5, 0.7, 0.85, 0.95] as const
/** Logarithm of the odds of each of the others against the walk, before anything is known. */
const PRIOR = Math.log(0.1)
/** What was learnt fades as the long memory of steps does. */
const MEMORY_STEPS = 500
/** Degrees of freedom of the likelihood: its tails keep single large steps from deciding. */
const DEGREES = 8

/** A level that walks, with noise about it, in units of the variance of what each close brings that is new. */
interface LevelModel {
  readonly theta: number
  /** The level less the last close, in quote currency. */
  offset: number
  /** Variance of the level as known, in those units. */
  variance: number
  /** Logarithm of its weight against the best one. */
  score: number
}

/** Stored form: offset, variance and score of each model. */
export type BounceState = readonly number[]

/** What the models say of the price a number of windows ahead. */
interface Prospect {
  /** The mean less the last close, in quote currency. */
  readonly offset: number
  /** Variance of the means about theirs, in quote currency squared. */
  readonly disagreement: number
  /** Variance about the mean, in mean squares of a step. */
  readonly variance: number
  /** Variance of the change over all these windows, in mean squares of a step. */
  readonly change: number
  /** The walk's share of that; the rest is noise, which does not last. */
  readonly walkShare: number
}

/**
 * Tells a price that bounces about a level from one that walks. Six local-level models, each a Kalman filter,
 * say where the next close should be; how well they did weighs them (Bayesian model averaging, with the random
 * walk as the usual case). Spreads and not variances are averaged: an unlikely walk must not widen the band of a price
 * that is seen to bounce.
 *
 * Sources: Harvey, Forecasting, Structural Time Series Models and the Kalman Filter (1989), section 4.1; Hoeting
 * et al., Bayesian Model Averaging, Statistical Science 14 (1999).
 */
export class Bounce {
  readonly #models: readonly LevelModel[]

  constructor(state: BounceState = []) {
    this.#models = THETAS.map((theta, index) => {
      const [offset = 0, variance = theta, score = priorOf(theta)] = state.slice(3 * index)
      return { theta, offset, variance, score }
    })
  }

  /** The closes begin again: nothing is known of the level. How much the price bounces stays known. */
  clear(): void {
    for (const model of this.#models) {
      model.offset = 0
      model.variance = model.theta
    }
  }

  /**
   * @param step between two closes, in quote currency
   * @param windows between them, 1 or more
   * @param square mean square of a step, as known before this one; 0 while none is
   */
  learn(step: number, windows: number, square: number): void {
    for (const model of this.#models) {
      const { theta } = model
      const walked = model.variance + (1 - theta) ** 2 * windows
      const total = walked + theta
      const error = step - model.offset
      const noise = theta / total
      model.offset = -noise * error
      model.variance = noise * walked
      if (square > 0) {
        const expected = (square * total) / (1 + theta ** 2)
        model.score +=
          -Math.log(expected) / 2 -
          ((DEGREES + 1) / 2) * Math.log1p(error ** 2 / ((DEGREES - 2) * expected))
      }
    }
    const best = Math.max(...this.#models.map(({ score }) => score))
    for (const model of this.#models) {
      const prior = priorOf(model.theta)
      model.score = prior + (1 - 1 / MEMORY_STEPS) * (model.score - best - prior)
    }
  }

  /** @param horizon windows ahead, 1 or more */
  prospect(horizon: number): Prospect {
    let [weights, offset, squares, spread, change, walkShare] = [0, 0, 0, 0, 0, 0]
    for (const model of this.#models) {
      const { theta } = model
      const weight = Math.exp(model.score)
      const unit = 1 + theta ** 2
      const walk = horizon * (1 - theta) ** 2
      weights += weight
      offset += weight * model.offset
      squares += weight * model.offset ** 2
      spread += weight * Math.sqrt((model.variance + walk + theta) / unit)
      change += (weight * (walk + 2 * theta)) / unit
      walkShare += (weight * walk) / (walk + 2 * theta)
    }
    const mean = offset / weights
    return {
      offset: mean,
      disagreement: Math.max(0, squares / weights - mean ** 2),
      variance: (spread / weights) ** 2,
      change: change / weights,
      walkShare: walkShare / weights
    }
  }

  state(): BounceState {
    return this.#models.flatMap(({ offset, variance, score }) => [offset, variance, score])
  }
}

function priorOf(theta: number): number {
  return theta === 0 ? 0 : PRIOR
}

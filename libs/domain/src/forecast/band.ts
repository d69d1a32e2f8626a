import { Bounce } from './bounce.ts'
import { studentT975 } from './significance.ts'

/** 95 % and 97.5 % quantiles of the standard normal. */
const Z95 = 1.6448536269514722
const Z975 = 1.959963984540054
const BEND = Z975 - Z95
/** Gives the formula the exact value, slope and curvature at offset 0. */
const CURVE = (Z975 / BEND - 1 / BEND ** 2) / 2

/**
 * Half the width of the interval about a point that holds 95 % of a normal whose mean lies `offset`
 * away: the w with P(|Z sd + offset| <= w) = 0.95. 1.96 sd at offset 0; from two sd on, where only one
 * tail is left outside, offset + 1.645 sd. In between a closed form within 0.0035 sd: it holds 94.96 to
 * 95.05 %.
 */
export function shiftedIntervalHalf(offset: number, sd: number): number {
  if (sd === 0) return offset
  const r = offset / sd
  return offset + sd * (Z95 + BEND * Math.exp(r * (CURVE * r - 1 / BEND)))
}

/** Steps the long memory weighs: more than a quiet spell has. */
const MEMORY_STEPS = 500
/** The memory says as much as so many steps of the lookback. */
const MEMORY_WEIGHT = 10
/** The usual move is the mean of so many. */
const USUAL_MOVES = 100
/**
 * A step counts for at most eight usual moves, more than six standard deviations of a normal: a
 * print far from the market comes back at once and says nothing of the next.
 */
const STEP_CEILING = 8
/** What steps and bounce say of changes over the horizon weighs as much as so many of them that are independent. */
const STEPS_WEIGHT = 5
/**
 * A step tells less of the variance than one of a normal does, as its tails are fatter: with a kurtosis of 6, n of
 * them have 2 n / (6 - 1) degrees of freedom.
 */
const DEGREES_A_STEP = 0.4
/** With fewer moves their mean is too uncertain to cut off by. */
const MIN_MOVES = 10

/** Squared steps and the windows they took; from a number of steps on older ones fade. */
interface StepSums {
  readonly squares: number
  readonly windows: number
  readonly count: number
}

const NO_STEPS: StepSums = { squares: 0, windows: 0, count: 0 }

/** The sums with one step more; from `span` steps on they forget one part in `span` a step. */
function withStep(sums: StepSums, span: number, square: number, windows: number): StepSums {
  const keep = sums.count < span ? 1 : 1 - 1 / span
  return {
    squares: keep * sums.squares + square,
    windows: keep * sums.windows + windows,
    count: Math.min(sums.count + 1, span)
  }
}

function numbersOf({ squares, windows, count }: StepSums): number[] {
  return [squares, windows, count]
}

function meanSquare({ squares, windows, count }: StepSums): number {
  return count === 0 ? 0 : squares / windows
}

/**
 * Stored form: squares, windows and count of the recent steps, the same of the memory, usual move, moves,
 * squares, windows and count of the changes over the horizon, and BounceState. Earlier ones end before it, or before the
 * changes.
 */
export type StepPaceState = readonly number[]

/** The outcome as known when its forecast is made, in quote currency. */
export interface Outlook {
  /** Its mean less the last close: not 0 where the price is off its level and will return. */
  readonly offset: number
  /** Its standard deviation about that mean. */
  readonly spread: number
}

/**
 * How far the price moves in a window, as known when a close comes: from about a lookback of the steps
 * since the closes began, and, weighing as much as ten of them, from the last 500 across sessions. The
 * memory says what a step may be when few are known, or none of the recent ones moved.
 *
 * Steps of a price that returns (bounces between bid and ask, noise about a value) do not add up: it
 * is nearer after `horizon` windows than the root of them says. How much, and where it returns to, `Bounce` tells from
 * the first steps on; what is left, such as a slower return, the changes over the horizon tell against
 * the steps, the variance ratio. Overlapping changes of a walk are few independent ones, those of noise are many.
 * Source: Lo & MacKinlay, Stock market prices do not follow random walks, Review of Financial Studies 1
 * (1988).
 */
export class StepPace {
  readonly #lookback: number
  #recent = NO_STEPS
  #memory = NO_STEPS
  /** Changes over the horizon; they overlap. */
  #far = NO_STEPS
  /** Mean size of the steps that moved, per root of a window: it stays while the price stands still. */
  #usual = 0
  #moves = 0
  readonly #bounce: Bounce

  constructor(lookback: number, state: StepPaceState = []) {
    const [squares = 0, windows = 0, count = 0, ...rest] = state
    const [memorySquares = 0, memoryWindows = 0, memoryCount = 0, usual = 0, moves = 0] = rest
    const [farSquares = 0, farWindows = 0, farCount = 0] = rest.slice(5)
    this.#lookback = lookback
    this.#recent = { squares, windows, count }
    this.#memory = { squares: memorySquares, windows: memoryWindows, count: memoryCount }
    this.#far = { squares: farSquares, windows: farWindows, count: farCount }
    this.#usual = usual
    this.#moves = moves
    this.#bounce = new Bounce(rest.slice(8))
  }

  /** The closes begin again; the memory stays. */
  clear(): void {
    this.#recent = NO_STEPS
    this.#bounce.clear()
  }

  /** @param windows between the two closes, 1 or more */
  learn(step: number, windows: number): void {
    this.#bounce.learn(step, windows, this.#stepSquare)
    const move = this.#moveOf(step, windows)
    if (move > 0) {
      this.#moves = Math.min(this.#moves + 1, USUAL_MOVES)
      this.#usual += (move - this.#usual) / this.#moves
    }
    const square = move * move * windows
    this.#recent = withStep(this.#recent, this.#lookback, square, windows)
    this.#memory = withStep(this.#memory, MEMORY_STEPS, square, windows)
  }

  /** Learns from a change over the horizon, after the last step of it. */
  learnFar(change: number, windows: number): void {
    const square = this.#moveOf(change, windows) ** 2 * windows
    this.#far = withStep(this.#far, MEMORY_STEPS, square, windows)
  }

  /**
   * The price `horizon` windows ahead. The spread is widened by Student's t over the normal: a few steps say
   * little of their size. It is 0 while no step is known.
   */
  outlook(horizon: number): Outlook {
    const { count } = this.#recent
    if (count === 0) return { offset: 0, spread: 0 }
    const { offset, disagreement, variance, change, walkShare } = this.#bounce.prospect(horizon)
    const independent = this.#far.count / (1 + (horizon - 1) * walkShare)
    const ratio = this.#varianceRatio(horizon * meanSquare(this.#far), change, independent)
    const wider = studentT975(Math.max(1, Math.round(DEGREES_A_STEP * count))) / Z975
    const square = ratio * variance * this.#stepSquare * wider ** 2
    return { offset, spread: Math.sqrt(square + disagreement) }
  }

  /** Mean square of a step per window. */
  get #stepSquare(): number {
    const { count } = this.#recent
    const weight = Math.min(MEMORY_WEIGHT, this.#memory.count)
    if (count + weight === 0) return 0
    return (count * meanSquare(this.#recent) + weight * meanSquare(this.#memory)) / (count + weight)
  }

  /** Mean square of changes over the horizon against `change` mean squares of a step. */
  #varianceRatio(square: number, change: number, independent: number): number {
    const steps = meanSquare(this.#memory)
    if (steps === 0) return 1
    return (STEPS_WEIGHT + (independent * square) / (change * steps)) / (STEPS_WEIGHT + independent)
  }

  /** Size of a change per root of a window, cut off. */
  #moveOf(change: number, windows: number): number {
    const whole = Math.abs(change) / Math.sqrt(windows)
    return this.#moves < MIN_MOVES ? whole : Math.min(whole, STEP_CEILING * this.#usual)
  }

  state(): StepPaceState {
    return [
      ...numbersOf(this.#recent),
      ...numbersOf(this.#memory),
      this.#usual,
      this.#moves,
      ...numbersOf(this.#far),
      ...this.#bounce.state()
    ]
  }
}

/** Stored form of a band. */
export interface BandState {
  /** The half width drawn over that by the steps of the price. */
  readonly factor: number
  /** Outcomes learnt from. */
  readonly outcomes: number
  /** Why it began with nothing learnt. */
  readonly since: 'first forecast' | 'change point' | 'stored state of an earlier kind'
}

/** What is known of an outcome when its forecast is made, in quote currency. */
interface BandBasis extends Outlook {
  readonly lastClose: number
  readonly forecast: number
}

/** Share of targets meant to lie outside the band. */
const MISS_RATE = 0.05
/**
 * Steps on the logarithm of the factor fall as 1 / sqrt(30 + outcomes): the random walk weighs as much
 * as 30 outcomes. They end where the band still follows changes: a miss widens by about 5 %, and 19
 * hits undo it.
 */
const PRIOR_OUTCOMES = 30
const LAST_RATE = 0.05
/**
 * A price that stands still is always within; that must not shrink a band to nothing. The least factor
 * is this over sqrt(horizon): a price that only bounces about one level spreads no further with the
 * horizon, a walk by its square root.
 */
const LEAST_FACTOR = 0.25
/** Nor is it ever narrower than this share of the price each way: a cent at a hundred dollars. */
const LEAST_SHARE = 1e-4

/** Half the width of the 95 % interval about the forecast, by the steps of the price alone. */
function stepsHalf({ lastClose, offset, forecast, spread }: BandBasis): number {
  return shiftedIntervalHalf(Math.abs(forecast - lastClose - offset), spread)
}

/** The 95 % interval about the forecast, by the steps of the price alone. */
export function stepsInterval(basis: BandBasis): { lower: number; upper: number } {
  const half = stepsHalf(basis)
  return { lower: basis.forecast - half, upper: basis.forecast + half }
}

/**
 * Half the width of a 95 % band that is honest from the first forecast on, and learns.
 *
 * It starts from what is known before any outcome. By its own recent steps the price will lie about the last
 * close, or the level that it bounces about, and not about the forecast: so the band about the forecast
 * must reach over the distance between the two. That width is multiplied by a factor learnt online from the misses of the band as drawn: log factor += rate (miss - 0.05). Over n
 * outcomes at one rate the share of misses differs from 5 % by log(factor now / factor first) /
 * (rate n), whatever the distribution, also when it changes; only a price that hardly moves, held by
 * the least factor, is missed less often. The width holds what varies by the minute, so the factor may
 * learn slowly: overlapping targets miss together, and h of them count as one outcome. Feedback comes
 * when the target is final, `horizon` bars after the band was drawn.
 * Sources: Gibbs & Candes, Adaptive conformal inference under distribution shift (NeurIPS 2021);
 * Angelopoulos, Candes & Tibshirani, Conformal PID control for time series prediction (NeurIPS 2023),
 * quantile tracking; Angelopoulos, Barber & Bates, Online conformal prediction with decaying step sizes
 * (ICML 2024); scores in units of a predicted spread: Lei et al., Distribution-free predictive
 * inference for regression (JASA 2018), section 5.2.
 */
export class AdaptiveBand {
  readonly #horizon: number
  #state: BandState

  /** @param state one without a factor held half a width in prices; nothing of it can be used */
  constructor(horizon: number, state?: BandState | { readonly half: number }) {
    this.#horizon = horizon
    if (state === undefined) this.#state = this.#begin('first forecast')
    else if ('factor' in state) this.#state = state
    else this.#state = this.#begin('stored state of an earlier kind')
  }

  half(basis: BandBasis): number {
    return Math.max(LEAST_SHARE * Math.abs(basis.lastClose), this.#state.factor * stepsHalf(basis))
  }

  /** Learns whether a band drawn by it missed. */
  learn(missed: boolean): void {
    const { factor, outcomes, since } = this.#state
    const falling = 1 / Math.sqrt(PRIOR_OUTCOMES + outcomes / this.#horizon)
    const root = Math.sqrt(this.#horizon)
    const rate = Math.max(LAST_RATE, falling) / root
    const next = factor * Math.exp(rate * ((missed ? 1 : 0) - MISS_RATE))
    this.#state = { factor: Math.max(LEAST_FACTOR / root, next), outcomes: outcomes + 1, since }
  }

  /** Forgets what was learnt: the model it was learnt from begins again. */
  restart(): void {
    this.#state = this.#begin('change point')
  }

  state(): BandState {
    return this.#state
  }

  #begin(since: BandState['since']): BandState {
    return { factor: 1, outcomes: 0, since }
  }
}

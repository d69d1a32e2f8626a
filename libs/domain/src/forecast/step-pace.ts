import { studentT975 } from '../student-t.ts'

/** Serialisable state: squares, windows and count of the lookback, the same of the memory, usual move, moves. */
export type StepPaceState = readonly number[]

/** Steps the long memory weighs: more than a quiet spell has. */
const MEMORY_STEPS = 500
/** The memory says as much as so many steps of the lookback. */
const MEMORY_WEIGHT = 10
/** Moves of which the usual one is the mean. */
const USUAL_MOVES = 100
/**
 * A step counts for at most eight usual moves, more than six standard deviations of a normal: a
 * print far from the market comes back at once and says nothing of the next.
 */
const CEILING = 8
/** With fewer moves their mean is too uncertain to cut off by. */
const MIN_MOVES = 10
const Z975 = studentT975(Infinity)

/** Sums of squares and windows that, from `span` steps on, forget one part in `span` a step. */
class Fading {
  readonly #span: number
  squares = 0
  windows = 0
  count = 0

  constructor(span: number) {
    this.#span = span
  }

  add(square: number, windows: number): void {
    const keep = this.count < this.#span ? 1 : 1 - 1 / this.#span
    this.squares = keep * this.squares + square
    this.windows = keep * this.windows + windows
    if (this.count < this.#span) this.count++
  }

  clear(): void {
    this.squares = this.windows = this.count = 0
  }

  get meanSquare(): number {
    return this.count === 0 ? 0 : this.squares / this.windows
  }
}

/**
 * How far the price moves in a window, as known when a close comes: from about a lookback of the steps
 * since the closes began, and, as ten more, from far more of them across sessions: what a step may be
 * when few are known, or none of late moved. Constant time. Late revisions of closes do not rewrite it.
 */
export class StepPace {
  readonly #recent: Fading
  readonly #memory = new Fading(MEMORY_STEPS)
  /** Mean size of the steps that moved, per root of a window: a price that stands still has not lost it. */
  #usual = 0
  #moves = 0

  constructor(lookback: number) {
    this.#recent = new Fading(lookback)
  }

  /** The closes begin anew; the memory stays. */
  clear(): void {
    this.#recent.clear()
  }

  /** @param windows between the two closes, 1 or more */
  learn(step: number, windows: number): void {
    const root = Math.sqrt(windows)
    const whole = Math.abs(step) / root
    const move = this.#moves < MIN_MOVES ? whole : Math.min(whole, CEILING * this.#usual)
    if (move > 0) {
      if (this.#moves < USUAL_MOVES) this.#moves++
      this.#usual += (move - this.#usual) / this.#moves
    }
    const square = move * move * windows
    this.#recent.add(square, windows)
    this.#memory.add(square, windows)
  }

  /**
   * Standard deviation of the price `horizon` windows ahead, were it a random walk, widened by
   * Student's t over the normal: a few steps say little of their size. 0 while no step is known.
   */
  spread(horizon: number): number {
    const { count, meanSquare } = this.#recent
    if (count === 0) return 0
    const weight = Math.min(MEMORY_WEIGHT, this.#memory.count)
    const sum = count * meanSquare + weight * this.#memory.meanSquare
    return (studentT975(count) / Z975) * Math.sqrt((horizon * sum) / (count + weight))
  }

  state(): StepPaceState {
    return [
      ...[this.#recent, this.#memory].flatMap((one) => [one.squares, one.windows, one.count]),
      this.#usual,
      this.#moves
    ]
  }

  restore(state: StepPaceState): void {
    for (const [index, one] of [this.#recent, this.#memory].entries()) {
      ;[one.squares = 0, one.windows = 0, one.count = 0] = state.slice(3 * index)
    }
    ;[this.#usual = 0, this.#moves = 0] = state.slice(6)
  }
}

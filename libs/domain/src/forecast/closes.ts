import { assert } from '@tapedeck/core'
import { StepPace, type StepPaceState } from './band.ts'
import type { CoverageOf, FinalBar } from './final-bar.ts'
import { fitLine, type FittedLine, type Point } from './regression.ts'
import { windowLengthMs, type ForecastSpec } from './spec.ts'

/** The stored form of the closes in use. */
export interface ClosesState {
  /** End of the newest bar whose close is in use, epoch ms; 0 while there is none. */
  readonly newestEndMs: number
  readonly session: string
  readonly tradeDate: string
  readonly isInGap: boolean
  /** Oldest first. */
  readonly ring: readonly (readonly [startMs: number, close: number, revision: number])[]
  /** Absent in states stored before there was one: it then begins with the closes of the ring. */
  readonly pace?: StepPaceState
}

/** The effect of a bar on the closes in use. */
interface CloseEffect {
  /** Its close is now the newest in use. */
  readonly isTaken: boolean
  /** A feed gap begins with it, or lies before it. */
  readonly isNewGap: boolean
}

interface Close {
  readonly startMs: number
  readonly close: number
  readonly revision: number
}

/** The closes behind one forecast, and how far the price moved in them. */
export class Lookback {
  /** Oldest first; the newest is [0, 0]. */
  readonly points: readonly Point[]
  readonly lastClose: number
  /** Mean square of the price's change per window, over all closes of the series' lookback. */
  readonly stepVariance: number
  #line: FittedLine | undefined

  constructor(points: readonly Point[], lastClose: number, stepVariance = varianceOf(points)) {
    this.points = points
    this.lastClose = lastClose
    this.stepVariance = stepVariance
  }

  /** The least-squares line through the points; undefined with too few. */
  get line(): FittedLine | undefined {
    return (this.#line ??= fitLine(this.points))
  }

  /** Mean change per window, which the drift forecast continues. */
  get meanStep(): number {
    const [x, y] = this.points[0] ?? [0, 0]
    return x === 0 ? 0 : y / x
  }

  /**
   * Mean absolute change over `horizon` closes: the scale of MASE. Null while there is no such pair,
   * or the price did not move.
   */
  scale(horizon: number): number | null {
    const { points } = this
    const pairs = points.length - horizon
    let absolute = 0
    for (let i = 0; i < pairs; i++) {
      absolute += Math.abs((points[i + horizon]?.[1] ?? 0) - (points[i]?.[1] ?? 0))
    }
    return absolute > 0 ? absolute / pairs : null
  }
}

function varianceOf(points: readonly Point[]): number {
  const [oldest] = points
  let squares = 0
  let before = oldest
  for (const point of points) {
    squares += (point[1] - (before?.[1] ?? 0)) ** 2
    before = point
  }
  return oldest === undefined || squares === 0 ? 0 : squares / -oldest[0]
}

/**
 * The newest closes that a series may use, `lookback` at most. They belong to one session of one trading date
 * (for trading days: to any), with the feed up throughout. A session break or a feed gap removes them all, for
 * every model.
 */
export class Closes {
  /** How far the price moves in a window, from every step between two closes. */
  readonly pace: StepPace
  readonly #lookback: number
  readonly #horizon: number
  readonly #lengthMs: number | undefined
  readonly #minCoverage: number
  /** Ascending by start. */
  #closes: Close[]
  #session: string
  #tradeDate: string
  #isInGap: boolean
  #newestEndMs: number

  constructor(
    { timeframe, lookback, horizon }: ForecastSpec,
    minCoverage: number,
    state: ClosesState | undefined
  ) {
    this.#lookback = lookback
    this.#horizon = horizon
    this.#lengthMs = windowLengthMs(timeframe)
    this.#minCoverage = minCoverage
    this.#session = state?.session ?? ''
    this.#tradeDate = state?.tradeDate ?? ''
    this.#isInGap = state?.isInGap ?? false
    this.#newestEndMs = state?.newestEndMs ?? 0
    const stored = state?.ring ?? []
    this.#closes = stored.map(([startMs, close, revision]) => ({ startMs, close, revision }))
    this.pace = new StepPace(lookback, state?.pace)
    if (state?.pace === undefined) this.#closes.forEach((_, index) => this.#learnStep(index))
    this.#trim()
  }

  /** Adds the close of a new bar, if it has one and the feed covered it. */
  admit(bar: FinalBar, coverageOf: CoverageOf): CloseEffect {
    const { startMs, endMs, close, revision } = bar
    const wasInGap = this.#isInGap
    this.#isInGap = bar.coverage < this.#minCoverage
    if (this.#isInGap) {
      this.#clear()
      return { isTaken: false, isNewGap: !wasInGap }
    }
    if (close === null) return { isTaken: false, isNewGap: false }
    const isOtherSession = this.#isOtherSession(bar)
    const isAfterGap = !isOtherSession && this.#isAfterGap(bar, coverageOf)
    if (isOtherSession || isAfterGap) this.#clear()
    this.#session = bar.session
    this.#tradeDate = bar.tradeDate
    this.#newestEndMs = endMs
    this.#closes.push({ startMs, close, revision })
    this.#learnStep(this.#closes.length - 1)
    this.#trim()
    return { isTaken: true, isNewGap: isAfterGap && !wasInGap }
  }

  /**
   * Replaces the close of an earlier bar, or inserts that of a bar that only late trades made. Returns false
   * when nothing changes. The pace keeps the step of the earlier close.
   */
  revise(bar: FinalBar): boolean {
    const { startMs, close, coverage, revision } = bar
    if (close === null || coverage < this.#minCoverage) return false
    const index = this.#closes.findLastIndex((one) => one.startMs <= startMs)
    const found = this.#closes[index]
    if (found === undefined) return false // older than every close in use
    if (found.startMs === startMs) {
      if (found.revision > revision || found.close === close) return false
      this.#closes[index] = { startMs, close, revision }
      return true
    }
    if (this.#isOtherSession(bar)) return false
    this.#closes.splice(index + 1, 0, { startMs, close, revision })
    if (index + 2 === this.#closes.length) this.#newestEndMs = bar.endMs
    this.#trim()
    return true
  }

  /** The closes in use. @throws AssertionError when there is none */
  lookback(): Lookback {
    const newest = this.#closes.at(-1)
    assert(newest !== undefined, 'a close is in use')
    const last = this.#closes.length - 1
    const points = this.#closes.map((one, index): Point => [
      this.#windows(newest, one, index - last),
      one.close - newest.close
    ])
    return new Lookback(points, newest.close)
  }

  /** The closes of `lookback()` whose bars begin at or after a moment, epoch ms. */
  lookbackSince(startMs: number, all: Lookback): Lookback {
    const first = this.#closes.findIndex((one) => one.startMs >= startMs)
    return first === 0
      ? all
      : new Lookback(all.points.slice(first), all.lastClose, all.stepVariance)
  }

  state(): ClosesState {
    return {
      newestEndMs: this.#newestEndMs,
      session: this.#session,
      tradeDate: this.#tradeDate,
      isInGap: this.#isInGap,
      ring: this.#closes.map(({ startMs, close, revision }) => [startMs, close, revision] as const),
      pace: this.pace.state()
    }
  }

  /** Windows from one bar to another, `steps` closes later; trading days are counted by closes. */
  #windows(from: Close, to: Close, steps: number): number {
    return this.#lengthMs === undefined ? steps : (to.startMs - from.startMs) / this.#lengthMs
  }

  /** The step that led to the close of that place, and the change over the horizon that ends with it. */
  #learnStep(index: number): void {
    const [before, now] = [this.#closes[index - 1], this.#closes[index]]
    if (before === undefined || now === undefined) return
    this.pace.learn(now.close - before.close, this.#windows(before, now, 1))
    const far = this.#horizon === 1 ? undefined : this.#closes[index - this.#horizon]
    if (far === undefined) return
    this.pace.learnFar(now.close - far.close, this.#windows(far, now, this.#horizon))
  }

  #trim(): void {
    while (this.#closes.length > this.#lookback) this.#closes.shift()
  }

  /** Trading days follow one another; shorter bars belong to one session of one day. */
  #isOtherSession({ session, tradeDate }: FinalBar): boolean {
    if (this.#lengthMs === undefined) return false
    return session !== this.#session || tradeDate !== this.#tradeDate
  }

  /** Windows without a bar between the newest close and this one, in which the feed was down. */
  #isAfterGap(bar: FinalBar, coverageOf: CoverageOf): boolean {
    const { startMs } = bar
    if (this.#closes.length === 0 || startMs <= this.#newestEndMs) return false
    return coverageOf(bar, this.#newestEndMs, startMs) < this.#minCoverage
  }

  #clear(): void {
    this.#closes = []
    this.pace.clear()
  }
}

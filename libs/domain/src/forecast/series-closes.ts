import { CloseRing } from './close-ring.ts'
import type { FinalBar } from './final-bar.ts'
import type { ForecastSpec } from './forecast-spec.ts'
import { windowLengthMs } from './forecast-target.ts'
import type { ModelTrack } from './model-track.ts'
import type { SeriesState } from './series-history.ts'
import { StepPace } from './step-pace.ts'
import { StepSums } from './step-sums.ts'

/** What a bar did to the closes in use. */
export interface Admission {
  /** Its close is the newest in use. */
  readonly isTaken: boolean
  /** A feed gap begins with it, or lies before it. */
  readonly isNewGap: boolean
}

/** Share of a symbol's stretch [startMs, endMs) in which the feed was up. */
export type CoverageOf = (symbol: string, startMs: number, endMs: number) => number

/**
 * The closes a series may use: of one session of one trading date (trading days: all), with the feed
 * up throughout. What breaks that empties them, for every model.
 */
export class SeriesCloses {
  readonly ring: CloseRing
  readonly steps: StepSums
  readonly pace: StepPace
  readonly #lookback: number
  readonly #lengthMs: number | undefined
  readonly #minCoverage: number
  readonly #tracks: readonly ModelTrack[]
  #session: string
  #tradeDate: string
  #isInGap: boolean
  #newestEndMs: number

  constructor(
    { timeframe, lookback, horizon }: ForecastSpec,
    minCoverage: number,
    tracks: readonly ModelTrack[],
    state: SeriesState | undefined
  ) {
    this.ring = new CloseRing(lookback + 1)
    this.steps = new StepSums(lookback, horizon)
    this.pace = new StepPace(lookback)
    this.#lookback = lookback
    this.#lengthMs = windowLengthMs(timeframe)
    this.#minCoverage = minCoverage
    this.#tracks = tracks
    this.#session = state?.session ?? ''
    this.#tradeDate = state?.tradeDate ?? ''
    this.#isInGap = state?.isInGap ?? false
    this.#newestEndMs = state?.newestEndMs ?? 0
    if (state === undefined) return
    for (const [startMs, close, revision] of state.ring) {
      this.ring.push({ startMs, position: this.#positionOf(startMs), close, revision })
    }
    this.steps.restore(state.steps)
    if (state.pace !== undefined) this.pace.restore(state.pace)
    else for (let age = this.ring.length - 2; age >= 0; age--) this.#learnStep(age)
  }

  /** Takes in the close of a new bar, if it has one that can be trusted. */
  admit(bar: FinalBar, coverageOf: CoverageOf): Admission {
    const { startMs, endMs, close, session, tradeDate, revision } = bar
    const wasInGap = this.#isInGap
    this.#isInGap = bar.coverage < this.#minCoverage
    if (this.#isInGap) {
      this.#break()
      return { isTaken: false, isNewGap: !wasInGap }
    }
    if (close === null) return { isTaken: false, isNewGap: false }
    const isAfterGap = !this.#isOtherSession(bar) && this.#isAfterGap(bar, coverageOf)
    if (isAfterGap || this.#isOtherSession(bar)) this.#break()
    this.#session = session
    this.#tradeDate = tradeDate
    this.#newestEndMs = endMs
    this.ring.push({ startMs, position: this.#positionOf(startMs), close, revision })
    this.steps.extend(this.ring)
    if (this.ring.length > 1) this.#learnStep(0)
    for (const track of this.#tracks) track.extend(this.ring)
    return { isTaken: true, isNewGap: isAfterGap && !wasInGap }
  }

  /** Puts the corrected close of an earlier bar in its place; false when that changes nothing. */
  revise(bar: FinalBar): boolean {
    const { startMs, close, coverage, revision } = bar
    if (close === null || coverage < this.#minCoverage) return false
    let insertedAge: number | undefined
    if (this.ring.lacks(startMs)) {
      if (this.#isOtherSession(bar)) return false
      insertedAge = this.ring.insert(
        { startMs, position: this.#positionOf(startMs), close, revision },
        this.#lengthMs === undefined
      )
      if (insertedAge === 0) this.#newestEndMs = bar.endMs
    } else if (!this.ring.revise(startMs, close, revision)) return false
    this.steps.recompute(this.ring, Math.min(this.ring.length, this.#lookback))
    for (const track of this.#tracks) track.revise(this.ring, insertedAge)
    return true
  }

  state(): Pick<
    SeriesState,
    'newestEndMs' | 'session' | 'tradeDate' | 'isInGap' | 'ring' | 'steps' | 'pace'
  > {
    return {
      newestEndMs: this.#newestEndMs,
      session: this.#session,
      tradeDate: this.#tradeDate,
      isInGap: this.#isInGap,
      ring: this.ring
        .toArray()
        .map(({ startMs, close, revision }) => [startMs, close, revision] as const),
      steps: this.steps.state(),
      pace: this.pace.state()
    }
  }

  /** The step that led to the close of that age. */
  #learnStep(age: number): void {
    const { ring } = this
    const windows = ring.position(age) - ring.position(age + 1)
    this.pace.learn(ring.close(age) - ring.close(age + 1), windows)
  }

  /** Trading days follow one another; shorter bars belong to one session of one day. */
  #isOtherSession({ session, tradeDate }: FinalBar): boolean {
    if (this.#lengthMs === undefined) return false
    return session !== this.#session || tradeDate !== this.#tradeDate
  }

  /** Windows without a bar between the newest close and this one, in which the feed was down. */
  #isAfterGap({ symbol, startMs }: FinalBar, coverageOf: CoverageOf): boolean {
    if (this.ring.length === 0 || startMs <= this.#newestEndMs) return false
    return coverageOf(symbol, this.#newestEndMs, startMs) < this.#minCoverage
  }

  #break(): void {
    this.ring.clear()
    this.steps.clear()
    this.pace.clear()
    for (const track of this.#tracks) track.clear()
  }

  /** Windows since the epoch; trading days are counted by those with a trade. */
  #positionOf(startMs: number): number {
    if (this.#lengthMs !== undefined) return startMs / this.#lengthMs
    return this.ring.length === 0 ? 0 : this.ring.position(0) + 1
  }
}

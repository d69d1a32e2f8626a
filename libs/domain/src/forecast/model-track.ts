import { AdaptiveBand } from './adaptive-band.ts'
import { ChangeDetector, independentEvery, type FoundChange } from './change-detector.ts'
import type { CloseRing } from './close-ring.ts'
import type { ForecastModel } from './forecast-models.ts'
import type { LedgerEntry } from './ledger-entry.ts'
import { isScored } from './ledger-entry.ts'
import { fitLine, intervalHalf } from './line-fit.ts'
import { LineSums } from './line-sums.ts'
import { RollingScores } from './score-board.ts'
import type { ModelState } from './series-history.ts'
import type { StepSums } from './step-sums.ts'

/** What a model says of one target, in quote currency. */
export interface ModelForecast {
  readonly model: string
  /** One more for each restart of the model after a change point. */
  readonly modelVersion: number
  /** Closes used. */
  readonly n: number
  readonly slope: number
  readonly intercept: number
  readonly r2: number
  readonly standardError: number
  readonly forecast: number
  /** 95 % prediction interval of least squares: the reference. */
  readonly lower: number
  readonly upper: number
  /** 95 % adaptive band: the headline. */
  readonly bandLower: number
  readonly bandUpper: number
  /** `ols` only in forecasts of before: the interval of least squares stood in for a band unlearnt. */
  readonly bandFrom: 'ols' | 'adaptive'
}

/** One model on one series: its line, its band, its change detector and its scores. */
export class ModelTrack {
  readonly model: ForecastModel
  readonly #horizon: number
  readonly #sums: LineSums
  #version: number
  readonly #band: AdaptiveBand
  readonly #detector: ChangeDetector
  readonly board: RollingScores

  constructor(
    model: ForecastModel,
    { lookback, horizon }: { readonly lookback: number; readonly horizon: number },
    state?: ModelState
  ) {
    this.model = model
    this.#horizon = horizon
    this.#sums = new LineSums(model.decay(lookback), lookback)
    if (state !== undefined) this.#sums.restore(state.sums)
    this.#version = state?.version ?? 1
    this.#band = new AdaptiveBand(horizon, state?.band)
    this.#detector = new ChangeDetector(independentEvery(lookback, horizon), state?.detector)
    this.board = new RollingScores(horizon, state?.board)
  }

  get version(): number {
    return this.#version
  }

  /** Forgets the closes: they belong to another session, or lie before a gap. */
  clear(): void {
    this.#sums.clear()
  }

  extend(ring: CloseRing): void {
    this.#sums.extend(ring)
  }

  /** A close in the ring was corrected, or a late one was put in at `insertedAge`. */
  revise(ring: CloseRing, insertedAge?: number): void {
    const { count, span } = this.#sums
    if (count === 0) return
    const isWithin = insertedAge !== undefined && insertedAge < count
    this.#sums.recompute(ring, Math.min(isWithin ? count + 1 : count, span))
  }

  /**
   * Undefined with fewer than `minPoints` closes.
   * @param spread standard deviation of the outcome about the last close, were the price a random walk
   */
  forecast(
    { ring, steps }: { readonly ring: CloseRing; readonly steps: StepSums },
    spread: number,
    minPoints: number
  ): ModelForecast | undefined {
    const line = this.#sums.count < minPoints ? undefined : fitLine(this.#sums)
    if (line === undefined) return undefined
    const { n, slope, intercept, r2, standardError } = line
    const lastClose = ring.close(0)
    const forecast = this.model.forecast(line, {
      horizon: this.#horizon,
      lastClose,
      stepVariance: steps.variance(ring)
    })
    const half = intervalHalf(line, this.#horizon)
    const bandHalf = this.#band.half({ lastClose, forecast, spread })
    return {
      model: this.model.name,
      modelVersion: this.#version,
      n,
      slope,
      intercept,
      r2,
      standardError,
      forecast,
      lower: forecast - half,
      upper: forecast + half,
      bandLower: forecast - bandHalf,
      bandUpper: forecast + bandHalf,
      bandFrom: 'adaptive'
    }
  }

  /** Learns from an entry settled for the first time; a change found restarts the model. */
  settle(entry: LedgerEntry): FoundChange | undefined {
    this.board.put(entry)
    if (!isScored(entry)) return undefined
    // Errors of the version before say nothing of this one.
    if (entry.modelVersion !== this.#version) return undefined
    if (entry.bandFrom === 'adaptive') this.#band.learn(!entry.inBand)
    if (entry.scale === null) return undefined
    const change = this.#detector.take(Math.abs(entry.error) / entry.scale)
    if (change === undefined) return undefined
    this.#version++
    this.#band.restart()
    this.clear()
    return change
  }

  state(): ModelState {
    return {
      model: this.model.name,
      version: this.#version,
      sums: this.#sums.state(),
      band: this.#band.state(),
      detector: this.#detector.state(),
      board: this.board.state()
    }
  }
}

import type { CoverageOf, FinalBar } from './final-bar.ts'
import { FORECAST_MODELS } from './models.ts'
import { MIN_LINE_POINTS } from './regression.ts'
import { ForecastResults, type ChangedSeries, type ForecastResult } from './results.ts'
import type { Contribution } from './scores.ts'
import {
  ForecastSeries,
  type AdvanceContext,
  type SeriesHistory,
  type SeriesOptions,
  type SeriesRequest
} from './series.ts'
import { seriesId, type ForecastSpec } from './spec.ts'

/** A close whose bar has less coverage is not used. */
export const MIN_COVERAGE = 0.9

const DEFAULTS: SeriesOptions = {
  models: FORECAST_MODELS,
  minPoints: (lookback) => Math.max(MIN_LINE_POINTS, Math.ceil(lookback / 2)),
  minCoverage: MIN_COVERAGE,
  promptMs: 0,
  scoresPast: false
}

/**
 * The newest scores of a series, at most 500 a model (LONG_WINDOW), by the model's name. They are read after
 * the history, because forecasts do not need them.
 */
export interface SeriesScores {
  readonly id: string
  readonly byModel: ReadonlyMap<string, readonly Contribution[]>
}

export interface ForecastInput {
  /**
   * Bars in the order in which they became final or were revised. A bar at or before the newest of its series
   * is a revision, a bar that only late trades made, or a repeat, which changes nothing.
   */
  readonly bars: readonly FinalBar[]
  /** All bars that end at or before it are final, except bars of late trades; epoch ms. */
  readonly watermarkMs: number
  /** Wall clock and offset, stored with each forecast and used for nothing else. */
  readonly nowMs: number
  readonly offset?: number
  /** Share of a stretch in which the feed was up; for stretches without a bar. */
  readonly coverageOf?: CoverageOf
}

/**
 * The forecasts of one partition: requests history, accepts final bars, returns the documents to store.
 *
 * Pure and replayable: the results depend on the bars and their order only, not on how they are batched, and
 * repeated bars are recognised. Store the results of an advance, the states of the series last, before the
 * next call of `missing`; then
 * `for (let asked = missing(bars); asked.length > 0; asked = missing(bars)) adopt(read(asked))`.
 */
export class ForecastEngine {
  readonly #specs: readonly ForecastSpec[]
  readonly #options: SeriesOptions
  /** The timeframes of the bars that it uses. */
  readonly timeframes: ReadonlySet<string>
  readonly #series = new Map<string, ForecastSeries>()
  /** No open target ends before. */
  #dueMs = Infinity

  constructor(specs: readonly ForecastSpec[], options: Partial<SeriesOptions> = {}) {
    this.#specs = specs
    this.timeframes = new Set(specs.map(({ timeframe }) => timeframe))
    this.#options = { ...DEFAULTS, ...options }
  }

  /** The history that must be read and passed to `adopt` before `advance` may get these bars. */
  missing(bars: readonly FinalBar[]): SeriesRequest[] {
    const requests: SeriesRequest[] = []
    for (const spec of this.#specs) {
      const bySymbol = Map.groupBy(
        bars.filter(({ timeframe }) => timeframe === spec.timeframe),
        ({ symbol }) => symbol
      )
      for (const [symbol, own] of bySymbol) {
        const id = seriesId(symbol, spec.timeframe, spec.horizon)
        const series = this.#series.get(id)
        const targetsMs = series?.targetsToRecall(own) ?? []
        if (series !== undefined && targetsMs.length === 0) continue
        const beforeMs =
          series === undefined ? Math.min(...own.map(({ startMs }) => startMs)) : undefined
        requests.push({ id, symbol, ...spec, beforeMs, targetsMs })
      }
    }
    return requests
  }

  /**
   * Restores series from the history that was read. At the start of a partition, series with open entries may
   * be passed without a request (`beforeMs` Infinity), so that their targets expire even without a further
   * bar; those without a state are skipped. Returns the series that were not in memory.
   */
  adopt(histories: readonly SeriesHistory[]): ChangedSeries[] {
    const adopted: ChangedSeries[] = []
    for (const history of histories) {
      const { id, timeframe, horizon, targetsMs, beforeMs } = history.request
      const found = this.#series.get(id)
      if (found !== undefined) {
        found.recall(targetsMs, history.entries)
        continue
      }
      const spec = this.#specs.find((one) => one.timeframe === timeframe && one.horizon === horizon)
      if (spec === undefined || beforeMs === undefined) continue
      // Entries without a state belong to a flush that a crash cut off. The replay repeats their bars.
      if (beforeMs === Infinity && history.state === null) continue
      const series = new ForecastSeries(spec, history, this.#options)
      this.#series.set(id, series)
      this.#dueMs = Math.min(this.#dueMs, series.dueMs)
      adopted.push(series)
    }
    return adopted
  }

  /** Ids of the series whose rolling scores are not restored yet. */
  withoutScores(): string[] {
    return [...this.#series.values()].filter(({ isWhole }) => !isWhole).map(({ id }) => id)
  }

  /** Restores rolling scores; at any time between two advances. */
  restoreScores(scores: readonly SeriesScores[]): void {
    for (const { id, byModel } of scores) this.#series.get(id)?.restoreScores(byModel)
  }

  /** Processes final and revised bars, then voids targets that the watermark has passed. */
  advance({
    bars,
    watermarkMs,
    nowMs,
    offset = 0,
    coverageOf = () => 1
  }: ForecastInput): ForecastResult {
    const results = new ForecastResults()
    const context: AdvanceContext = { results, nowMs, offset, coverageOf }
    const touched = new Set<ForecastSeries>()
    for (const bar of bars) {
      for (const { timeframe, horizon } of this.#specs) {
        if (timeframe !== bar.timeframe) continue
        const series = this.#series.get(seriesId(bar.symbol, timeframe, horizon))
        if (series === undefined) continue
        touched.add(series)
        series.advance(bar, context)
      }
    }
    for (const series of touched) this.#dueMs = Math.min(this.#dueMs, series.dueMs)
    if (watermarkMs >= this.#dueMs) this.#expire(watermarkMs, context)
    for (const series of touched) series.release()
    return results.result()
  }

  #expire(watermarkMs: number, context: AdvanceContext): void {
    this.#dueMs = Infinity
    for (const series of this.#series.values()) {
      series.expire(watermarkMs, context)
      this.#dueMs = Math.min(this.#dueMs, series.dueMs)
    }
  }
}

import {
  coverageBy,
  forecastBars,
  ForecastEngine,
  seriesId,
  type Bar,
  type ChangedSeries,
  type ForecastResult,
  type PartitionFold
} from '@tapedeck/domain'
import { loadScores, loadSeries, seriesToTakeUp, type Acquired } from '@tapedeck/mongo'
import type { DueScores } from './forecast-writes.ts'
import { retriedWrite, type WriterDeps } from './result-writer.ts'

/** Scores are derived and costly: those of a series are written this often at most, ms. */
const SCORES_EVERY_MS = 1000
/** Series whose rolling scores are read at once, beside the work: each is a thousand entries and more. */
const RESTORED_AT_ONCE = 4

/** Feeds a partition's final and revised bars to its forecasts. */
export class Forecaster {
  readonly #deps: WriterDeps
  readonly #owner: Acquired
  readonly #fold: PartitionFold
  #engine: ForecastEngine
  /** By id, with the offset of the first change that is not in their scores. */
  readonly #unscored = new Map<string, { readonly series: ChangedSeries; readonly since: number }>()
  #scoredAtMs = 0
  /** Rolling scores are being read; no forecast and no bar waits for them. */
  #isRestoring = false
  #isDropped = false

  constructor(deps: WriterDeps, owner: Acquired, fold: PartitionFold) {
    this.#deps = deps
    this.#owner = owner
    this.#fold = fold
    this.#engine = new ForecastEngine(deps.config.forecasts)
  }

  /**
   * Takes up the series with open forecasts, so that those end although nothing is traded any more, and
   * those whose scores a crash may have cut off.
   *
   * What was known of series before is forgotten: a former owner may still be writing the flush that
   * it announced. It writes bars last, so series must be read after the bars that it made final.
   */
  async restore(): Promise<void> {
    const { database, config } = this.#deps
    this.#engine = new ForecastEngine(config.forecasts)
    const { log, unscoredFrom } = this.#owner
    const found = await retriedWrite(this.#deps, () => seriesToTakeUp(database, log, unscoredFrom))
    const kept = found.filter(({ timeframe, horizon }) =>
      config.forecasts.some((spec) => spec.timeframe === timeframe && spec.horizon === horizon)
    )
    const requests = kept.map((one) => ({
      ...one,
      id: seriesId(one.symbol, one.timeframe, one.horizon),
      beforeMs: Infinity,
      targetsMs: []
    }))
    const adopted = this.#engine.adopt(
      await retriedWrite(this.#deps, () => loadSeries(database, requests))
    )
    this.#unscored.clear()
    for (const series of adopted) this.#unscored.set(series.id, { series, since: unscoredFrom })
    this.#restoreScores()
  }

  /** The partition belongs to somebody else now. */
  drop(): void {
    this.#isDropped = true
  }

  /** What comes of bars that became final and of those that changed. */
  async forecast(
    finals: readonly Bar[],
    changed: readonly Bar[],
    watermarkMs: number,
    offset: number
  ): Promise<ForecastResult> {
    const { database, config } = this.#deps
    const timeframes = new Set(config.forecasts.map(({ timeframe }) => timeframe))
    const bars = forecastBars(finals, changed, timeframes)
    for (
      let asked = this.#engine.missing(bars);
      asked.length > 0;
      asked = this.#engine.missing(bars)
    ) {
      const requests = asked
      const found = await retriedWrite(this.#deps, () => loadSeries(database, requests))
      if (this.#engine.adopt(found).length > 0) this.#restoreScores()
    }
    const result = this.#engine.advance({
      bars,
      watermarkMs,
      nowMs: Date.now(),
      offset,
      coverageOf: coverageBy(this.#fold.gaps)
    })
    for (const series of result.series) {
      const since = this.#unscored.get(series.id)?.since ?? offset
      this.#unscored.set(series.id, { series, since })
    }
    return result
  }

  /** The series whose scores are due to be written; `isLast` when no further flush follows. */
  takeUnscored(isLast: boolean): DueScores {
    const nowMs = Date.now()
    const due: ChangedSeries[] = []
    let from = Infinity
    const isTime = isLast || nowMs - this.#scoredAtMs >= SCORES_EVERY_MS
    if (isTime) this.#scoredAtMs = nowMs
    for (const [id, { series, since }] of this.#unscored) {
      if (isTime && series.isWhole) {
        due.push(series)
        this.#unscored.delete(id)
      } else from = Math.min(from, since)
    }
    return { due, unscoredFrom: from === Infinity ? null : from }
  }

  /** Begins to read the rolling scores of series taken up; those that are scored meanwhile wait for it. */
  #restoreScores(): void {
    if (this.#isRestoring) return
    this.#isRestoring = true
    this.#readScores().catch((error: unknown) => {
      this.#isRestoring = false
      if (!this.#deps.signal.aborted) this.#deps.log.warn({ err: error }, 'scores were not read')
    })
  }

  async #readScores(): Promise<void> {
    const { database } = this.#deps
    for (;;) {
      const engine = this.#engine
      const ids = this.#isDropped ? [] : engine.withoutScores()
      if (ids.length === 0) {
        this.#isRestoring = false
        return
      }
      for (let i = 0; i < ids.length && engine === this.#engine; i += RESTORED_AT_ONCE) {
        if (this.#isDropped) break
        const some = ids.slice(i, i + RESTORED_AT_ONCE)
        engine.restoreScores(await retriedWrite(this.#deps, () => loadScores(database, some)))
      }
    }
  }
}

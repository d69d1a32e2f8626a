import { systemClock } from '@tapedeck/core'
import {
  ForecastEngine,
  seriesId,
  type BatchForecasts,
  type ChangedSeries,
  type ClosedBatch,
  type SeriesHistory,
  type SeriesRequest
} from '@tapedeck/domain'
import { loadScores, loadSeries, seriesToRestore, type Acquired } from '@tapedeck/mongo'
import type { ConsumerDeps, DueScores } from './publish.ts'

/** Scores are derived and costly, so those of a series are written at most this often, ms. */
const SCORES_EVERY_MS = 1000
/**
 * Series of a partition whose scores are written at once, those that wait longest first. In a market of ten thousand symbols
 * the scores of all would be more documents than their bars.
 */
const MOST_SCORED = 100
/**
 * A bar is final ALLOWED_DELAY after its end, by trades that arrive within this time or by the clock, and its
 * forecasts are stored by the flush after that.
 */
const ARRIVAL_MS = 5000
/** Series whose rolling scores are read at once; each has a thousand entries and more. */
const SCORES_READ_AT_ONCE = 4
/** Between two reads it pauses for so many times what one took: after a restart reading them all may take minutes. */
const PAUSE_AFTER_READ = 4
const LONGEST_PAUSE_MS = 500

/** The forecasts of one partition: their engine, their store, and the scores that are not written yet. */
export class PartitionForecasts implements BatchForecasts {
  readonly engine: ForecastEngine
  readonly #deps: ConsumerDeps
  readonly #owner: Acquired
  /** Changed series by id, with the offset of the first change that is not in their stored scores. */
  readonly #unscored = new Map<string, { readonly series: ChangedSeries; readonly since: number }>()
  #scoredAtMs = 0
  #reading: Promise<void> | undefined
  #isDropped = false
  #isLast = false

  constructor(deps: ConsumerDeps, owner: Acquired) {
    this.#deps = deps
    this.#owner = owner
    const { forecasts, fold, flushIntervalMs, scoresPast } = deps.config
    const promptMs = fold.allowedDelayMs + flushIntervalMs + ARRIVAL_MS
    this.engine = new ForecastEngine(forecasts, { promptMs, scoresPast })
  }

  readSeries(requests: readonly SeriesRequest[]): Promise<readonly SeriesHistory[]> {
    const { database, retry } = this.#deps
    return retry(() => loadSeries(database, requests))
  }

  /** Those with open forecasts, and those whose scores a crash may have left unwritten. */
  async readOpenSeries(): Promise<readonly SeriesHistory[]> {
    const { database, config, retry } = this.#deps
    const { log, unscoredFrom } = this.#owner
    const found = await retry(() => seriesToRestore(database, log, unscoredFrom))
    const kept = found.filter(({ timeframe, horizon }) =>
      config.forecasts.some((spec) => spec.timeframe === timeframe && spec.horizon === horizon)
    )
    return this.readSeries(
      kept.map((one) => ({
        ...one,
        id: seriesId(one.symbol, one.timeframe, one.horizon),
        beforeMs: Infinity,
        targetsMs: []
      }))
    )
  }

  /**
   * The series whose scores are due after a batch; all of them when `isLast`, because no batch follows. Starts
   * to read the rolling scores of restored series; theirs are due when they are read. The last batch waits
   * for them without a pause, else a consumer that stops right after a restart would leave them to its successor.
   */
  async dueScores(
    { restored, forecasts, nextOffset }: ClosedBatch,
    isLast: boolean
  ): Promise<DueScores> {
    for (const series of restored) this.#setUnscored(series, this.#owner.unscoredFrom)
    for (const { series: changed } of forecasts) {
      for (const series of changed) this.#setUnscored(series, nextOffset)
    }
    this.#isLast = isLast
    this.#reading ??= this.#readScores().finally(() => (this.#reading = undefined))
    if (isLast) await this.#reading
    const nowMs = Date.now()
    const isTime = nowMs - this.#scoredAtMs >= SCORES_EVERY_MS
    const most = isLast ? Infinity : isTime ? MOST_SCORED : 0
    const due: ChangedSeries[] = []
    let unscoredFrom = Infinity
    for (const [id, { series, since }] of this.#unscored) {
      if (due.length < most && series.isWhole) {
        due.push(series)
        this.#unscored.delete(id)
      } else unscoredFrom = Math.min(unscoredFrom, since)
    }
    if (due.length > 0) this.#scoredAtMs = nowMs
    return { due, unscoredFrom: unscoredFrom === Infinity ? null : unscoredFrom }
  }

  /** The partition belongs to another consumer. */
  drop(): void {
    this.#isDropped = true
  }

  #setUnscored(series: ChangedSeries, offset: number): void {
    const since = this.#unscored.get(series.id)?.since ?? offset
    this.#unscored.set(series.id, { series, since })
  }

  /** Reads rolling scores in the background: no forecast and no bar waits for them. */
  async #readScores(): Promise<void> {
    const { database, retry, signal, log } = this.#deps
    try {
      for (;;) {
        const ids = this.#isDropped ? [] : this.engine.withoutScores()
        if (ids.length === 0) return
        for (let i = 0; i < ids.length && !this.#isDropped; i += SCORES_READ_AT_ONCE) {
          const some = ids.slice(i, i + SCORES_READ_AT_ONCE)
          const startedMs = performance.now()
          this.engine.restoreScores(await retry(() => loadScores(database, some)))
          const pauseMs = PAUSE_AFTER_READ * (performance.now() - startedMs)
          if (this.#isLast) continue
          await systemClock.delay(Math.min(pauseMs, LONGEST_PAUSE_MS), signal)
        }
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'scores were not read')
    }
  }
}

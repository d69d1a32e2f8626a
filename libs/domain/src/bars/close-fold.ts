import type { KnownGap } from '../feed-gaps.ts'
import type { ForecastEngine } from '../forecast/engine.ts'
import { coverageBy, forecastBars } from '../forecast/final-bar.ts'
import type { ChangedSeries, ForecastResult } from '../forecast/results.ts'
import type { SeriesHistory, SeriesRequest } from '../forecast/series.ts'
import type { ActivityBar, HeadRequest, StoredActivityBar } from './activity-bars.ts'
import type { Bar, ChangedBars, StoredBar } from './bar.ts'
import type { FoldState, PartitionFold } from './fold.ts'

/** Reads the stored bars of a partition. */
export interface BarStore {
  /** The stored bars among these ids. */
  readBars(ids: readonly string[]): Promise<readonly StoredBar[]>
  /**
   * Calls `visit` with the stored bars of the partition that a gap overlaps, or that name it in their gaps,
   * some at a time. An activity bar has an ActivitySpan as well.
   */
  eachBarOfGap(
    gap: KnownGap,
    visit: (bars: readonly (StoredBar | StoredActivityBar)[]) => void
  ): Promise<void>
  /** For each request the newest stored bar that began before the checkpoint, if there is one. */
  readHeads(requests: readonly HeadRequest[]): Promise<readonly (StoredActivityBar | undefined)[]>
}

/** A forecast engine for the bars of a partition, with the reads of its stored series. */
export interface BatchForecasts {
  readonly engine: ForecastEngine
  readSeries(requests: readonly SeriesRequest[]): Promise<readonly SeriesHistory[]>
  /** The series that need no bar to change: their forecasts are open, or their scores not stored. */
  readOpenSeries(): Promise<readonly SeriesHistory[]>
}

export interface BatchOptions {
  /** Offset after the last record that was folded. */
  readonly nextOffset: number
  /** The wall clock, epoch ms. */
  now(): number
  /** How long, ms, the partition was known to be read to its end since the last batch; default 0. */
  readonly idleMs?: number
  /**
   * Only for the first batch after a restart: the watermark that the former owner announced last. If its
   * flush was interrupted, the batch repeats it.
   */
  readonly announcedWatermarkMs?: number | undefined
}

/** The results of all records below `nextOffset` that are not stored yet, and the state there. */
export interface ClosedBatch {
  readonly nextOffset: number
  readonly watermarkMs: number
  readonly state: FoldState
  /** Convert them to documents before closing the next batch, which changes them. */
  readonly bars: ChangedBars<Bar>
  readonly activity: ChangedBars<ActivityBar>
  /** The bars that became final, by end. */
  readonly finals: readonly Bar[]
  /** The results of each engine, in the given order. */
  readonly forecasts: readonly ForecastResult[]
  /** Series that were restored without a request. */
  readonly restored: readonly ChangedSeries[]
}

/**
 * Closes a batch of a partition: merges the folded trades and the gaps into bars, makes the bars final
 * that the watermark has passed, and advances the forecasts by them.
 *
 * Everything before the first await is the batch; records folded while this function waits belong to
 * the next one. Two calls for one partition must not overlap. A call that repeats an announced flush
 * gives the same results (docs/adr/0018-a-repeated-flush-is-the-same.md): it reaches the announced
 * watermark, and reads series after bars, because a former owner that is still writing writes bars last.
 */
export async function closeBatch(
  fold: PartitionFold,
  store: BarStore,
  forecasts: readonly BatchForecasts[],
  { nextOffset, now, idleMs = 0, announcedWatermarkMs }: BatchOptions
): Promise<ClosedBatch> {
  const { bars, activity, watermark } = fold
  if (announcedWatermarkMs !== undefined) watermark.reach(announcedWatermarkMs)
  watermark.idle(idleMs)
  bars.closeBatch()
  activity.closeBatch()
  const gaps = fold.drainGaps()
  const watermarkMs = watermark.ms
  const state = fold.toState()

  const ids = bars.missing()
  if (ids.length > 0) bars.adopt(await store.readBars(ids))
  bars.mergeBatch()
  const heads = activity.missing()
  const stored = heads.length === 0 ? [] : await store.readHeads(heads)
  for (const [index, head] of heads.entries()) activity.adopt(head, stored[index])
  activity.mergeBatch()
  if (gaps.length > 0) await recoverGaps(fold, store, gaps)
  const finals = bars.finalise(watermarkMs)
  const changed = bars.drainChanged(watermarkMs)

  const timeframes = new Set(forecasts.flatMap(({ engine }) => [...engine.timeframes]))
  const given =
    timeframes.size === 0
      ? []
      : forecastBars(finals, [...changed.fresh, ...changed.changed], timeframes)
  const restored: ChangedSeries[] = []
  const results: ForecastResult[] = []
  for (const series of forecasts) {
    const { engine } = series
    if (announcedWatermarkMs !== undefined) {
      restored.push(...engine.adopt(await series.readOpenSeries()))
    }
    for (let asked = engine.missing(given); asked.length > 0; asked = engine.missing(given)) {
      engine.adopt(await series.readSeries(asked))
    }
    results.push(
      engine.advance({
        bars: given,
        watermarkMs,
        nowMs: now(),
        offset: nextOffset,
        coverageOf: coverageBy(fold.gaps)
      })
    )
  }
  return {
    nextOffset,
    watermarkMs,
    state,
    bars: changed,
    activity: activity.drainChanged(),
    finals,
    forecasts: results,
    restored
  }
}

/**
 * Corrects the gaps of every bar after gaps were recorded, so that they are a function of the recorded gaps
 * and its window. Stored bars are read too: a gap may become known long after its begin, and a bar made
 * while it was open may begin after its end. A repeated batch corrects the same bars, although its gaps are
 * recorded already.
 */
async function recoverGaps(
  { bars, activity }: PartitionFold,
  store: BarStore,
  gaps: readonly KnownGap[]
): Promise<void> {
  bars.recover()
  activity.recover()
  for (const gap of gaps) {
    await store.eachBarOfGap(gap, (found) => {
      for (const stored of found) {
        if ('through' in stored) activity.recoverStored(stored)
        else bars.recoverStored(stored)
      }
    })
  }
}

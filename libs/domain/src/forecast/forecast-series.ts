import { assert } from '@tapedeck/core'
import type { FinalBar } from './final-bar.ts'
import { FORECAST_MODELS } from './forecast-models.ts'
import { ABSENCE_REASONS, type ChangedSeries, type ForecastResults } from './forecast-outbox.ts'
import type { ForecastSpec } from './forecast-spec.ts'
import { liesInSession, targetWindow, type TargetWindow } from './forecast-target.ts'
import { openEntry, type LedgerEntry } from './ledger-entry.ts'
import { ModelTrack } from './model-track.ts'
import type { ScoreReport } from './score-board.ts'
import { SeriesCloses, type CoverageOf } from './series-closes.ts'
import { SeriesLedger } from './series-ledger.ts'
import {
  seriesId,
  type SeriesHistory,
  type SeriesScores,
  type SeriesState
} from './series-history.ts'

export interface SeriesOptions {
  /** Closes a line needs at least. */
  readonly minPoints: number
  /** Below this share of feed a close is not trusted and ends the series. */
  readonly minCoverage: number
}

/** What one advance gives to every series. */
export interface AdvanceContext {
  readonly outbox: ForecastResults
  readonly nowMs: number
  readonly offset: number
  readonly coverageOf: CoverageOf
}

/** The forecasts of one symbol, timeframe and horizon: a state machine over its final bars. */
export class ForecastSeries implements ChangedSeries {
  readonly id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly #spec: ForecastSpec
  readonly #options: SeriesOptions
  readonly #tracks: readonly ModelTrack[]
  readonly #closes: SeriesCloses
  readonly #ledger: SeriesLedger
  #throughMs: number | null

  constructor(spec: ForecastSpec, history: SeriesHistory, options: SeriesOptions) {
    const { symbol } = history.request
    // Sums and scores of another lookback say nothing of this one.
    const state = history.state?.lookback === spec.lookback ? history.state : undefined
    this.id = seriesId(symbol, spec.timeframe, spec.horizon)
    this.symbol = symbol
    this.timeframe = spec.timeframe
    this.horizon = spec.horizon
    this.#spec = spec
    this.#options = options
    this.#ledger = new SeriesLedger(history, state, options.minCoverage)
    this.#tracks = FORECAST_MODELS.map(
      (model) =>
        new ModelTrack(
          model,
          spec,
          state?.models.find((one) => one.model === model.name)
        )
    )
    this.#closes = new SeriesCloses(spec, options.minCoverage, this.#tracks, state)
    this.#throughMs = state?.throughMs ?? null
    if (state !== undefined) return
    for (const bar of history.bars) {
      this.#closes.admit(bar, () => 1)
      this.#throughMs = bar.startMs
    }
  }

  /** End of the earliest open target, epoch ms. */
  get dueMs(): number {
    return this.#ledger.dueMs
  }

  /** Whether the rolling scores are there. */
  get isWhole(): boolean {
    return this.#tracks.every(({ board }) => board.isWhole)
  }

  restoreScores({ byModel }: SeriesScores): void {
    for (const { model, board } of this.#tracks) board.restore(byModel.get(model.name) ?? [])
  }

  /** Targets of revised bars among these whose entries must be read first. */
  targetsToRecall(bars: readonly FinalBar[]): number[] {
    const settledMs = Math.max(
      this.#throughMs ?? -Infinity,
      this.#ledger.voidedThroughMs ?? -Infinity
    )
    const wanted = bars
      .filter(({ startMs }) => startMs <= settledMs && !this.#ledger.holds(startMs))
      .map(({ startMs }) => startMs)
    return [...new Set(wanted)]
  }

  recall(targetsMs: readonly number[], entries: readonly LedgerEntry[]): void {
    this.#ledger.recall(targetsMs, entries)
  }

  /** Lets go of the entries held for one advance only. */
  release(): void {
    this.#ledger.release()
  }

  /** Takes a final bar, or a correction of an earlier one. */
  take(bar: FinalBar, context: AdvanceContext): void {
    if (this.#throughMs !== null && bar.startMs <= this.#throughMs) {
      this.#revise(bar, context)
      return
    }
    context.outbox.touch(this)
    this.#settle(bar, context)
    this.#throughMs = bar.startMs
    const { isTaken, isNewGap } = this.#closes.admit(bar, context.coverageOf)
    if (isNewGap) this.#missOut(ABSENCE_REASONS.gap, bar, context)
    if (isTaken) this.#forecast(bar, context)
  }

  /** Gives up the targets that ended without a trade: no bar of theirs can come in time any more. */
  expire(watermarkMs: number, context: AdvanceContext): void {
    for (const entry of this.#ledger.expired(watermarkMs, context)) {
      context.outbox.touch(this)
      this.#track(entry).settle(entry)
    }
  }

  state(): SeriesState {
    const voidedMs = this.#ledger.voidedThroughMs ?? -Infinity
    return {
      id: this.id,
      symbol: this.symbol,
      timeframe: this.timeframe,
      horizon: this.horizon,
      lookback: this.#spec.lookback,
      throughMs: this.#throughMs,
      voidedThroughMs: voidedMs > (this.#throughMs ?? -Infinity) ? voidedMs : null,
      rewrites: this.#ledger.rewrites,
      ...this.#closes.state(),
      models: this.#tracks.map((track) => track.state())
    }
  }

  scores(): ReadonlyMap<string, ScoreReport> {
    return new Map(this.#tracks.map(({ model, board }) => [model.name, board.report()]))
  }

  #settle(bar: FinalBar, context: AdvanceContext): void {
    for (const entry of this.#ledger.settledBy(bar, context)) {
      const track = this.#track(entry)
      const change = track.settle(entry)
      if (change === undefined) continue
      const { targetEndMs: atMs, symbol, timeframe, horizon, model } = entry
      const modelVersion = track.version
      context.outbox.events.push({
        atMs,
        symbol,
        timeframe,
        horizon,
        model,
        modelVersion,
        ...change
      })
    }
    this.#rewrite(bar, context)
  }

  #forecast(bar: FinalBar, context: AdvanceContext): void {
    const target = this.#targetOf(bar)
    if (target === undefined) {
      this.#missOut(ABSENCE_REASONS.session, bar, context)
      return
    }
    const { ring, steps, pace } = this.#closes
    const spread = pace.spread(this.horizon)
    const baselines = {
      lastClose: ring.close(0),
      drift: ring.close(0) + this.horizon * steps.meanStep(ring),
      scale: steps.scale()
    }
    for (const track of this.#tracks) {
      const says = track.forecast(this.#closes, spread, this.#options.minPoints)
      if (says === undefined) {
        context.outbox.missOut(this, track.model.name, ABSENCE_REASONS.tooFew, bar.startMs)
        continue
      }
      const entry = openEntry(this.#spec, bar, target, baselines, says, context)
      this.#ledger.make(entry, context.outbox)
    }
  }

  /** Undefined when the target lies in another session than the closes. */
  #targetOf(bar: FinalBar): TargetWindow | undefined {
    const target = targetWindow(this.symbol, this.timeframe, bar, this.horizon)
    if (target === undefined || this.timeframe === '1d') return target
    return liesInSession(this.symbol, target, bar.session, bar.tradeDate) ? target : undefined
  }

  /**
   * A correction of an earlier bar: later forecasts use the new close and its own score is rewritten.
   * Forecasts made before stay as made; the path of bands and change detectors is not rewritten, for
   * what they drew and found stood at the time.
   */
  #revise(bar: FinalBar, context: AdvanceContext): void {
    this.#rewrite(bar, context)
    if (this.#closes.revise(bar)) context.outbox.touch(this)
  }

  #rewrite(bar: FinalBar, context: AdvanceContext): void {
    for (const { now, before } of this.#ledger.rewrittenBy(bar, context)) {
      context.outbox.touch(this)
      this.#track(now).board.put(now, before)
    }
  }

  #missOut(
    reason: (typeof ABSENCE_REASONS)[keyof typeof ABSENCE_REASONS],
    { startMs }: FinalBar,
    { outbox }: AdvanceContext
  ): void {
    for (const { model } of this.#tracks) outbox.missOut(this, model.name, reason, startMs)
  }

  #track({ model }: LedgerEntry): ModelTrack {
    const found = this.#tracks.find((track) => track.model.name === model)
    assert(found !== undefined, `model '${model}' is one of FORECAST_MODELS`)
    return found
  }
}

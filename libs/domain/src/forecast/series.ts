import { AdaptiveBand, stepsInterval, type Outlook } from './band.ts'
import { Closes, type Lookback } from './closes.ts'
import type { CoverageOf, FinalBar } from './final-bar.ts'
import {
  isScored,
  openEntry,
  SeriesLedger,
  type LedgerEntry,
  type ModelForecast,
  type TimingRules
} from './ledger.ts'
import type { ForecastModel } from './models.ts'
import {
  ABSENCE_REASONS,
  type AbsenceReason,
  type ChangedSeries,
  type ForecastResults,
  type ModelState,
  type SeriesState
} from './results.ts'
import { RollingScores, type Contribution, type ScoreReport } from './scores.ts'
import { ChangeDetector, type FoundChange } from './significance.ts'
import { liesInSession, seriesId, targetWindow, type ForecastSpec } from './spec.ts'

/** One model on one series: its version, the start of its closes, its band, change detector and scores. */
class ModelTrack {
  readonly model: ForecastModel
  readonly scores: RollingScores
  readonly #spec: ForecastSpec
  readonly #band: AdaptiveBand
  readonly #detector: ChangeDetector
  #version: number
  #sinceMs: number

  constructor(model: ForecastModel, spec: ForecastSpec, state: SeriesState | undefined) {
    const own = state?.models.find((one) => one.model === model.name)
    this.model = model
    this.scores = new RollingScores(spec.horizon, own?.board)
    this.#spec = spec
    this.#band = new AdaptiveBand(spec.horizon, own?.band)
    this.#detector = new ChangeDetector(spec, own?.detector)
    this.#version = own?.version ?? 1
    // A state with sums has the number of closes in use; without either, all stored closes are used.
    const [closes = 0] = own?.sums ?? []
    this.#sinceMs = own?.sinceMs ?? state?.ring.at(-closes)?.[0] ?? 0
  }

  /**
   * Undefined with fewer than `minPoints` closes.
   * @param outlook the outcome by the steps of the price alone
   */
  forecast(
    closes: Closes,
    all: Lookback,
    outlook: Outlook,
    minPoints: number
  ): ModelForecast | undefined {
    const own = closes.lookbackSince(this.#sinceMs, all)
    const fit = own.points.length < minPoints ? undefined : this.model.fit(own, this.#spec)
    if (fit === undefined) return undefined
    const { forecast, parameters } = fit
    const basis = { lastClose: own.lastClose, forecast, ...outlook }
    const bandHalf = this.#band.half(basis)
    const { lower, upper } = fit.interval ?? stepsInterval(basis)
    return {
      model: this.model.name,
      modelVersion: this.#version,
      n: own.points.length,
      parameters,
      forecast,
      lower,
      upper,
      bandLower: forecast - bandHalf,
      bandUpper: forecast + bandHalf,
      bandFrom: 'adaptive'
    }
  }

  /** Learns from an entry resolved for the first time. A change found restarts the model. */
  learn(entry: LedgerEntry): (FoundChange & { readonly modelVersion: number }) | undefined {
    this.scores.put(entry)
    // Errors of the previous version say nothing about this one.
    if (!isScored(entry) || entry.modelVersion !== this.#version) return undefined
    if (entry.bandFrom === 'adaptive') this.#band.learn(!entry.inBand)
    if (entry.scale === null) return undefined
    const change = this.#detector.add(Math.abs(entry.error) / entry.scale)
    if (change === undefined) return undefined
    this.#version++
    this.#band.restart()
    this.#sinceMs = entry.targetMs
    return { ...change, modelVersion: this.#version }
  }

  state(): ModelState {
    return {
      model: this.model.name,
      version: this.#version,
      sinceMs: this.#sinceMs,
      band: this.#band.state(),
      detector: this.#detector.state(),
      board: this.scores.state()
    }
  }
}

/** What must be read for a series before `advance`. */
export interface SeriesRequest {
  readonly id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly lookback: number
  /** Bars before this start seed a series without a state; undefined: the series is in memory. */
  readonly beforeMs: number | undefined
  /** Entries of exactly these targets are requested, because late revisions of their bars follow. */
  readonly targetsMs: readonly number[]
}

/** The answer to a SeriesRequest. */
export interface SeriesHistory {
  readonly request: SeriesRequest
  /** Null when none is stored, or none was requested (`beforeMs` undefined). */
  readonly state: SeriesState | null
  /** Final bars with a close before `beforeMs`, ascending, at most the lookback; may be empty with a state. */
  readonly bars: readonly FinalBar[]
  /**
   * With `beforeMs`: every entry with a target after the state's `throughMs` (so every open one, and
   * every one made from a later bar). Without: all of the requested targets.
   */
  readonly entries: readonly LedgerEntry[]
}

export interface SeriesOptions extends TimingRules {
  readonly models: readonly ForecastModel[]
  /** Closes that a model needs; by default half the lookback, and at least three. */
  minPoints(lookback: number): number
  /** A close with less coverage is not used and ends the series. */
  readonly minCoverage: number
}

/** The input of one advance, for every series. */
export interface AdvanceContext {
  readonly results: ForecastResults
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
  readonly #minPoints: number
  readonly #timing: TimingRules
  readonly #tracks: readonly ModelTrack[]
  readonly #closes: Closes
  readonly #ledger: SeriesLedger
  #throughMs: number | null

  constructor(
    spec: ForecastSpec,
    { request, state: stored, bars, entries }: SeriesHistory,
    { models, minPoints, minCoverage, promptMs, scoresPast }: SeriesOptions
  ) {
    // Bands and scores of another lookback say nothing about this one.
    const state = stored?.lookback === spec.lookback ? stored : undefined
    this.id = seriesId(request.symbol, spec.timeframe, spec.horizon)
    this.symbol = request.symbol
    this.timeframe = spec.timeframe
    this.horizon = spec.horizon
    this.#spec = spec
    this.#minPoints = minPoints(spec.lookback)
    this.#timing = { promptMs, scoresPast }
    this.#ledger = new SeriesLedger(minCoverage, entries, state, request.beforeMs ?? 0)
    this.#tracks = models.map((model) => new ModelTrack(model, spec, state))
    this.#closes = new Closes(spec, minCoverage, state)
    this.#throughMs = state?.throughMs ?? null
    if (state !== undefined) return
    for (const bar of bars) {
      this.#closes.admit(bar, () => 1)
      this.#throughMs = bar.startMs
    }
  }

  /** End of the earliest open target, epoch ms. */
  get dueMs(): number {
    return this.#ledger.dueMs
  }

  get isWhole(): boolean {
    return this.#tracks.every(({ scores }) => scores.isWhole)
  }

  restoreScores(byModel: ReadonlyMap<string, readonly Contribution[]>): void {
    for (const { model, scores } of this.#tracks) scores.restore(byModel.get(model.name) ?? [])
  }

  /** Targets of revised bars among these whose entries must be read first. */
  targetsToRecall(bars: readonly FinalBar[]): number[] {
    const resolvedMs = Math.max(
      this.#throughMs ?? -Infinity,
      this.#ledger.voidedThroughMs ?? -Infinity
    )
    const wanted = bars
      .filter(({ startMs }) => startMs <= resolvedMs && !this.#ledger.holds(startMs))
      .map(({ startMs }) => startMs)
    return [...new Set(wanted)]
  }

  recall(targetsMs: readonly number[], entries: readonly LedgerEntry[]): void {
    this.#ledger.recall(targetsMs, entries)
  }

  /** Releases the entries that were recalled for one advance. */
  release(): void {
    this.#ledger.release()
  }

  /**
   * Processes a final bar, or a correction of an earlier one. A correction changes later forecasts and rewrites
   * the score of the bar's own forecasts. Earlier forecasts do not change, and bands and change detectors keep
   * what they learnt from them.
   */
  advance(bar: FinalBar, context: AdvanceContext): void {
    const { results, coverageOf } = context
    if (this.#throughMs !== null && bar.startMs <= this.#throughMs) {
      this.#rewrite(bar, results)
      if (this.#closes.revise(bar)) results.touch(this)
      return
    }
    results.touch(this)
    for (const entry of this.#ledger.resolveBy(bar, coverageOf, results))
      this.#learn(entry, results)
    this.#rewrite(bar, results)
    this.#throughMs = bar.startMs
    const { isTaken, isNewGap } = this.#closes.admit(bar, coverageOf)
    if (isNewGap) this.#missOut(ABSENCE_REASONS.gap, bar, results)
    if (isTaken) this.#forecast(bar, context)
  }

  /** Voids the targets that ended without a trade: their bars can no longer come in time. */
  expire(watermarkMs: number, { results, coverageOf }: AdvanceContext): void {
    for (const entry of this.#ledger.expire(watermarkMs, coverageOf, results)) {
      results.touch(this)
      this.#learn(entry, results)
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
    return new Map(this.#tracks.map(({ model, scores }) => [model.name, scores.report()]))
  }

  #learn(entry: LedgerEntry, results: ForecastResults): void {
    const change = this.#trackOf(entry)?.learn(entry)
    if (change === undefined) return
    const { targetEndMs: atMs, symbol, timeframe, horizon, model } = entry
    results.events.push({ atMs, symbol, timeframe, horizon, model, ...change })
  }

  #rewrite(bar: FinalBar, results: ForecastResults): void {
    for (const { now, before } of this.#ledger.rewriteBy(bar, results)) {
      results.touch(this)
      this.#trackOf(now)?.scores.put(now, before)
    }
  }

  #forecast(bar: FinalBar, context: AdvanceContext): void {
    const target = targetWindow(this.symbol, this.timeframe, bar, this.horizon)
    const isWithin =
      target !== undefined &&
      (this.timeframe === '1d' || liesInSession(this.symbol, target, bar.session, bar.tradeDate))
    if (!isWithin) {
      this.#missOut(ABSENCE_REASONS.session, bar, context.results)
      return
    }
    const all = this.#closes.lookback()
    const { lastClose, meanStep } = all
    const drift = lastClose + this.horizon * meanStep
    const baselines = { lastClose, drift, scale: all.scale(this.horizon) }
    const outlook = this.#closes.pace.outlook(this.horizon)
    const moment = { ...context, ...this.#timing }
    for (const track of this.#tracks) {
      const made = track.forecast(this.#closes, all, outlook, this.#minPoints)
      if (made === undefined) {
        context.results.missOut(this, track.model.name, ABSENCE_REASONS.tooFew, bar.startMs)
      } else {
        const entry = openEntry(this.#spec, bar, target, baselines, made, moment)
        this.#ledger.make(entry, context.results)
      }
    }
  }

  #missOut(reason: AbsenceReason, { startMs }: FinalBar, results: ForecastResults): void {
    for (const { model } of this.#tracks) results.missOut(this, model.name, reason, startMs)
  }

  /** Undefined for an entry of a model that no longer runs: it is resolved, but nothing learns from it. */
  #trackOf({ model }: LedgerEntry): ModelTrack | undefined {
    return this.#tracks.find((track) => track.model.name === model)
  }
}

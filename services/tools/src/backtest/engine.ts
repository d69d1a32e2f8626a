import {
  coverageBy,
  forecastBars,
  ForecastEngine,
  lengthOf,
  PartitionFold,
  seriesId,
  type ChangedSeries,
  type FinalBar,
  type FoldOptions,
  type ForecastSpec,
  type KnownGap,
  type ScoreReport,
  type TradeRecord
} from '@tapedeck/domain'
import { BarMemory } from './bar-memory.ts'
import { EntryMemory } from './entry-memory.ts'
import { engineGroups } from './grid.ts'
import { OutcomeTable, type Outcomes } from './outcomes.ts'

/** What one model did on one series. */
export interface ModelResult {
  readonly outcomes: Outcomes
  /** As it stands in `forecast_scores` at the end. */
  readonly report: ScoreReport
}

export interface EngineCounts {
  readonly records: number
  readonly trades: number
  /** Trades kept out of every bar: too late, or delivered again. */
  readonly aside: number
  readonly finalBars: number
  readonly forecasts: number
  /** Forecasts not made, by reason, over all models. */
  readonly absences: Readonly<Record<string, number>>
  /** Condition codes that are not in the table, with how often. */
  readonly unknownCodes: Readonly<Record<string, number>>
}

/** Bars are settled at least this often by the trades' own time; days need no more. */
const LONGEST_STEP_MS = 60_000

interface EngineState {
  readonly engine: ForecastEngine
  readonly entries: EntryMemory
  readonly outcomes: OutcomeTable
  readonly series: Map<string, ChangedSeries>
}

/**
 * The consumer without its servers: the same fold, bar book and forecast engines over records in order,
 * as one partition. Every bar becomes final as soon as the watermark passes it, as in a consumer that
 * keeps up; one that lags settles more at a time, which changes nothing but how many late trades are in
 * a bar by then.
 */
export class BacktestEngine {
  readonly #fold: PartitionFold
  readonly #latenessLimitMs: number
  readonly #timeframes: ReadonlySet<string>
  readonly #stepMs: number
  readonly #engines: readonly EngineState[]
  readonly #bars = new BarMemory()
  readonly #absences = new Map<string, number>()
  #step = -Infinity
  #records = 0
  #trades = 0
  #aside = 0
  #finalBars = 0
  #forecasts = 0

  /** @param gaps feed outages that are known beforehand; bars they overlap are not trusted */
  constructor(fold: FoldOptions, specs: readonly ForecastSpec[], gaps: readonly KnownGap[] = []) {
    const timeframes = [...new Set(specs.map(({ timeframe }) => timeframe))]
    const lengths = timeframes.map((one) => lengthOf(one) ?? LONGEST_STEP_MS)
    this.#stepMs = Math.min(LONGEST_STEP_MS, ...lengths)
    this.#timeframes = new Set(timeframes)
    this.#latenessLimitMs = fold.latenessLimitMs
    this.#fold = new PartitionFold({ ...fold, timeframes }, undefined, -Infinity)
    for (const gap of gaps) this.#fold.gaps.add(gap)
    this.#engines = engineGroups(specs).map((group) => ({
      engine: new ForecastEngine(group),
      entries: new EntryMemory(),
      outcomes: new OutcomeTable(),
      series: new Map()
    }))
  }

  /** Folds one record; forecasts follow when a bar may have become final. */
  play(record: TradeRecord): void {
    const { watermark } = this.#fold
    for (const { aside } of this.#fold.take(record, this.#records++, record.receivedAt) ?? []) {
      this.#trades++
      if (aside !== undefined) this.#aside++
    }
    const step = Math.floor(watermark.ms / this.#stepMs)
    if (step === this.#step) return
    this.#step = step
    this.#settle(watermark.ms, record.receivedAt)
  }

  /** The tape is over: all that is open is settled, as by a consumer that is left alone. */
  finish(): void {
    this.#settle(Number.MAX_SAFE_INTEGER, this.#fold.receivedAtMs ?? 0)
  }

  counts(): EngineCounts {
    return {
      records: this.#records,
      trades: this.#trades,
      aside: this.#aside,
      finalBars: this.#finalBars,
      forecasts: this.#forecasts,
      absences: Object.fromEntries(this.#absences),
      unknownCodes: Object.fromEntries(this.#fold.drainUnknownCodes())
    }
  }

  /** Every series and model with a settled forecast. */
  results(): ModelResult[] {
    return this.#engines.flatMap(({ outcomes: table, series }) => {
      const reports = new Map([...series].map(([id, one]) => [id, one.scores()]))
      return table.all().flatMap((outcomes) => {
        const id = seriesId(outcomes.symbol, outcomes.timeframe, outcomes.horizon)
        const report = reports.get(id)?.get(outcomes.model)
        return report === undefined ? [] : [{ outcomes, report }]
      })
    })
  }

  #settle(watermarkMs: number, nowMs: number): void {
    const { bars: book, vendorIds } = this.#fold
    book.closeBatch()
    const asked = book.missing()
    if (asked.length > 0) book.adopt(this.#bars.find(asked))
    book.mergeBatch()
    const finals = book.finalise(watermarkMs)
    const drained = book.drainChanged(watermarkMs)
    const changed = [...drained.fresh, ...drained.changed]
    this.#finalBars += finals.length
    this.#bars.keep(changed)
    const bars = forecastBars(finals, changed, this.#timeframes)
    for (const engine of this.#engines) this.#forecast(engine, bars, watermarkMs, nowMs)
    const reachMs = watermarkMs - this.#latenessLimitMs
    this.#bars.forget(reachMs)
    for (const { entries } of this.#engines) entries.forget(reachMs - LONGEST_TARGET_MS)
    vendorIds.forget(watermarkMs)
  }

  #forecast(
    { engine, entries, outcomes, series }: EngineState,
    bars: readonly FinalBar[],
    watermarkMs: number,
    nowMs: number
  ): void {
    for (let asked = engine.missing(bars); asked.length > 0; asked = engine.missing(bars)) {
      engine.adopt(asked.map((request) => entries.answer(request)))
    }
    const coverageOf = coverageBy(this.#fold.gaps)
    const offset = this.#records
    const result = engine.advance({ bars, watermarkMs, nowMs, offset, coverageOf })
    this.#forecasts += result.made.length
    for (const settled of [result.made, result.changed]) {
      entries.keep(settled)
      for (const entry of settled) outcomes.put(entry)
    }
    for (const event of result.events) outcomes.addChangePoint(event)
    for (const one of result.series) series.set(one.id, one)
    for (const { reason, count } of result.absences) {
      this.#absences.set(reason, (this.#absences.get(reason) ?? 0) + count)
    }
  }
}

/** A trade of a day that just began may be late by the limit and belong to a bar of that day. */
const LONGEST_TARGET_MS = 4 * 86_400_000

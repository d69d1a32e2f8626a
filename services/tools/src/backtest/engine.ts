import {
  closeBatch,
  ForecastEngine,
  lengthOf,
  MemoryBars,
  MemoryForecasts,
  PartitionFold,
  seriesId,
  type ChangedSeries,
  type FoldOptions,
  type ForecastResult,
  type ForecastSpec,
  type KnownGap,
  type ScoreReport,
  type TradeRecord
} from '@tapedeck/domain'
import { OutcomeTable, type Outcomes } from './outcomes.ts'

/** What one model did on one series. */
export interface ModelResult {
  readonly outcomes: Outcomes
  /** As in `forecast_scores` at the end. */
  readonly report: ScoreReport
}

export interface EngineCounts {
  readonly records: number
  readonly trades: number
  /** Trades in no bar: too late, or delivered again. */
  readonly excluded: number
  readonly finalBars: number
  readonly forecasts: number
  /** Forecasts not made, by reason, over all models. */
  readonly absences: Readonly<Record<string, number>>
  /** Condition codes that are not in the table, with the number of their trades. */
  readonly unknownCodes: Readonly<Record<string, number>>
}

/** A batch is closed at least this often in event time; longer timeframes need no more. */
const LONGEST_STEP_MS = 60_000
/** A late trade of a day that has just begun may belong to a bar of that day. */
const LONGEST_TARGET_MS = 4 * 86_400_000

interface EngineState {
  readonly forecasts: MemoryForecasts
  readonly outcomes: OutcomeTable
  readonly series: Map<string, ChangedSeries>
}

/**
 * The consumer without its servers: the same fold and forecast engines over records in order, as one
 * partition. Every bar becomes final as soon as the watermark passes it, as in a consumer that keeps up.
 * One that lags closes larger batches, which changes only how many late trades a bar has by then.
 */
export class BacktestEngine {
  readonly #fold: PartitionFold
  readonly #latenessLimitMs: number
  readonly #stepMs: number
  readonly #engines: readonly EngineState[]
  readonly #bars = new MemoryBars()
  readonly #absences = new Map<string, number>()
  #step = -Infinity
  #records = 0
  #trades = 0
  #excluded = 0
  #finalBars = 0
  #forecasts = 0

  /** @param gaps the recorded feed outages; bars that they overlap are not trusted */
  constructor(fold: FoldOptions, specs: readonly ForecastSpec[], gaps: readonly KnownGap[] = []) {
    const timeframes = [...new Set(specs.map(({ timeframe }) => timeframe))]
    const lengths = timeframes.map((one) => lengthOf(one) ?? LONGEST_STEP_MS)
    this.#stepMs = Math.min(LONGEST_STEP_MS, ...lengths)
    this.#latenessLimitMs = fold.latenessLimitMs
    this.#fold = new PartitionFold({ ...fold, timeframes }, undefined, -Infinity)
    for (const gap of gaps) this.#fold.gaps.add(gap)
    this.#engines = engineGroups(specs).map((group) => ({
      forecasts: new MemoryForecasts(new ForecastEngine(group, { scoresPast: true })),
      outcomes: new OutcomeTable(),
      series: new Map()
    }))
  }

  /** Folds one record. Returns a promise, to be awaited, when it closed a batch. */
  play(record: TradeRecord): Promise<void> | undefined {
    for (const { exclusion } of this.#fold.take(record, this.#records++) ?? []) {
      this.#trades++
      if (exclusion !== undefined) this.#excluded++
    }
    const step = Math.floor(this.#fold.watermark.ms / this.#stepMs)
    if (step === this.#step) return undefined
    this.#step = step
    return this.#closeBatch(record.receivedAt)
  }

  /** Makes every bar final, as in a consumer that is idle after the last record. */
  async finish(): Promise<void> {
    this.#fold.watermark.reach(Number.MAX_SAFE_INTEGER)
    await this.#closeBatch(this.#fold.receivedAtMs ?? 0)
  }

  counts(): EngineCounts {
    return {
      records: this.#records,
      trades: this.#trades,
      excluded: this.#excluded,
      finalBars: this.#finalBars,
      forecasts: this.#forecasts,
      absences: Object.fromEntries(this.#absences),
      unknownCodes: Object.fromEntries(this.#fold.drainUnknownCodes())
    }
  }

  /** Every series and model with a resolved forecast. */
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

  async #closeBatch(nowMs: number): Promise<void> {
    const forecasts = this.#engines.map((engine) => engine.forecasts)
    const closed = await closeBatch(this.#fold, this.#bars, forecasts, {
      nextOffset: this.#records,
      now: () => nowMs
    })
    const { bars, watermarkMs } = closed
    this.#finalBars += closed.finals.length
    // A provisional bar is in memory until it is final.
    const changed = [...bars.fresh, ...bars.changed]
    this.#bars.write(changed.filter(({ status }) => status !== 'provisional'))
    for (const [index, result] of closed.forecasts.entries()) {
      const engine = this.#engines[index]
      if (engine !== undefined) this.#keep(engine, result)
    }
    const reachMs = watermarkMs - this.#latenessLimitMs
    this.#bars.forget(reachMs)
    for (const one of forecasts) one.forget(reachMs - LONGEST_TARGET_MS)
  }

  #keep({ forecasts, outcomes, series }: EngineState, result: ForecastResult): void {
    this.#forecasts += result.made.length
    for (const entries of [result.made, result.changed]) {
      forecasts.write(entries)
      for (const entry of entries) outcomes.put(entry)
    }
    for (const event of result.events) outcomes.addChangePoint(event)
    for (const one of result.series) series.set(one.id, one)
    for (const { reason, count } of result.absences) {
      this.#absences.set(reason, (this.#absences.get(reason) ?? 0) + count)
    }
  }
}

/** The fewest groups without two lookbacks of one timeframe and horizon: an engine keeps one of them. */
function engineGroups(specs: readonly ForecastSpec[]): ForecastSpec[][] {
  const groups: ForecastSpec[][] = []
  for (const spec of specs) {
    const room = groups.find((group) =>
      group.every((one) => one.timeframe !== spec.timeframe || one.horizon !== spec.horizon)
    )
    if (room === undefined) groups.push([spec])
    else room.push(spec)
  }
  return groups
}

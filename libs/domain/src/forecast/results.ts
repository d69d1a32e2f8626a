import type { BandState } from './band.ts'
import type { ClosesState } from './closes.ts'
import type { EntrySink, LedgerEntry, LedgerProgress } from './ledger.ts'
import type { RollingScoresState, ScoreReport } from './scores.ts'
import type { DetectorState, FoundChange } from './significance.ts'

/** One model's part of a stored series. */
export interface ModelState {
  readonly model: string
  readonly version: number
  /** Closes of bars that begin before are not used, because the model was restarted there; epoch ms. */
  readonly sinceMs?: number
  /** Only in states stored before `sinceMs` existed: the count of closes in use comes first. */
  readonly sums?: readonly number[]
  readonly band: BandState
  readonly detector: DetectorState
  readonly board: RollingScoresState
}

/**
 * The state of a series that neither the ledger nor the bars hold, as of its newest processed bar. Store it
 * after its entries: after a crash, entries ahead of the state are recognised, but a state ahead of its
 * entries would lose them.
 */
export interface SeriesState extends LedgerProgress, ClosesState {
  /** `<symbol>|<timeframe>|<horizon>` */
  readonly id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly lookback: number
  readonly models: readonly ModelState[]
}

export const ABSENCE_REASONS = {
  tooFew: 'too few points',
  session: 'target beyond the session',
  gap: 'feed gap'
} as const
export type AbsenceReason = (typeof ABSENCE_REASONS)[keyof typeof ABSENCE_REASONS]

/** Forecasts not made, counted by reason; a feed gap counts once however long it lasts. */
export interface ForecastAbsence {
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly model: string
  readonly reason: AbsenceReason
  readonly count: number
  /** Starts of the first and last bar without a forecast, epoch ms. */
  readonly fromMs: number
  readonly toMs: number
}

/** A lasting rise of a model's errors was found, and the model was restarted. */
export interface ModelEvent extends FoundChange {
  /** End of the target bar whose error completed it, epoch ms. */
  readonly atMs: number
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly model: string
  /** The version that begins. */
  readonly modelVersion: number
}

/** A series that an advance changed; read state and scores before the next advance. */
export interface ChangedSeries {
  readonly id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  /** To be stored, after the entries. */
  state(): SeriesState
  /** False until the rolling scores of a restored series are there; it has no scores before. */
  readonly isWhole: boolean
  /** By model. Computed on read, because rolling windows and tests cost tens of microseconds. */
  scores(): ReadonlyMap<string, ScoreReport>
}

export interface ForecastResult {
  /** Never stored before; in their form at the end of this advance. */
  readonly made: readonly LedgerEntry[]
  /** Stored before; resolved or rewritten now. */
  readonly changed: readonly LedgerEntry[]
  readonly absences: readonly ForecastAbsence[]
  readonly events: readonly ModelEvent[]
  readonly series: readonly ChangedSeries[]
}

/** Collects the results of one advance; every entry once, in its last form. */
export class ForecastResults implements EntrySink {
  readonly #made = new Map<string, LedgerEntry>()
  readonly #changed = new Map<string, LedgerEntry>()
  readonly #absences = new Map<string, ForecastAbsence>()
  readonly #series = new Set<ChangedSeries>()
  readonly events: ModelEvent[] = []

  make(entry: LedgerEntry): void {
    this.#made.set(entry.id, entry)
  }

  change(entry: LedgerEntry): void {
    const entries = this.#made.has(entry.id) ? this.#made : this.#changed
    entries.set(entry.id, entry)
  }

  touch(series: ChangedSeries): void {
    this.#series.add(series)
  }

  /** Counts a forecast that was not made from the bar that begins at `atMs`. */
  missOut(series: ChangedSeries, model: string, reason: AbsenceReason, atMs: number): void {
    const { symbol, timeframe, horizon } = series
    const key = `${series.id}|${model}|${reason}`
    const { count, fromMs } = this.#absences.get(key) ?? { count: 0, fromMs: atMs }
    const absence = { symbol, timeframe, horizon, model, reason, fromMs }
    this.#absences.set(key, { ...absence, count: count + 1, toMs: atMs })
  }

  result(): ForecastResult {
    return {
      made: [...this.#made.values()],
      changed: [...this.#changed.values()],
      absences: [...this.#absences.values()],
      events: this.events,
      series: [...this.#series]
    }
  }
}

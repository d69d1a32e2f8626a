import type { LedgerEntry } from './ledger-entry.ts'
import type { ScoreReport } from './score-board.ts'
import type { SeriesState } from './series-history.ts'

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

/** A lasting rise of a model's errors was found: the model began anew. */
export interface ModelEvent {
  /** End of the target bar whose error completed it, epoch ms. */
  readonly atMs: number
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly model: string
  /** The version that begins. */
  readonly modelVersion: number
  readonly statistic: number
  readonly threshold: number
}

/** A series changed by this advance; read both before the next one. */
export interface ChangedSeries {
  readonly id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  /** To be stored, after the entries. */
  state(): SeriesState
  /** False while the rolling scores of a series taken up are still to come: no scores until then. */
  readonly isWhole: boolean
  /** Computed when asked for: rolling windows and tests cost tens of microseconds. */
  scores(): ReadonlyMap<string, ScoreReport>
}

export interface ForecastResult {
  /** Never stored before, as they stand at the end of this advance. */
  readonly made: readonly LedgerEntry[]
  /** Stored before; settled or rewritten now. */
  readonly changed: readonly LedgerEntry[]
  readonly absences: readonly ForecastAbsence[]
  readonly events: readonly ModelEvent[]
  readonly series: readonly ChangedSeries[]
}

/** Gathers what one advance answers; every entry once, in its last form. */
export class ForecastResults {
  readonly #made = new Map<string, LedgerEntry>()
  readonly #changed = new Map<string, LedgerEntry>()
  readonly #absences = new Map<string, ForecastAbsence>()
  readonly #series = new Set<ChangedSeries>()
  readonly events: ModelEvent[] = []

  make(entry: LedgerEntry): void {
    this.#made.set(entry.id, entry)
  }

  change(entry: LedgerEntry): void {
    const box = this.#made.has(entry.id) ? this.#made : this.#changed
    box.set(entry.id, entry)
  }

  touch(series: ChangedSeries): void {
    this.#series.add(series)
  }

  missOut(
    { id, symbol, timeframe, horizon }: ChangedSeries,
    model: string,
    reason: AbsenceReason,
    atMs: number
  ): void {
    const key = `${id}|${model}|${reason}`
    const { count, fromMs } = this.#absences.get(key) ?? { count: 0, fromMs: atMs }
    this.#absences.set(key, {
      symbol,
      timeframe,
      horizon,
      model,
      reason,
      count: count + 1,
      fromMs,
      toMs: atMs
    })
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

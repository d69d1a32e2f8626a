import type { LedgerEntry, SeriesState } from '@tapedeck/domain'
import type { Source } from './documents.ts'

/** What comes of forecasting; see documents.ts for the rest. */

/**
 * One forecast of the close of one bar by one model, written before its outcome.
 * `_id` is `<symbol>|<timeframe>|<target start>|<horizon>|<model>`. Prices in quote currency; errors are
 * actual less forecast.
 */
export interface ForecastDocument
  // Each field stands in libs/domain/src/forecast/{ledger-entry,model-track}.ts; times are Dates here.
  extends Omit<LedgerEntry, 'id' | 'targetMs' | 'targetEndMs' | 'madeFromMs' | 'createdAtMs'> {
  readonly _id: string
  /** Start and end of the bar whose close is forecast. */
  readonly target: Date
  readonly targetEnd: Date
  /** Start of the last final bar it was made from. */
  readonly madeFrom: Date
  /** When it was made; `madeAtOffset` is the place below which all records lay that it was made from. */
  readonly createdAt: Date
  readonly scoredAt: Date | null
  readonly source: Source
}

/** What the forecasts of one series need to go on after a restart; `_id` is `<symbol>|<timeframe>|<horizon>`. */
export interface ForecastSeriesDocument {
  readonly _id: string
  readonly state: SeriesState
  readonly updatedAt: Date
  readonly source: Source
}

/** Scores over some of a series' scored forecasts; see libs/domain/src/forecast/scores.ts for each formula. */
export type ScoreFields = Readonly<Record<string, unknown>>

/** How a model does on a series; `_id` is `<symbol>|<timeframe>|<horizon>|<model>`. */
export interface ForecastScoreDocument {
  readonly _id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly model: string
  /** `better than naive`, `not distinguishable`, `worse than naive` or `too few scores`. */
  readonly label: string
  /** Scored forecasts the label rests on, skill and p-value there. */
  readonly labelN: number
  readonly skill: number | null
  readonly p: number | null
  readonly last50: ScoreFields
  readonly last500: ScoreFields
  readonly day: ScoreFields
  readonly tradeDate: string
  readonly total: ScoreFields
  readonly updatedAt: Date
  readonly source: Source
}

/** A lasting rise of a model's errors; `_id` is `<series>|<model>|<version that begins>`. */
export interface ForecastEventDocument {
  readonly _id: string
  readonly kind: 'change point'
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly model: string
  readonly modelVersion: number
  readonly at: Date
  readonly statistic: number
  readonly threshold: number
}

/** A stretch without forecasts; `_id` is `<series>|<reason>|<trading date>`. */
export interface ForecastAbsenceDocument {
  readonly _id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly reason: string
  readonly tradeDate: string
  /** Starts of the first and the last bar that no forecast was made from. */
  readonly from: Date
  readonly to: Date
}

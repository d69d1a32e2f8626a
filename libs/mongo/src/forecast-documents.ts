import type { SeriesState } from '@tapedeck/domain'
import type { Source } from './documents.ts'

/** What comes of forecasting; see documents.ts for the rest. */
export type ForecastStatus = 'open' | 'scored' | 'void'

/**
 * One forecast of the close of one bar by one model, written before its outcome.
 * `_id` is `<symbol>|<timeframe>|<target start>|<horizon>|<model>`. Prices in quote currency; errors are
 * actual less forecast.
 */
export interface ForecastDocument {
  readonly _id: string
  readonly symbol: string
  readonly timeframe: string
  /** Bars ahead; 1 is the next bar. */
  readonly horizon: number
  readonly model: string
  /** One more with every restart of the model after a change point. */
  readonly modelVersion: number
  /** Start and end of the bar whose close is forecast, and its trading date. */
  readonly target: Date
  readonly targetEnd: Date
  readonly tradeDate: string
  /** The last final bar it was made from, and its close. */
  readonly madeFrom: Date
  readonly lastClose: number
  readonly lookback: number
  /** Closes used. */
  readonly n: number
  readonly slope: number
  readonly intercept: number
  readonly r2: number
  readonly standardError: number
  readonly forecast: number
  /** 95 % prediction interval of ordinary least squares: the reference. */
  readonly lower: number
  readonly upper: number
  /** 95 % adaptive band: the headline; from the interval of least squares until it is learnt. */
  readonly bandLower: number
  readonly bandUpper: number
  readonly bandFrom: 'ols' | 'adaptive'
  /** The price stays put, and the price goes on as it went. */
  readonly naive: number
  readonly drift: number
  /** Mean absolute change over the horizon in the lookback: the denominator of MASE. */
  readonly scale: number | null
  readonly status: ForecastStatus
  /** Why it is void. */
  readonly reason: string | null
  readonly actual: number | null
  /** Revision of the bar the actual is of. */
  readonly actualRevision: number
  readonly error: number | null
  readonly naiveError: number | null
  readonly driftError: number | null
  readonly inOls: boolean | null
  readonly inBand: boolean | null
  /** One more for every rewrite by a late revision of the target bar; the rewrites themselves. */
  readonly scoreRevision: number
  readonly corrections: readonly object[]
  readonly feed: string
  /** When it was made, and below which offset of its partition all records were that it was made from. */
  readonly createdAt: Date
  readonly madeAtOffset: number
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

import type { BarRow } from '@tapedeck/client'
import type { BarTradesAnswer } from '../../routes/bars.ts'
import type { ReportsAnswer, RunAnswer, RunsAnswer, SchedulesAnswer } from '../../routes/batch.ts'
import type { FeedAnswer, GapsAnswer } from '../../routes/feed.ts'
import type { ForecastsAnswer } from '../../routes/forecasts.ts'
import type { ScoredSeries, SummaryAnswer } from '../../routes/scores.ts'
import type { SymbolsAnswer } from '../../routes/symbols.ts'
import type { TradeRatesAnswer } from '../../routes/trades.ts'

// Rows of the endpoints that the page asks, from the schemas of their routes.

export type SymbolList = SymbolsAnswer
export type SymbolRow = SymbolsAnswer['symbols'][number]
export type FeedReport = FeedAnswer
export type FeedRow = FeedAnswer['feeds'][number]
/** An outage for the time axis, epoch ms. */
export type Outage = GapsAnswer['gaps'][number]
/** A forecast with what explains it: more than the stream sends. */
export type StoredForecast = ForecastsAnswer['forecasts'][number]
export type SummaryRow = SummaryAnswer['summary'][number]
export type ScoreRow = ScoredSeries
export type BarAccount = Omit<BarTradesAnswer, 'bar'> & {
  readonly bar: BarRow & { readonly lateVolume?: number }
}
export type RateRow = TradeRatesAnswer['rates'][number]
export type RunList = RunsAnswer
export type BatchRun = RunsAnswer['runs'][number]
export type RunAccount = RunAnswer
export type ScheduleList = SchedulesAnswer
export type ReportList = ReportsAnswer

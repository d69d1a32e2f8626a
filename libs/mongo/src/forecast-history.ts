import type { ClosedBar, Forecast, ForecastHistory, HistoryRequest } from '@tapedeck/domain'
import type { Database } from './database.ts'
import type { ForecastDocument } from './documents.ts'
import { translated } from './failure.ts'

/** The last final bars and the open forecast of each symbol and timeframe asked for. */
export async function loadForecastHistory(
  { bars, forecasts }: Database,
  requests: readonly HistoryRequest[],
  lookback: number
): Promise<ForecastHistory[]> {
  return translated('Cannot load the history of forecasts', () =>
    Promise.all(
      requests.map(async ({ symbol, timeframe, beforeMs }) => {
        const newestFirst = await bars
          .find({
            symbol,
            timeframe,
            start: { $lt: new Date(beforeMs) },
            status: { $in: ['final', 'revised'] },
            close: { $ne: null }
          })
          .sort({ start: -1 })
          .limit(lookback)
          .project<{ start: Date; close: number; session: string; tradeDate: string }>({
            _id: 0,
            start: 1,
            close: 1,
            session: 1,
            tradeDate: 1
          })
          .toArray()
        const [open] = await forecasts
          .find({ symbol, timeframe, status: 'open' })
          .sort({ target: -1 })
          .limit(1)
          .toArray()
        return {
          symbol,
          timeframe,
          bars: newestFirst
            .toReversed()
            .map(({ start, ...bar }): ClosedBar => ({ ...bar, startMs: start.getTime() })),
          open: open === undefined ? undefined : forecastOf(open)
        }
      })
    )
  )
}

function forecastOf(document: ForecastDocument): Forecast {
  return {
    id: document._id,
    symbol: document.symbol,
    timeframe: document.timeframe,
    horizon: document.horizon,
    model: document.model,
    targetMs: document.target.getTime(),
    targetEndMs: document.targetEnd.getTime(),
    madeFromMs: document.madeFrom.getTime(),
    lastClose: document.lastClose,
    lookback: document.lookback,
    n: document.n,
    slope: document.slope,
    intercept: document.intercept,
    r2: document.r2,
    standardError: document.standardError,
    forecast: document.forecast,
    lower: document.lower,
    upper: document.upper,
    feed: document.feed,
    status: document.status,
    reason: document.reason,
    actual: document.actual,
    createdAtMs: document.createdAt.getTime()
  }
}

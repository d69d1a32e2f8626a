import type { Filter } from 'mongodb'
import type { Database } from './database.ts'
import type {
  ForecastAbsenceDocument,
  ForecastDocument,
  ForecastEventDocument,
  ForecastScoreDocument
} from './forecast-documents.ts'
import type { RangeQuery, WindowQuery } from './market-reader.ts'
import { between, newestRows } from './newest-rows.ts'
import { reading } from './reading.ts'
import { ascending } from './row-order.ts'

/** Which series of forecasts; undefined is every one. */
export interface SeriesQuery {
  readonly symbols: readonly string[] | undefined
  readonly timeframe: string | undefined
  readonly horizon: number | undefined
  readonly model: string | undefined
}

/** The range is over the start of the bar that is forecast. */
export interface ForecastQuery extends WindowQuery {
  readonly horizon: number | undefined
  readonly model: string | undefined
  /** Only those made from bars that began before; epoch ms. */
  readonly madeBeforeMs?: number
}

export type SeriesRangeQuery = SeriesQuery & RangeQuery
export type ForecastRow = Omit<ForecastDocument, 'source'>
export type ForecastScoreRow = Omit<ForecastScoreDocument, 'source'>

/**
 * What is known of forecasts and of how they did. Rejects with DATABASE_UNREACHABLE as the other
 * readers do.
 */
export interface ForecastReader {
  /** Ascending by target; the newest `limit`. */
  forecasts(query: ForecastQuery): Promise<readonly ForecastRow[]>
  /** By symbol, timeframe, horizon and model. */
  forecastScores(query: SeriesQuery): Promise<readonly ForecastScoreRow[]>
  /** Change points within the range, ascending; the newest `limit`. */
  forecastEvents(query: SeriesRangeQuery): Promise<readonly ForecastEventDocument[]>
  /** Bars without forecasts, by reason and day, where they touch the range, ascending; no matter which model. */
  forecastAbsences(query: SeriesRangeQuery): Promise<readonly ForecastAbsenceDocument[]>
}

/** Series read at most: symbols x forecasts x models. */
const MAX_SERIES = 10_000

/** Reads what the forecaster stores; every operation ends within `timeoutMs`. */
export function forecastReader(
  { forecasts, forecastScores, forecastEvents, forecastAbsences }: Database,
  { timeoutMs = 2500 } = {}
): ForecastReader {
  const limits = { timeoutMS: timeoutMs }
  return {
    forecasts: (query) =>
      reading('forecasts', timeoutMs, async () => {
        const { timeframe, horizon, model, madeBeforeMs } = query
        const rows = await newestRows(forecasts, query, {
          timeField: 'target',
          range: {
            timeframe,
            target: between(query),
            ...(horizon !== undefined && { horizon }),
            ...(model !== undefined && { model }),
            ...(madeBeforeMs !== undefined && { madeFrom: { $lt: new Date(madeBeforeMs) } })
          },
          projection: { source: 0 },
          timeoutMs
        })
        return ascending(rows, query.limit, ({ target }) => target)
      }),
    forecastScores: (query) =>
      reading('forecast_scores', timeoutMs, async () => {
        const rows = await forecastScores
          .find(ofSeries<ForecastScoreDocument>(query), { projection: { source: 0 }, ...limits })
          .limit(MAX_SERIES)
          .toArray()
        return rows.toSorted(bySeries)
      }),
    forecastEvents: (query) =>
      reading('forecast_events', timeoutMs, async () => {
        const filter: Filter<ForecastEventDocument> = { ...ofSeries(query), at: between(query) }
        const newest = await forecastEvents
          .find(filter, { sort: { at: -1 }, limit: query.limit, ...limits })
          .toArray()
        return newest.toReversed()
      }),
    forecastAbsences: (query) =>
      reading('forecast_absences', timeoutMs, async () => {
        const filter: Filter<ForecastAbsenceDocument> = {
          ...ofSeries({ ...query, model: undefined }),
          from: { $lt: new Date(query.toMs) },
          to: { $gte: new Date(query.fromMs) }
        }
        const newest = await forecastAbsences
          .find(filter, { sort: { from: -1 }, limit: query.limit, ...limits })
          .toArray()
        return newest.toReversed()
      })
  }
}

/** Ids begin with the symbol and a bar, so that the index on them serves; `}` comes right after it. */
function ofSeries<D>({ symbols, timeframe, horizon, model }: SeriesQuery): Filter<D> {
  const ranges = symbols?.map((symbol) => ({ _id: { $gte: `${symbol}|`, $lt: `${symbol}}` } }))
  return {
    ...(ranges !== undefined && { $or: ranges }),
    ...(timeframe !== undefined && { timeframe }),
    ...(horizon !== undefined && { horizon }),
    ...(model !== undefined && { model })
  } as Filter<D>
}

function bySeries(a: ForecastScoreRow, b: ForecastScoreRow): number {
  return (
    compare(a.symbol, b.symbol) ||
    compare(a.timeframe, b.timeframe) ||
    a.horizon - b.horizon ||
    compare(a.model, b.model)
  )
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

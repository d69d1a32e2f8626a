import { seriesId, tradingDateAt, type ForecastAbsence, type ModelEvent } from '@tapedeck/domain'
import type { Filter } from 'mongodb'
import { insertAll } from './bulk.ts'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { reading, translated } from './failure.ts'
import { ofSeries, type SeriesQuery } from './forecast-series.ts'
import { between, type RangeQuery } from './newest-rows.ts'
import { readable, shapeOf, type HasReport } from './shape.ts'

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

export const FORECAST_EVENTS = new CollectionSpec<ForecastEventDocument>('forecast_events', {
  writeConcern: DURABLE
})

const SERIES_SHAPE = shapeOf({ _id: 'text', symbol: 'text', timeframe: 'text', horizon: 'whole' })
const EVENT_SHAPE = [
  ...SERIES_SHAPE,
  ...shapeOf({
    kind: 'text',
    model: 'text',
    modelVersion: 'whole',
    at: 'date',
    statistic: 'number',
    threshold: 'number'
  })
]

type HasForecastEvents = Has<'forecastEvents', ForecastEventDocument>

/** A change point as it is stored. */
export function eventDocument(event: ModelEvent): ForecastEventDocument {
  const { atMs, symbol, timeframe, horizon, model, modelVersion, statistic, threshold } = event
  return {
    _id: `${seriesId(symbol, timeframe, horizon)}|${model}|${modelVersion}`,
    kind: 'change point',
    symbol,
    timeframe,
    horizon,
    model,
    modelVersion,
    at: new Date(atMs),
    statistic,
    threshold
  }
}

/** Inserts change points; one that is stored already stays. */
export async function insertForecastEvents(
  { forecastEvents }: HasForecastEvents,
  documents: readonly ForecastEventDocument[]
): Promise<void> {
  if (documents.length === 0) return
  await translated('Cannot store forecast events', () => insertAll(forecastEvents, documents))
}

type SeriesRangeQuery = SeriesQuery & RangeQuery

/** The newest change points of a range, ascending. */
export function findForecastEvents(
  { forecastEvents, unreadable }: HasForecastEvents & HasReport,
  query: SeriesRangeQuery,
  timeoutMs: number
): Promise<ForecastEventDocument[]> {
  return reading('forecast_events', timeoutMs, async () => {
    const filter: Filter<ForecastEventDocument> = { ...ofSeries(query), at: between(query) }
    const newest = await forecastEvents
      .find(filter, { sort: { at: -1 }, limit: query.limit, timeoutMS: timeoutMs })
      .toArray()
    return readable('forecast_events', EVENT_SHAPE, newest, { unreadable }).toReversed()
  })
}

/** The bars of one trading date without a forecast for one reason; `_id` is `<series>|<reason>|<trading date>`. */
export interface ForecastAbsenceDocument {
  readonly _id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly reason: string
  readonly tradeDate: string
  /** The starts of the first and the last bar without a forecast. */
  readonly from: Date
  readonly to: Date
}

export const FORECAST_ABSENCES = new CollectionSpec<ForecastAbsenceDocument>('forecast_absences', {
  writeConcern: DURABLE
})

const ABSENCE_SHAPE = [
  ...SERIES_SHAPE,
  ...shapeOf({ reason: 'text', tradeDate: 'text', from: 'date', to: 'date' })
]

type HasForecastAbsences = Has<'forecastAbsences', ForecastAbsenceDocument>

/** Stores bars without forecasts; storing the same bars again changes nothing. */
export async function storeAbsences(
  { forecastAbsences }: HasForecastAbsences,
  absences: readonly ForecastAbsence[]
): Promise<void> {
  if (absences.length === 0) return
  await translated('Cannot store forecast absences', () =>
    forecastAbsences.bulkWrite(
      absences.map(({ symbol, timeframe, horizon, reason, fromMs, toMs }) => {
        const { tradeDate } = tradingDateAt(symbol, fromMs)
        const _id = `${seriesId(symbol, timeframe, horizon)}|${reason}|${tradeDate}`
        return {
          updateOne: {
            filter: { _id },
            update: {
              $min: { from: new Date(fromMs) },
              $max: { to: new Date(toMs) },
              $setOnInsert: { symbol, timeframe, horizon, reason, tradeDate }
            },
            upsert: true
          }
        }
      }),
      { ordered: false }
    )
  )
}

/** The newest absences that touch a range, ascending; of every model. */
export function findForecastAbsences(
  { forecastAbsences, unreadable }: HasForecastAbsences & HasReport,
  query: SeriesRangeQuery,
  timeoutMs: number
): Promise<ForecastAbsenceDocument[]> {
  return reading('forecast_absences', timeoutMs, async () => {
    const filter: Filter<ForecastAbsenceDocument> = {
      ...ofSeries({ ...query, model: undefined }),
      from: { $lt: new Date(query.toMs) },
      to: { $gte: new Date(query.fromMs) }
    }
    const newest = await forecastAbsences
      .find(filter, { sort: { from: -1 }, limit: query.limit, timeoutMS: timeoutMs })
      .toArray()
    return readable('forecast_absences', ABSENCE_SHAPE, newest, { unreadable }).toReversed()
  })
}

import {
  seriesOfId,
  type FinalBar,
  type LedgerEntry,
  type SeriesHistory,
  type SeriesRequest,
  type SeriesState
} from '@tapedeck/domain'
import type { Filter } from 'mongodb'
import type { HasBars } from './bars.ts'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { translated } from './failure.ts'
import {
  FORECAST_SHAPE,
  ledgerEntry,
  type ForecastDocument,
  type HasForecasts
} from './forecasts.ts'
import { BAR_SHAPE, type BarDocument } from './bar-document.ts'
import { readable, type HasReport } from './shape.ts'
import { storeDocuments, type Owner, type Source } from './guard.ts'
import { refuseNewer, STATE_VERSION, type Versioned } from './state-version.ts'

/** The state from which a series' forecasts are continued; `_id` is `<symbol>|<timeframe>|<horizon>`. */
export interface ForecastSeriesDocument extends Versioned {
  readonly _id: string
  readonly state: SeriesState
  readonly updatedAt: Date
  readonly source: Source
}

export const FORECAST_SERIES = new CollectionSpec<ForecastSeriesDocument>('forecast_series', {
  writeConcern: DURABLE,
  indexes: [[{ 'source.log': 1, 'source.offset': 1 }]]
})

type HasForecastSeries = Has<'forecastSeries', ForecastSeriesDocument>

/** Stores the states of series under the guard; after their forecasts, never before. */
export async function storeSeries(
  { forecastSeries }: HasForecastSeries,
  owner: Owner,
  changed: readonly ForecastSeriesDocument[]
): Promise<number> {
  const versioned = changed.map((one) => ({ ...one, stateVersion: STATE_VERSION }))
  return storeDocuments(forecastSeries, owner, { fresh: [], changed: versioned })
}

/** Series that are loaded at the same time; each takes a few queries. */
const CONCURRENCY = 20

/** Loads the states, forecasts and bars of series that the engine asks for. @throws STATE_TOO_NEW */
export async function loadSeries(
  database: HasForecasts & HasForecastSeries & HasBars & HasReport,
  requests: readonly SeriesRequest[]
): Promise<SeriesHistory[]> {
  const found: SeriesHistory[] = []
  await translated('Cannot load the history of forecasts', async () => {
    for (let i = 0; i < requests.length; i += CONCURRENCY) {
      const group = requests.slice(i, i + CONCURRENCY)
      found.push(...(await Promise.all(group.map((request) => loadOne(database, request)))))
    }
  })
  return found
}

type SeriesKey = Pick<SeriesRequest, 'symbol' | 'timeframe' | 'horizon' | 'lookback'>

/**
 * The series of a log that its owner must restore at once: those with open forecasts, which end without a
 * further trade, and those that last changed at `unscoredFrom` or later, whose scores may be outdated.
 */
export async function seriesToRestore(
  { forecasts, forecastSeries }: HasForecasts & HasForecastSeries,
  log: string,
  unscoredFrom: number
): Promise<SeriesKey[]> {
  return translated('Cannot load open forecasts', async () => {
    const open = await forecasts
      .aggregate<{ _id: SeriesKey }>([
        { $match: { 'source.log': log, status: 'open' } },
        {
          $group: {
            _id: {
              symbol: '$symbol',
              timeframe: '$timeframe',
              horizon: '$horizon',
              lookback: '$lookback'
            }
          }
        }
      ])
      .toArray()
    const changed = await forecastSeries
      .find({ 'source.log': log, 'source.offset': { $gte: unscoredFrom } })
      .project<{ _id: string; lookback: number }>({ lookback: '$state.lookback' })
      .toArray()
    const all = [
      ...open.map(({ _id }) => _id),
      ...changed.map(({ _id, lookback }) => ({ ...seriesOfId(_id), lookback }))
    ]
    return [...new Map(all.map((one) => [JSON.stringify(Object.values(one)), one])).values()]
  })
}

async function loadOne(
  database: HasForecasts & HasForecastSeries & HasBars & HasReport,
  request: SeriesRequest
): Promise<SeriesHistory> {
  const { id, symbol, timeframe, horizon, beforeMs, targetsMs } = request
  const series = { symbol, timeframe, horizon }
  const { forecasts, forecastSeries } = database
  if (beforeMs === undefined) {
    const target = { $in: targetsMs.map((ms) => new Date(ms)) }
    const entries = entriesOf(await forecasts.find({ ...series, target }).toArray(), database)
    return { request, state: null, bars: [], entries }
  }
  const found = await forecastSeries.findOne({ _id: id })
  refuseNewer(`forecast series ${id}`, found)
  // A state of an earlier version is made again, from the stored bars and forecasts.
  const { stateVersion = 1, state: stored = null } = found ?? {}
  const state = stateVersion < STATE_VERSION ? null : stored
  const through = new Date(state?.throughMs ?? 0)
  const [ahead, bars] = await Promise.all([
    // Open ones included: a state has resolved all targets before it. The index serves the target alone.
    forecasts.find({ ...series, target: { $gt: through } }).toArray(),
    state === null ? loadFinalBars(database, request) : []
  ])
  return { request, state, bars, entries: entriesOf(ahead, database) }
}

function entriesOf(found: readonly ForecastDocument[], report: HasReport): LedgerEntry[] {
  return readable('forecasts', FORECAST_SHAPE, found, report).map(ledgerEntry)
}

/** The final bars that a new series starts from, ascending. */
async function loadFinalBars(
  { bars, unreadable }: HasBars & HasReport,
  { symbol, timeframe, lookback, beforeMs }: SeriesRequest
): Promise<FinalBar[]> {
  const before = beforeMs === undefined || beforeMs === Infinity ? {} : { $lt: new Date(beforeMs) }
  const newestFirst = await bars
    .find({
      symbol,
      timeframe,
      ...(beforeMs !== Infinity && { start: before }),
      status: { $in: ['final', 'revised'] },
      close: { $ne: null }
    })
    .sort({ start: -1 })
    .limit(lookback)
    .toArray()
  return readable('bars', BAR_SHAPE, newestFirst, { unreadable }).toReversed().map(finalBarOf)
}

function finalBarOf(document: BarDocument): FinalBar {
  const { symbol, timeframe, start, end, close, session, tradeDate, coverage, feed, revision } =
    document
  return {
    symbol,
    timeframe,
    startMs: start.getTime(),
    endMs: end.getTime(),
    close,
    session,
    tradeDate,
    coverage: coverage ?? 1,
    feed,
    revision
  }
}

/** The series that a reader asks for; undefined is every one. */
export interface SeriesQuery {
  readonly symbols: readonly string[] | undefined
  readonly timeframe: string | undefined
  readonly horizon: number | undefined
  readonly model: string | undefined
}

/**
 * The filter of documents whose ids begin with a series' id. It asks by `_id` so that its index serves the
 * query; `}` is the character after `|`.
 */
export function ofSeries<D>({ symbols, timeframe, horizon, model }: SeriesQuery): Filter<D> {
  const ranges = symbols?.map((symbol) => ({ _id: { $gte: `${symbol}|`, $lt: `${symbol}}` } }))
  return {
    ...(ranges !== undefined && { $or: ranges }),
    ...(timeframe !== undefined && { timeframe }),
    ...(horizon !== undefined && { horizon }),
    ...(model !== undefined && { model })
  } as Filter<D>
}

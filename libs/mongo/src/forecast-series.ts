import {
  seriesId,
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

/** Queries at the same time. */
const CONCURRENCY = 20
/** Series in one query for their states, and for their forecasts after the states. */
const SERIES_AT_ONCE = 500
/** The same for series without a state, of which every forecast is read. */
const NEW_SERIES_AT_ONCE = 50

type HasHistory = HasForecasts & HasForecastSeries & HasBars & HasReport

/**
 * Loads the states, forecasts and bars of series that the engine asks for, by few queries for many series: in a market of
 * ten thousand symbols all of them ask in the same second.
 * @throws STATE_TOO_NEW
 */
export async function loadSeries(
  database: HasHistory,
  requests: readonly SeriesRequest[]
): Promise<SeriesHistory[]> {
  const found: SeriesHistory[] = []
  await translated('Cannot load the history of forecasts', async () => {
    for (const group of slices(requests, SERIES_AT_ONCE)) {
      const [recalled, asked] = [
        group.filter(({ beforeMs }) => beforeMs === undefined),
        group.filter(({ beforeMs }) => beforeMs !== undefined)
      ]
      found.push(
        ...(await eachOf(recalled, (request) => recall(database, request))),
        ...(await loadHistories(database, asked))
      )
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

async function recall(database: HasHistory, request: SeriesRequest): Promise<SeriesHistory> {
  const { symbol, timeframe, horizon, targetsMs } = request
  const target = { $in: targetsMs.map((ms) => new Date(ms)) }
  const found = await database.forecasts.find({ symbol, timeframe, horizon, target }).toArray()
  return { request, state: null, bars: [], entries: entriesOf(found, database) }
}

async function loadHistories(
  database: HasHistory,
  requests: readonly SeriesRequest[]
): Promise<SeriesHistory[]> {
  const ids = requests.map(({ id }) => id)
  const documents = await database.forecastSeries.find({ _id: { $in: ids } }).toArray()
  const states = new Map<string, SeriesState>()
  for (const document of documents) {
    refuseNewer(`forecast series ${document._id}`, document)
    // A state of an earlier version is made again, from the stored bars and forecasts.
    const { stateVersion = 1, state } = document
    if (stateVersion >= STATE_VERSION) states.set(document._id, state)
  }
  const isNew = ({ id }: SeriesRequest): boolean => !states.has(id)
  const [entries, bars] = await Promise.all([
    loadEntriesAhead(database, requests, states),
    loadFinalBars(database, requests.filter(isNew))
  ])
  return requests.map((request) => ({
    request,
    state: states.get(request.id) ?? null,
    bars: bars.get(request.id) ?? [],
    entries: entries.get(request.id) ?? []
  }))
}

/** The entries of each series after its state, by its id. Open ones included: a state has resolved all targets before it. */
async function loadEntriesAhead(
  database: HasForecasts & HasReport,
  requests: readonly SeriesRequest[],
  states: ReadonlyMap<string, SeriesState>
): Promise<Map<string, LedgerEntry[]>> {
  const throughOf = ({ id }: SeriesRequest): number => states.get(id)?.throughMs ?? 0
  const alike = Map.groupBy(requests, (request) =>
    [request.timeframe, request.horizon, throughOf(request)].join('|')
  )
  const groups = [...alike.values()].flatMap((group) =>
    slices(group, group.some(({ id }) => !states.has(id)) ? NEW_SERIES_AT_ONCE : SERIES_AT_ONCE)
  )
  const found = await eachOf(groups, async (group) => {
    const [first] = group
    if (first === undefined) return []
    const { timeframe, horizon } = first
    // The index serves the symbol, the timeframe and the target.
    const filter = {
      symbol: { $in: group.map(({ symbol }) => symbol) },
      timeframe,
      horizon,
      target: { $gt: new Date(throughOf(first)) }
    }
    return entriesOf(await database.forecasts.find(filter).toArray(), database)
  })
  return Map.groupBy(found.flat(), ({ symbol, timeframe, horizon }) =>
    seriesId(symbol, timeframe, horizon)
  )
}

function entriesOf(found: readonly ForecastDocument[], report: HasReport): LedgerEntry[] {
  return readable('forecasts', FORECAST_SHAPE, found, report).map(ledgerEntry)
}

const IS_FINAL = { status: { $in: ['final', 'revised'] }, close: { $ne: null } } as const

/** The final bars that new series start from, ascending, by the id of the series. */
async function loadFinalBars(
  database: HasBars & HasReport,
  requests: readonly SeriesRequest[]
): Promise<Map<string, readonly FinalBar[]>> {
  const alike = Map.groupBy(requests, ({ timeframe, beforeMs }) => `${timeframe}|${beforeMs}`)
  const groups = [...alike.values()].flatMap((group) => slices(group, NEW_SERIES_AT_ONCE))
  const found = await eachOf(groups, async (group) => {
    // Most new series are of new symbols, which have none: one query says so of all of them.
    const { timeframe = '', beforeMs } = group[0] ?? {}
    const symbols = { $in: group.map(({ symbol }) => symbol) }
    const some = await database.bars.findOne(
      { symbol: symbols, timeframe, ...startsBefore(beforeMs), ...IS_FINAL },
      { projection: { _id: 1 } }
    )
    if (some === null) return []
    return eachOf(group, async (one) => [one.id, await finalBarsOf(database, one)] as const)
  })
  return new Map(found.flat())
}

function startsBefore(beforeMs: number | undefined): { readonly start?: { readonly $lt: Date } } {
  return beforeMs === undefined || beforeMs === Infinity
    ? {}
    : { start: { $lt: new Date(beforeMs) } }
}

async function finalBarsOf(
  { bars, unreadable }: HasBars & HasReport,
  { symbol, timeframe, lookback, beforeMs }: SeriesRequest
): Promise<FinalBar[]> {
  const newestFirst = await bars
    .find({ symbol, timeframe, ...startsBefore(beforeMs), ...IS_FINAL })
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

function slices<T>(all: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / most) }, (_, index) =>
    all.slice(index * most, (index + 1) * most)
  )
}

/** Does the work for each, some at a time, and returns the results in order. */
async function eachOf<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const some of slices(all, CONCURRENCY)) results.push(...(await Promise.all(some.map(work))))
  return results
}

import {
  LONG_WINDOW,
  FORECAST_MODELS,
  type FinalBar,
  type SeriesHistory,
  type SeriesRequest
} from '@tapedeck/domain'
import type { Database } from './database.ts'
import type { BarDocument } from './documents.ts'
import { ledgerEntry } from './forecast-mapping.ts'
import { translated } from './failure.ts'

/** Series read at the same time; each takes a few queries. */
const AT_ONCE = 20

/** What the desk asks for before it can go on: states, entries and bars of series. */
export async function loadSeries(
  database: Database,
  requests: readonly SeriesRequest[]
): Promise<SeriesHistory[]> {
  const found: SeriesHistory[] = []
  await translated('Cannot load the history of forecasts', async () => {
    for (let i = 0; i < requests.length; i += AT_ONCE) {
      const group = requests.slice(i, i + AT_ONCE)
      found.push(...(await Promise.all(group.map((request) => loadOne(database, request)))))
    }
  })
  return found
}

/** The series of a log with forecasts that are still open, so that they end without a further trade. */
export async function loadOpenSeries(
  { forecasts }: Database,
  log: string
): Promise<Pick<SeriesRequest, 'symbol' | 'timeframe' | 'horizon' | 'lookback'>[]> {
  return translated('Cannot load open forecasts', async () => {
    const found = await forecasts
      .aggregate<{ _id: Pick<SeriesRequest, 'symbol' | 'timeframe' | 'horizon' | 'lookback'> }>([
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
    return found.map(({ _id }) => _id)
  })
}

async function loadOne(database: Database, request: SeriesRequest): Promise<SeriesHistory> {
  const { id, symbol, timeframe, horizon, beforeMs, targetsMs } = request
  const series = { symbol, timeframe, horizon }
  const { forecasts, forecastSeries } = database
  if (beforeMs === undefined) {
    const target = { $in: targetsMs.map((ms) => new Date(ms)) }
    const entries = await forecasts.find({ ...series, target }).toArray()
    return { request, state: null, bars: [], entries: entries.map(ledgerEntry) }
  }
  const state = (await forecastSeries.findOne({ _id: id }))?.state ?? null
  const through = new Date(state?.throughMs ?? 0)
  const [ahead, bars, ...scored] = await Promise.all([
    forecasts
      .find({ ...series, $or: [{ target: { $gt: through } }, { status: 'open' }] })
      .toArray(),
    state === null ? loadBars(database, request) : [],
    // Each model's own newest: one may have fewer than another, after a change point for example.
    ...FORECAST_MODELS.map(({ name: model }) =>
      forecasts
        .find({ ...series, model, target: { $lte: through }, status: 'scored' })
        .sort({ target: -1 })
        .limit(LONG_WINDOW)
        .toArray()
    )
  ])
  const entries = new Map([ahead, scored].flat(2).map((one) => [one._id, ledgerEntry(one)]))
  return { request, state, bars, entries: [...entries.values()] }
}

/** The final bars that a new series begins with, ascending. */
async function loadBars(
  { bars }: Database,
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
  return newestFirst.toReversed().map(finalBarOf)
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

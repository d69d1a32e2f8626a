import {
  contributionOf,
  FORECAST_MODELS,
  LONG_WINDOW,
  seriesOfId,
  type FinalBar,
  type ScoreParts,
  type SeriesHistory,
  type SeriesRequest,
  type SeriesScores
} from '@tapedeck/domain'
import type { Database } from './database.ts'
import type { BarDocument } from './documents.ts'
import { ledgerEntry } from './forecast-mapping.ts'
import { translated } from './failure.ts'

/** Series read at the same time; each takes a few queries. */
const AT_ONCE = 20

/** What the engine asks for before it can go on: states, entries and bars of series. */
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

type SeriesKey = Pick<SeriesRequest, 'symbol' | 'timeframe' | 'horizon' | 'lookback'>

/**
 * The series of a log that its owner must know at once: those with forecasts that are still open, so
 * that they end without a further trade, and those last changed at `unscoredFrom` or later, whose
 * scores may not be written.
 */
export async function seriesToTakeUp(
  { forecasts, forecastSeries }: Database,
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
  const [ahead, bars] = await Promise.all([
    // Those open as well: what a state has behind it is settled. By the target alone the index serves.
    forecasts.find({ ...series, target: { $gt: through } }).toArray(),
    state === null ? loadBars(database, request) : []
  ])
  const entries = ahead.map(ledgerEntry)
  return { request, state, bars, entries }
}

/** The newest scores of series with their entries in the ledger; read beside the work, a few at a time. */
export async function loadScores(
  database: Database,
  ids: readonly string[]
): Promise<SeriesScores[]> {
  return translated('Cannot load the scores of forecasts', () =>
    Promise.all(ids.map((id) => loadScoresOf(database, id)))
  )
}

const SCORE_FIELDS = {
  _id: 0,
  model: 1,
  target: 1,
  error: 1,
  naiveError: 1,
  driftError: 1,
  scale: 1,
  lower: 1,
  upper: 1,
  bandLower: 1,
  bandUpper: 1,
  inOls: 1,
  inBand: 1
} as const

type ScoreRow = Omit<ScoreParts, 'targetMs'> & { readonly model: string; readonly target: Date }

async function loadScoresOf({ forecasts }: Database, id: string): Promise<SeriesScores> {
  const series = { ...seriesOfId(id), status: 'scored' } as const
  const newest = (filter: object, limit: number): Promise<ScoreRow[]> =>
    forecasts
      .find({ ...series, ...filter })
      .project<ScoreRow>(SCORE_FIELDS)
      .sort({ target: -1 })
      .limit(limit)
      .toArray()
  const limit = LONG_WINDOW * FORECAST_MODELS.length
  const all = await newest({}, limit)
  const byModel = Map.groupBy(all, ({ model }) => model)
  for (const { name: model } of FORECAST_MODELS) {
    const isShort = (byModel.get(model)?.length ?? 0) < LONG_WINDOW && all.length === limit
    // One may have fewer than another, after a change point for example.
    if (isShort) byModel.set(model, await newest({ model }, LONG_WINDOW))
  }
  return {
    id,
    byModel: new Map(
      [...byModel].map(([model, rows]) => [
        model,
        rows
          .slice(0, LONG_WINDOW)
          .map(({ target, ...row }) => contributionOf({ ...row, targetMs: target.getTime() }))
      ])
    )
  }
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

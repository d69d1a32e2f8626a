import {
  contributionOf,
  FORECAST_MODELS,
  LONG_WINDOW,
  seriesOfId,
  UNCOUNTED_TIMINGS,
  type LedgerEntry,
  type LineParameters,
  type ScoreParts,
  type SeriesScores
} from '@tapedeck/domain'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { reading, translated } from './failure.ts'
import { storeDocuments, type Owner, type Source, type Writes } from './guard.ts'
import { between, newestRows, type WindowQuery } from './newest-rows.ts'
import { only, orNull, readable, shapeOf, type HasReport } from './shape.ts'

/**
 * One forecast of the close of one bar by one model, written before its outcome.
 * `_id` is `<symbol>|<timeframe>|<target start>|<horizon>|<model>`. Prices in quote currency; errors are
 * actual less forecast.
 */
export interface ForecastDocument
  // Each field is described in libs/domain/src/forecast/ledger.ts; times are Dates here.
  extends
    Omit<
      LedgerEntry,
      'id' | 'targetMs' | 'targetEndMs' | 'madeFromMs' | 'createdAtMs' | 'parameters'
    >,
    Nullable<LineParameters> {
  readonly _id: string
  /** What explains the forecast beside a line; only of models that have more or other parameters. */
  readonly parameters?: Readonly<Record<string, number>>
  /** Start and end of the bar whose close is forecast. */
  readonly target: Date
  readonly targetEnd: Date
  /** Start of the last final bar it was made from. */
  readonly madeFrom: Date
  /** Clock of the consumer's host just before it was first written. */
  readonly createdAt: Date
  readonly scoredAt: Date | null
  readonly source: Source
}

/** Null in forecasts that are not made by a line. */
type Nullable<T> = { readonly [K in keyof T]: T[K] | null }

export const FORECASTS = new CollectionSpec<ForecastDocument>('forecasts', {
  writeConcern: DURABLE,
  indexes: [
    [{ symbol: 1, timeframe: 1, target: 1 }],
    [
      { 'source.log': 1, target: 1 },
      { name: 'open_forecasts', partialFilterExpression: { status: 'open' } }
    ]
  ]
})

function allOrNull(kind: 'whole' | 'number', names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, orNull(kind)]))
}

const WHOLE = ['modelVersion', 'lookback', 'actualRevision', 'scoreRevision', 'madeAtOffset']
const LINE = ['slope', 'intercept', 'r2', 'standardError', 'bandLower', 'bandUpper']
const OUTCOME = ['naive', 'drift', 'scale', 'actual', 'error', 'naiveError', 'driftError']

/** What a reader of forecasts relies on. */
export const FORECAST_SHAPE = shapeOf({
  _id: 'text',
  symbol: 'text',
  timeframe: 'timeframe',
  horizon: 'whole',
  model: 'text',
  target: 'date',
  targetEnd: 'date',
  madeFrom: 'date',
  lastClose: 'number',
  n: 'whole',
  forecast: 'number',
  lower: 'number',
  upper: 'number',
  status: forecastStatus,
  createdAt: 'date',
  feed: 'text',
  ...allOrNull('whole', WHOLE),
  ...allOrNull('number', [...LINE, ...OUTCOME]),
  tradeDate: orNull('text'),
  bandFrom: orNull('text'),
  reason: orNull('text'),
  timing: orNull('text'),
  inOls: orNull('flag'),
  inBand: orNull('flag'),
  scoredAt: orNull('date'),
  corrections: {
    each: shapeOf({
      rewrite: 'whole',
      was: orNull('number'),
      wasRevision: 'whole',
      reason: orNull('text')
    }),
    or: []
  }
})

function forecastStatus(value: unknown): string | undefined {
  const isKnown = value === 'open' || value === 'scored' || value === 'void'
  return isKnown ? undefined : `is another, expected open, scored or void`
}

export type HasForecasts = Has<'forecasts', ForecastDocument>

/** A ledger entry as it is stored. A literal, because copying by spread costs more than the forecast. */
export function forecastDocument(entry: LedgerEntry, source: Source, now: Date): ForecastDocument {
  const {
    slope = null,
    intercept = null,
    r2 = null,
    standardError = null,
    ...others
  } = entry.parameters
  return {
    _id: entry.id,
    symbol: entry.symbol,
    timeframe: entry.timeframe,
    horizon: entry.horizon,
    lookback: entry.lookback,
    model: entry.model,
    modelVersion: entry.modelVersion,
    target: new Date(entry.targetMs),
    targetEnd: new Date(entry.targetEndMs),
    tradeDate: entry.tradeDate,
    madeFrom: new Date(entry.madeFromMs),
    lastClose: entry.lastClose,
    n: entry.n,
    slope,
    intercept,
    r2,
    standardError,
    ...(Object.keys(others).length > 0 && { parameters: others }),
    forecast: entry.forecast,
    lower: entry.lower,
    upper: entry.upper,
    bandLower: entry.bandLower,
    bandUpper: entry.bandUpper,
    bandFrom: entry.bandFrom,
    naive: entry.naive,
    drift: entry.drift,
    scale: entry.scale,
    feed: entry.feed,
    status: entry.status,
    reason: entry.reason,
    actual: entry.actual,
    actualRevision: entry.actualRevision,
    error: entry.error,
    naiveError: entry.naiveError,
    driftError: entry.driftError,
    inOls: entry.inOls,
    inBand: entry.inBand,
    scoreRevision: entry.scoreRevision,
    corrections: entry.corrections,
    createdAt: new Date(entry.createdAtMs),
    timing: entry.timing,
    madeAtOffset: entry.madeAtOffset,
    scoredAt: entry.status === 'open' ? null : now,
    source
  }
}

/** A stored forecast as the engine restores it. */
export function ledgerEntry(document: ForecastDocument): LedgerEntry {
  const {
    _id,
    target,
    targetEnd,
    madeFrom,
    createdAt,
    scoredAt: _s,
    source: _o,
    slope,
    intercept,
    r2,
    standardError,
    parameters,
    ...rest
  } = document
  const line = { slope, intercept, r2, standardError }
  const known = Object.entries(line).filter((one): one is [string, number] => one[1] !== null)
  return {
    ...rest,
    parameters: { ...Object.fromEntries(known), ...parameters },
    id: _id,
    targetMs: target.getTime(),
    targetEndMs: targetEnd.getTime(),
    madeFromMs: madeFrom.getTime(),
    createdAtMs: createdAt.getTime()
  }
}

/** What never changes for the `_id` of a forecast, and may shard the collection. */
const SHARD_KEY = ['symbol', 'timeframe', 'horizon', 'model', 'target'] as const

/** Stores forecasts under the guard. Returns how many stored forecasts were newer and stayed. */
export async function storeForecasts(
  { forecasts }: HasForecasts,
  owner: Owner,
  writes: Writes<ForecastDocument>
): Promise<number> {
  return storeDocuments(forecasts, owner, writes, { shardKey: SHARD_KEY })
}

/** A range of the starts of the bars that are forecast. */
export interface ForecastQuery extends WindowQuery {
  readonly horizon: number | undefined
  readonly model: string | undefined
  /** Only forecasts made from bars that began before it; epoch ms. */
  readonly madeBeforeMs?: number
}

/** A forecast without what only the consumer needs. */
export type ForecastRow = Omit<ForecastDocument, 'source'>

/**
 * A forecast as it is published and streamed: times are epoch ms, a field it was stored without is null. A literal, because an
 * object made field by field costs more than to forecast, and its JSON too.
 */
export function publishedForecast(one: ForecastRow) {
  return {
    id: one._id,
    target: one.target.getTime(),
    targetEnd: one.targetEnd.getTime(),
    madeFrom: one.madeFrom.getTime(),
    lastClose: one.lastClose,
    forecast: one.forecast,
    bandLower: one.bandLower ?? null,
    bandUpper: one.bandUpper ?? null,
    bandFrom: one.bandFrom ?? null,
    status: one.status,
    reason: one.reason ?? null,
    actual: one.actual ?? null,
    error: one.error ?? null,
    naiveError: one.naiveError ?? null,
    inBand: one.inBand ?? null,
    scoreRevision: one.scoreRevision ?? null,
    createdAt: one.createdAt.getTime(),
    feed: one.feed
  }
}

/** The newest forecasts of a range, ascending by target. */
export function findForecasts(
  { forecasts, unreadable }: HasForecasts & HasReport,
  query: ForecastQuery,
  timeoutMs: number
): Promise<ForecastRow[]> {
  const { timeframe, horizon, model, madeBeforeMs } = query
  return reading('forecasts', timeoutMs, () =>
    newestRows(forecasts, {
      ...query,
      timeField: 'target',
      filter: {
        timeframe,
        target: between(query),
        ...(horizon !== undefined && { horizon }),
        ...(model !== undefined && { model }),
        ...(madeBeforeMs !== undefined && { madeFrom: { $lt: new Date(madeBeforeMs) } })
      },
      projection: { source: 0 },
      readable: (found) => readable('forecasts', FORECAST_SHAPE, found, { unreadable }),
      timeoutMs
    })
  )
}

/** The newest scores of series, read from their forecasts. */
export async function loadScores(
  database: HasForecasts & HasReport,
  ids: readonly string[]
): Promise<SeriesScores[]> {
  return translated('Cannot load the scores of forecasts', () =>
    Promise.all(ids.map((id) => loadScoresOf(database, id)))
  )
}

const SCORE_FIELDS = {
  model: 1,
  target: 1,
  actual: 1,
  error: 1,
  naiveError: 1,
  driftError: 1,
  scale: 1,
  lower: 1,
  upper: 1,
  bandLower: 1,
  bandUpper: 1
} as const

type ScoreRow = Omit<ScoreParts, 'targetMs'> & {
  readonly _id: string
  readonly model: string
  readonly target: Date
}

/** A scored forecast has its errors and its band. */
const SCORE_SHAPE = [
  ...only(FORECAST_SHAPE, [...Object.keys(SCORE_FIELDS), '_id']),
  ...shapeOf(
    Object.fromEntries(
      ['actual', 'error', 'naiveError', 'driftError', 'bandLower', 'bandUpper'].map(
        (name) => [name, 'number'] as const
      )
    )
  )
]

async function loadScoresOf(
  { forecasts, unreadable }: HasForecasts & HasReport,
  id: string
): Promise<SeriesScores> {
  const counted = { status: 'scored', timing: { $nin: UNCOUNTED_TIMINGS } } as const
  const series = { ...seriesOfId(id), ...counted }
  const newest = async (filter: object, most: number): Promise<ScoreRow[]> => {
    const found = await forecasts
      .find({ ...series, ...filter })
      .project<ScoreRow>(SCORE_FIELDS)
      .sort({ target: -1 })
      .limit(most)
      .toArray()
    return readable('forecasts', SCORE_SHAPE, found, { unreadable })
  }
  const limit = LONG_WINDOW * FORECAST_MODELS.length
  const all = await newest({}, limit)
  const byModel = Map.groupBy(all, ({ model }) => model)
  for (const { name: model } of FORECAST_MODELS) {
    const isShort = (byModel.get(model)?.length ?? 0) < LONG_WINDOW && all.length === limit
    // One model may have fewer scores than another, for example after a change point.
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

import type { ForecastSpec } from '@tapedeck/domain'
import type {
  ForecastAbsenceDocument,
  ForecastEventDocument,
  ForecastQuery,
  ForecastRow
} from '@tapedeck/mongo'
import { rowWith, type Column } from '@tapedeck/table'
import type { Static } from 'typebox'
import {
  answers,
  flagOrNull,
  invalidRequest,
  number,
  numberOrNull,
  object,
  rows,
  rowsOf,
  text,
  textOrNull,
  whole,
  wholeOrNull,
  words,
  type Routes,
  type RouteTools
} from '../http.ts'
import {
  ANY_TIMEFRAME,
  ANY_TIMEFRAME_OR_AUTO,
  DEFAULT_LIMIT,
  FIELDS,
  HORIZON,
  LIMIT,
  MODEL,
  oneOf,
  query,
  SYMBOLS,
  TIME,
  TIMEFRAME_OR_AUTO,
  timeRange,
  windowMs,
  windowRange
} from '../query.ts'
import { fittingTimeframe } from './chart.ts'
import type { Reader } from '../reader.ts'
import { HISTORY, isPlain, nextOf, sendHistory, type History } from './history.ts'

const SERIES = { symbol: text, timeframe: text, horizon: whole }
const FORECAST = {
  id: text,
  ...SERIES,
  time: whole,
  targetEnd: whole,
  tradeDate: textOrNull,
  madeFrom: whole,
  createdAt: whole,
  leadSeconds: number,
  timing: textOrNull,
  madeAtOffset: wholeOrNull,
  model: text,
  modelVersion: wholeOrNull,
  lookback: wholeOrNull,
  n: whole,
  slope: numberOrNull,
  intercept: numberOrNull,
  r2: numberOrNull,
  standardError: numberOrNull,
  forecast: number,
  bandLower: numberOrNull,
  bandUpper: numberOrNull,
  bandFrom: textOrNull,
  lower: number,
  upper: number,
  lastClose: number,
  naive: numberOrNull,
  drift: numberOrNull,
  scale: numberOrNull,
  status: words('open', 'scored', 'void'),
  reason: textOrNull,
  actual: numberOrNull,
  actualRevision: wholeOrNull,
  error: numberOrNull,
  absError: numberOrNull,
  naiveForecast: number,
  naiveError: numberOrNull,
  absNaiveError: numberOrNull,
  driftError: numberOrNull,
  absDriftError: numberOrNull,
  inOls: flagOrNull,
  inBand: flagOrNull,
  scoreRevision: wholeOrNull,
  corrections: rows({
    rewrite: whole,
    was: numberOrNull,
    wasRevision: whole,
    reason: textOrNull
  }),
  scoredAt: wholeOrNull,
  feed: text
}
const FORECASTS = object({ forecasts: rows(FORECAST), next: textOrNull })
/** Fields that are times, epoch ms. */
const TIMES: readonly string[] = ['time', 'targetEnd', 'madeFrom', 'createdAt', 'scoredAt']
const KINDS: Readonly<Record<string, Column['kind'] | undefined>> = {
  string: 'text',
  integer: 'whole',
  number: 'number',
  boolean: 'flag'
}
/** The answer of GET /api/v1/forecasts. */
export type ForecastsAnswer = Static<typeof FORECASTS>
const EVENTS = object({
  events: rows({
    id: text,
    time: whole,
    kind: text,
    ...SERIES,
    model: text,
    modelVersion: whole,
    statistic: number,
    threshold: number,
    text
  })
})
const ABSENCES = object({
  absences: rows({
    id: text,
    time: whole,
    timeEnd: whole,
    ...SERIES,
    reason: text,
    tradeDate: text,
    text
  })
})

const FORECAST_QUERY = query({
  symbol: SYMBOLS,
  timeframe: TIMEFRAME_OR_AUTO,
  horizon: HORIZON,
  model: MODEL,
  from: TIME,
  to: TIME,
  over: oneOf('target', 'made'),
  ...HISTORY
})
const OVER_MADE = {
  field: 'over',
  message: 'over is made together with order, after or another format than json, expected target'
}
const RANGE = { from: TIME, to: TIME, limit: LIMIT, fields: FIELDS }
const OF_SERIES = { symbol: SYMBOLS, timeframe: ANY_TIMEFRAME, horizon: HORIZON }

const DAY_MS = 86_400_000
/** The target window may begin after now: the trading day after a holiday is days away. */
const WINDOWS_AHEAD = 5

/** Routes for forecasts, their change points and absences. */
export function forecastRoutes(
  app: Routes,
  { reader, config, share, budget, clock }: RouteTools
): void {
  app.get(
    '/api/v1/forecasts',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Forecasts of closes, by the start of the bar that is forecast',
        querystring: FORECAST_QUERY,
        response: answers(FORECASTS)
      }
    },
    async (request, reply) => {
      const { order, after, fields, format, limit: given, ...named } = request.query
      const nowMs = clock.now()
      const timeframe = fittingTimeframe(named.timeframe, named, nowMs, config.timeframes)
      const series = { ...named, timeframe }
      const limit = given ?? DEFAULT_LIMIT
      const asked = forecastsAsked({ ...series, limit }, nowMs, config.forecasts)
      const history = { order, after, fields, format, limit: given }
      if (!isPlain(request, history)) {
        if (series.over === 'made') throw invalidRequest([OVER_MADE])
        return sendHistory(request, reply, history, forecastHistory(reader, asked), budget)
      }
      return share(
        reply,
        FORECASTS,
        asked,
        async () => {
          const found = await reader.forecasts(asked)
          const hasMore = found.length === limit
          const forecasts = await rowsOf(found, forecastRow)
          return { forecasts, next: hasMore ? nextOf(found[0], targetOf) : null }
        },
        limit
      )
    }
  )
  app.get(
    '/api/v1/forecast-events',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Change points: when the errors of a model rose permanently and it was restarted',
        querystring: query({
          ...OF_SERIES,
          timeframe: ANY_TIMEFRAME_OR_AUTO,
          model: MODEL,
          ...RANGE
        }),
        response: answers(EVENTS)
      }
    },
    async ({ query: { symbol: symbols, from, to, timeframe: named, ...series } }, reply) => {
      const nowMs = clock.now()
      const range = timeRange({ from, to }, nowMs, { spanMs: DAY_MS })
      const within = { from: range.fromMs, to: range.toMs }
      const timeframe = named && fittingTimeframe(named, within, nowMs, config.timeframes)
      const asked = { symbols, timeframe, ...series, ...range }
      return share(
        reply,
        EVENTS,
        asked,
        async () => ({
          events: (await reader.forecastEvents(asked)).map(forecastEventRow)
        }),
        series.limit
      )
    }
  )
  app.get(
    '/api/v1/forecast-absences',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Bars without a forecast, with the reason',
        querystring: query({ ...OF_SERIES, ...RANGE }),
        response: answers(ABSENCES)
      }
    },
    async ({ query: { symbol: symbols, from, to, ...series } }, reply) => {
      const range = timeRange({ from, to }, clock.now(), { spanMs: DAY_MS })
      const asked = { symbols, ...series, model: undefined, ...range }
      return share(
        reply,
        ABSENCES,
        asked,
        async () => ({
          absences: (await reader.forecastAbsences(asked)).map(forecastAbsenceRow)
        }),
        series.limit
      )
    }
  )
}

/**
 * The query for the forecasts of a request. By default the range includes targets that lie ahead. With
 * `over=made` it selects by the last bar used, however far ahead the forecast looks.
 */
function forecastsAsked(
  request: Omit<Static<typeof FORECAST_QUERY>, keyof typeof HISTORY> & { readonly limit: number },
  nowMs: number,
  forecasts: readonly ForecastSpec[]
): ForecastQuery {
  const { symbol: symbols, timeframe, horizon, model, over, limit } = request
  const horizons = forecasts
    .filter((spec) => spec.timeframe === timeframe)
    .map((spec) => spec.horizon)
  const ahead = WINDOWS_AHEAD + (horizon ?? Math.max(0, ...horizons))
  const series = { symbols, timeframe, horizon, model, limit }
  if (over === 'target') return { ...series, ...windowRange(request, nowMs, ahead) }
  const range = windowRange(request, nowMs)
  const toMs = range.toMs + ahead * windowMs(timeframe)
  return { ...series, fromMs: range.fromMs, toMs, madeBeforeMs: range.toMs }
}

const targetOf = ({ target }: ForecastRow): Date => target

/** Columns by the schema of a row; lists within a row have none. */
const FORECAST_COLUMNS: readonly Column[] = Object.entries(FORECAST).flatMap(([name, schema]) => {
  const { type } = schema as unknown as { readonly type?: string | readonly string[] }
  const [found = '', ...more] = [type ?? []].flat()
  const kind = TIMES.includes(name) ? 'time' : KINDS[found]
  return kind === undefined ? [] : [{ name, kind, isNullable: more.includes('null') }]
})

/** The forecasts of a range of targets as a history. */
function forecastHistory(
  reader: Pick<Reader, 'forecastHistory'>,
  { symbols, timeframe, horizon, model, fromMs, toMs }: ForecastQuery
): History<ForecastRow> {
  const of = { symbols, timeframe, horizon, model, fromMs, toMs }
  return {
    name: 'forecasts',
    columns: FORECAST_COLUMNS,
    read: (part) => reader.forecastHistory({ ...of, ...part }),
    rows: (names) => (one) => rowWith(forecastRow(one), names),
    timeOf: targetOf
  }
}

/** Fields that forecasts lack which were stored before the fields existed. */
const UNSAID = {
  lookback: null,
  modelVersion: null,
  tradeDate: null,
  bandLower: null,
  bandUpper: null,
  bandFrom: null,
  naive: null,
  drift: null,
  scale: null,
  actualRevision: null,
  driftError: null,
  inOls: null,
  inBand: null,
  scoreRevision: null,
  corrections: [],
  madeAtOffset: null,
  timing: null
} as const

/** A forecast as the api returns it; `time` is the start of the bar whose close is forecast. */
function forecastRow(stored: ForecastRow) {
  const one = { ...UNSAID, ...stored }
  const [targetEnd, createdAt] = [one.targetEnd.getTime(), one.createdAt.getTime()]
  return {
    id: one._id,
    symbol: one.symbol,
    timeframe: one.timeframe,
    time: one.target.getTime(),
    targetEnd,
    tradeDate: one.tradeDate,
    madeFrom: one.madeFrom.getTime(),
    createdAt,
    leadSeconds: (targetEnd - createdAt) / 1000,
    timing: one.timing ?? null,
    madeAtOffset: one.madeAtOffset,
    horizon: one.horizon,
    model: one.model,
    modelVersion: one.modelVersion,
    lookback: one.lookback,
    n: one.n,
    slope: one.slope,
    intercept: one.intercept,
    r2: one.r2,
    standardError: one.standardError,
    forecast: one.forecast,
    bandLower: one.bandLower,
    bandUpper: one.bandUpper,
    bandFrom: one.bandFrom,
    lower: one.lower,
    upper: one.upper,
    lastClose: one.lastClose,
    naive: one.naive,
    drift: one.drift,
    scale: one.scale,
    status: one.status,
    reason: one.reason,
    actual: one.actual,
    actualRevision: one.actualRevision,
    error: one.error,
    absError: magnitude(one.error),
    naiveForecast: one.lastClose,
    naiveError: one.naiveError,
    absNaiveError: magnitude(one.naiveError),
    driftError: one.driftError,
    absDriftError: magnitude(one.driftError),
    inOls: one.inOls,
    inBand: one.inBand,
    scoreRevision: one.scoreRevision,
    corrections: one.corrections,
    scoredAt: one.scoredAt?.getTime() ?? null,
    feed: one.feed
  }
}

/** A change point as a mark on a time axis, with a text for people. */
function forecastEventRow(event: ForecastEventDocument) {
  const { kind, symbol, timeframe, horizon, model, modelVersion, statistic, threshold } = event
  return {
    id: event._id,
    time: event.at.getTime(),
    kind,
    symbol,
    timeframe,
    horizon,
    model,
    modelVersion,
    statistic,
    threshold,
    text:
      `${symbol} ${timeframe} +${horizon}: errors of ${model} rose permanently ` +
      `(${statistic.toFixed(1)} past ${threshold}), version ${modelVersion} begins`
  }
}

/** Bars without a forecast for one reason on one day; `time` and `timeEnd` are the first and last of them. */
function forecastAbsenceRow(absence: ForecastAbsenceDocument) {
  const { symbol, timeframe, horizon, reason, tradeDate } = absence
  return {
    id: absence._id,
    time: absence.from.getTime(),
    timeEnd: absence.to.getTime(),
    symbol,
    timeframe,
    horizon,
    reason,
    tradeDate,
    text: `bars without a forecast, ${symbol} ${timeframe} +${horizon}: ${reason}`
  }
}

function magnitude(value: number | null): number | null {
  return value === null ? null : Math.abs(value)
}

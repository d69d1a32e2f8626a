import {
  stepOf,
  windowSpec,
  type BarFields,
  type ForecastSpec,
  type Timeframe
} from '@tapedeck/domain'
import { conditionText } from '@tapedeck/domain/conditions'
import { anchoredVwap, anchorOf, vwapPartOf } from '@tapedeck/domain/indicators'
import type { ForecastRow, TradeDocument } from '@tapedeck/mongo'
import type { Static } from 'typebox'
import {
  answers,
  invalidRequest,
  number,
  numberOrNull,
  object,
  rows,
  text,
  whole,
  type Routes,
  type RouteTools
} from '../http.ts'
import {
  AUTO_TIMEFRAME,
  FIELDS,
  FIRST_MODEL,
  HORIZON,
  LIMIT,
  MODEL,
  query,
  SYMBOLS,
  TIME,
  timeRange,
  windowMs,
  windowRange,
  type TimeRange
} from '../query.ts'
import { NO_SYMBOL } from './symbols.ts'
import type { Reader } from '../reader.ts'

const CHART = object({
  chart: rows({
    time: whole,
    open: numberOrNull,
    high: numberOrNull,
    low: numberOrNull,
    close: numberOrNull,
    volume: numberOrNull,
    sessionVwap: numberOrNull,
    vwapGap: numberOrNull,
    upVolume: numberOrNull,
    downVolume: numberOrNull,
    unchangedVolume: numberOrNull,
    volatility: numberOrNull,
    coverage: numberOrNull,
    forecast: numberOrNull,
    bandLower: numberOrNull,
    bandUpper: numberOrNull
  }),
  timeframe: text
})
type ChartRow = Static<typeof CHART>['chart'][number]

const TAPE = object({
  tape: rows({
    time: whole,
    price: number,
    size: number,
    /** Against the trade before: ▲, ▼ or nothing. */
    move: text,
    conditions: text
  })
})
type TapeRow = Static<typeof TAPE>['tape'][number]

/** Windows of the timeframe that `auto` chooses for a range at most. */
const MOST_WINDOWS = 1500
const SECOND_MS = 1000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** A session is over within it. */
const LONGEST_SESSION_MS = DAY_MS
/** Routes that have in one answer what a panel shows of one symbol. */
export function chartRoutes(app: Routes, { reader, config, share, clock }: RouteTools): void {
  app.get(
    '/api/v1/chart',
    {
      config: { scope: 'read' },
      schema: {
        summary:
          'Bars of one symbol with session VWAP and forecasts, those ahead of the last bar among them',
        querystring: query({
          symbol: SYMBOLS,
          timeframe: AUTO_TIMEFRAME,
          horizon: HORIZON,
          model: MODEL,
          from: TIME,
          to: TIME,
          limit: LIMIT,
          fields: FIELDS
        }),
        response: answers(CHART)
      }
    },
    async (
      { query: { symbol, timeframe: named, horizon, model = FIRST_MODEL, limit, from, to } },
      reply
    ) => {
      const range = timeRange({ from, to }, clock.now(), { spanMs: HOUR_MS })
      const timeframe = fittingTimeframe(named, { from, to }, clock.now(), config.timeframes)
      const one = oneOfThese(symbol, config.symbols)
      const asked = {
        symbol: one,
        timeframe,
        model,
        horizon: horizon ?? nearestHorizon(timeframe, config.forecasts),
        ...windowRange({ timeframe, from: range.fromMs, to: range.toMs }, clock.now()),
        limit
      }
      return share(
        reply,
        CHART,
        asked,
        async () => ({ chart: await chartRows(reader, asked, config.timeframes), timeframe }),
        limit * 2
      )
    }
  )
  app.get(
    '/api/v1/tape',
    {
      config: { scope: 'read' },
      schema: {
        summary:
          'The newest trades of one symbol for people: with the move, and conditions in words',
        querystring: query({ symbol: SYMBOLS, from: TIME, to: TIME, limit: LIMIT, fields: FIELDS }),
        response: answers(TAPE)
      }
    },
    async ({ query: { symbol, limit, from, to } }, reply) => {
      const range = timeRange({ from, to }, clock.now(), { spanMs: HOUR_MS })
      const symbols = [oneOfThese(symbol, config.symbols)]
      // On full seconds, so that viewers whose clocks differ share the read; one more row for the move of the first.
      const toMs = Math.ceil(range.toMs / SECOND_MS) * SECOND_MS
      const asked = { symbols, fromMs: range.fromMs, toMs, limit: limit + 1 }
      const load = async () => ({ tape: tapeRows(await reader.trades(asked)).slice(-limit) })
      return share(reply, TAPE, asked, load, limit)
    }
  )
}

const ONE_SYMBOL = { field: 'symbol', message: 'symbol is a list, expected one symbol' }
/** The symbol that is asked for; the first configured one without any. @throws 400 for several */
function oneOfThese(asked: readonly string[] | undefined, configured: readonly string[]): string {
  const [one, more] = asked ?? [configured[0] ?? NO_SYMBOL]
  if (one === undefined || more !== undefined) throw invalidRequest([ONE_SYMBOL])
  return one
}

/** The timeframe that a request names; for `auto` the one that fits its range, or the last hour. */
export function fittingTimeframe(
  named: Timeframe,
  bounds: Parameters<typeof timeRange>[0],
  nowMs: number,
  timeframes: readonly Timeframe[]
): Timeframe {
  if (named !== 'auto') return named
  return autoTimeframe(timeRange(bounds, nowMs, { spanMs: HOUR_MS }), timeframes)
}

/**
 * The shortest of these timeframes of which a range has at most 1500 windows, or else the longest; pure. Windows that
 * overlap, that trades close, or that leave a part of the day out are never chosen.
 */
export function autoTimeframe(
  { fromMs, toMs }: TimeRange,
  timeframes: readonly Timeframe[]
): Timeframe {
  const clocked = timeframes
    .filter((one) => ['tumbling', 'trading day'].includes(windowSpec(one).kind))
    .toSorted((a, b) => windowMs(a) - windowMs(b))
  const fits = clocked.find((one) => (toMs - fromMs) / windowMs(one) <= MOST_WINDOWS)
  return fits ?? clocked.at(-1) ?? '1m'
}

/** The timeframe of forecasts that a request without a range names; for `auto` the first of FORECASTS. */
export function forecastTimeframe(named: Timeframe, forecasts: readonly ForecastSpec[]): Timeframe {
  return named === 'auto' ? (forecasts[0]?.timeframe ?? '1m') : named
}

/** The least number of bars that forecasts of a timeframe look ahead; 1 where there are none. */
export function nearestHorizon(timeframe: Timeframe, forecasts: readonly ForecastSpec[]): number {
  const horizons = forecasts.filter((one) => one.timeframe === timeframe).map((one) => one.horizon)
  return horizons.length === 0 ? 1 : Math.min(...horizons)
}

function tapeRows(trades: readonly TradeDocument[]): TapeRow[] {
  return trades.map(({ tradedAt, price, size, conditions }, at) => {
    const before = trades[at - 1]?.price ?? price
    return {
      time: tradedAt.getTime(),
      price,
      size,
      move: price > before ? '▲' : price < before ? '▼' : '',
      conditions: conditionText(conditions ?? null)
    }
  })
}

interface ChartAsked extends TimeRange {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly horizon: number
  readonly model: string
  readonly limit: number
}

async function chartRows(
  reader: Reader,
  { symbol, timeframe, horizon, model, limit, fromMs, toMs }: ChartAsked,
  timeframes: readonly Timeframe[]
): Promise<ChartRow[]> {
  const of = { symbols: [symbol], timeframe, fromMs, toMs, limit }
  const [bars, forecasts] = await Promise.all([
    reader.bars(of),
    reader.forecasts({ ...of, horizon, model })
  ])
  const vwap = await sessionVwapOf(reader, bars, timeframe, timeframes)
  const made = new Map(forecasts.map((one) => [one.target.getTime(), one]))
  const first = bars[0]?.start.getTime() ?? fromMs
  const chart = bars.map((bar, at) => {
    const time = bar.start.getTime()
    const found = made.get(time)
    made.delete(time)
    return chartRow(time, bar, vwap[at] ?? null, found)
  })
  // Beyond the last bar, and where a forecast was made but nothing traded.
  for (const [time, one] of made)
    if (time >= first) chart.push(chartRow(time, undefined, null, one))
  // Those rows come on top of `limit` bars, so the oldest ones leave.
  return chart.toSorted((a, b) => a.time - b.time).slice(-limit)
}

function chartRow(
  time: number,
  bar: BarFields | undefined,
  sessionVwap: number | null,
  forecast: ForecastRow | undefined
): ChartRow {
  const close = bar?.close ?? null
  return {
    time,
    open: bar?.open ?? null,
    high: bar?.high ?? null,
    low: bar?.low ?? null,
    close,
    volume: bar?.volume ?? null,
    sessionVwap,
    vwapGap: close === null || sessionVwap === null ? null : close / sessionVwap - 1,
    upVolume: bar?.inferredUpVolume ?? null,
    downVolume: bar?.inferredDownVolume ?? null,
    unchangedVolume: bar?.inferredUnchangedVolume ?? null,
    volatility: bar?.realisedVolatility ?? null,
    coverage: bar?.coverage ?? null,
    forecast: forecast?.forecast ?? null,
    bandLower: forecast?.bandLower ?? null,
    bandUpper: forecast?.bandUpper ?? null
  }
}

/**
 * The VWAP of each bar's session from its open; null for windows that overlap or are days. What the session traded before the
 * first bar comes from bars of one minute where those are stored.
 */
async function sessionVwapOf(
  reader: Pick<Reader, 'bars'>,
  bars: readonly BarFields[],
  timeframe: Timeframe,
  timeframes: readonly Timeframe[]
): Promise<readonly (number | null)[]> {
  const [first] = bars
  const lengthMs = stepOf(timeframe)
  if (
    first === undefined ||
    timeframe.includes('/') ||
    lengthMs === undefined ||
    lengthMs >= DAY_MS
  )
    return bars.map(() => null)
  const firstMs = first.start.getTime()
  const isFine = lengthMs < windowMs('1m') && timeframes.includes('1m')
  const edgeMs = isFine ? Math.floor(firstMs / windowMs('1m')) * windowMs('1m') : firstMs
  const of = { symbols: [first.symbol], limit: Math.ceil(LONGEST_SESSION_MS / windowMs('1m')) }
  const fromMs = firstMs - LONGEST_SESSION_MS
  const coarse = isFine ? '1m' : timeframe
  const before = [
    ...(await reader.bars({ ...of, timeframe: coarse, fromMs, toMs: edgeMs })),
    ...(edgeMs < firstMs
      ? await reader.bars({ ...of, timeframe, fromMs: edgeMs, toMs: firstMs })
      : [])
  ].filter((bar) => anchorOf(bar) === anchorOf(first))
  return anchoredVwap([...before, ...bars].map(vwapPartOf)).slice(before.length)
}

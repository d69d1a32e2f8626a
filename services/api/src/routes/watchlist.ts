import { sparkline } from '@tapedeck/core'
import { type BarFields, type ForecastSpec, type Timeframe } from '@tapedeck/domain'
import type { Static } from 'typebox'
import {
  answers,
  numberOrNull,
  object,
  rows,
  text,
  textOrNull,
  wholeOrNull,
  type Routes,
  type RouteTools
} from '../http.ts'
import {
  AUTO_TIMEFRAME,
  FIELDS,
  FIRST_MODEL,
  HORIZON,
  MODEL,
  oneOf,
  query,
  SYMBOLS,
  windowMs
} from '../query.ts'
import { summary } from './scores.ts'
import { NO_SYMBOL, symbolList } from './symbols.ts'
import { forecastTimeframe, nearestHorizon } from './chart.ts'

const WATCHLIST = object({
  watchlist: rows({
    symbol: text,
    lastPrice: numberOrNull,
    lastTradeAt: wholeOrNull,
    change: numberOrNull,
    changeShare: numberOrNull,
    volume: numberOrNull,
    volatility: numberOrNull,
    coverage: numberOrNull,
    trend: text,
    forecast: numberOrNull,
    forecastShare: numberOrNull,
    outlook: text,
    verdict: text,
    state: text,
    reason: textOrNull,
    feed: textOrNull
  })
})
type WatchlistRow = Static<typeof WATCHLIST>['watchlist'][number]

/** At least one row: a list to choose from must not be empty. */
const CHOICES = object({ choices: rows({ value: text }) })
const CHOICE = oneOf('symbol', 'timeframe', 'timeframe-or-auto', 'horizon')
type Choice = Static<typeof CHOICE>

/** Closes in the trend of a symbol. */
const TREND_BARS = 24
/** Trading days back in which the last close before today is looked for: a week with two holidays. */
const DAYS_BACK = 9
/** Routes for the list of symbols as people watch it, and for what they can choose. */
export function watchlistRoutes(app: Routes, tools: RouteTools): void {
  const { config, share } = tools
  const names = async (of: Choice, timeframe: Timeframe): Promise<readonly string[]> => {
    switch (of) {
      case 'symbol':
        return symbolNames(tools)
      case 'timeframe':
        return config.timeframes
      case 'timeframe-or-auto':
        return ['auto', ...config.timeframes]
      default:
        return horizonNames(timeframe, config.forecasts)
    }
  }
  app.get(
    '/api/v1/watchlist',
    {
      config: { scope: 'read' },
      schema: {
        summary:
          'One row for each symbol: its last price, its day, its last hour, its forecast and its feed',
        querystring: query({
          symbol: SYMBOLS,
          timeframe: AUTO_TIMEFRAME,
          horizon: HORIZON,
          model: MODEL,
          fields: FIELDS
        }),
        response: answers(WATCHLIST)
      }
    },
    async (
      { query: { symbol: symbols, timeframe: named, horizon, model = FIRST_MODEL } },
      reply
    ) => {
      const timeframe = forecastTimeframe(named, config.forecasts)
      const nearest = horizon ?? nearestHorizon(timeframe, config.forecasts)
      const asked = { symbols, timeframe, horizon: nearest, model }
      return share(
        reply,
        WATCHLIST,
        asked,
        async () => ({ watchlist: await watchlistRows(tools, asked) }),
        WATCHLIST_COST
      )
    }
  )
  app.get(
    '/api/v1/choices',
    {
      config: { scope: 'read' },
      schema: {
        summary:
          'What can be chosen on a dashboard: symbols, timeframes, or the horizons of the forecasts of a timeframe',
        querystring: query({
          of: CHOICE,
          timeframe: AUTO_TIMEFRAME,
          fields: FIELDS
        }),
        response: answers(CHOICES)
      }
    },
    async ({ query: { of, timeframe } }, reply) =>
      share(reply, CHOICES, { of, timeframe }, async () => {
        const found = await names(of, timeframe)
        return { choices: found.map((value) => ({ value })) }
      })
  )
}

/** Rows, about: bars of many symbols. */
const WATCHLIST_COST = 5000

async function symbolNames(tools: RouteTools): Promise<readonly string[]> {
  const names = (await listedSymbols(tools)).map(({ symbol }) => symbol)
  return names.length === 0 ? [NO_SYMBOL] : names
}

function horizonNames(timeframe: Timeframe, forecasts: readonly ForecastSpec[]): string[] {
  const all = forecasts.filter((one) => timeframe === 'auto' || one.timeframe === timeframe)
  const horizons = [...new Set(all.map(({ horizon }) => horizon))].toSorted((a, b) => a - b)
  return horizons.length === 0 ? ['1'] : horizons.map(String)
}

/** The symbols in the order of /api/v1/symbols. */
export async function listedSymbols({ reader, config, clock }: RouteTools) {
  const [seen, subscriptions, feeds] = await Promise.all([
    reader.symbols(),
    reader.subscriptions(),
    reader.feeds()
  ])
  const { symbols: configured, maxSymbols } = config
  return symbolList({ configured, maxSymbols, seen, subscriptions, feeds }, clock.now()).symbols
}

interface WatchlistAsked {
  readonly symbols: readonly string[] | undefined
  readonly timeframe: Timeframe
  readonly horizon: number
  readonly model: string
}

async function watchlistRows(tools: RouteTools, asked: WatchlistAsked): Promise<WatchlistRow[]> {
  const { reader, config, clock } = tools
  const { symbols: named, timeframe, horizon, model } = asked
  const nowMs = clock.now()
  const listed = (await listedSymbols(tools)).filter(
    ({ symbol }) => named === undefined || named.includes(symbol)
  )
  const symbols = listed.map(({ symbol }) => symbol)
  if (symbols.length === 0) return []
  const hour = config.timeframes.includes('1h') ? '1h' : '1m'
  const trend = config.timeframes.includes('5m') ? '5m' : '1m'
  const bars = (of: Timeframe, windows: number): Promise<readonly BarFields[]> =>
    reader.bars({
      symbols,
      timeframe: of,
      fromMs: nowMs - windows * windowMs(of),
      toMs: nowMs + windowMs(of),
      limit: symbols.length * (windows + 1)
    })
  const ahead = (horizon + 2) * windowMs(timeframe)
  const [days, hours, trends, forecasts, scores] = await Promise.all([
    bars('1d', DAYS_BACK),
    bars(hour, 2),
    bars(trend, TREND_BARS),
    reader.forecasts({
      symbols,
      timeframe,
      horizon,
      model,
      fromMs: nowMs - ahead,
      toMs: nowMs + ahead,
      limit: symbols.length * (2 * horizon + 5)
    }),
    summary(tools, { symbols, timeframe, horizon, model })
  ])
  const [dayOf, hourOf, trendOf, forecastOf, scoreOf] = [
    bySymbol(days),
    bySymbol(hours),
    bySymbol(trends),
    bySymbol(forecasts),
    bySymbol(scores.summary)
  ]
  return listed.map(({ symbol, lastPrice, lastTradeAt, standing, reason, feed }) => {
    const [previous, today] = (dayOf.get(symbol) ?? []).slice(-2)
    const lastHour = hourOf.get(symbol)?.at(-1)
    const newest = forecastOf.get(symbol)?.at(-1)
    const day = changeOf(lastPrice, today === undefined ? null : (previous?.close ?? null))
    const expected = changeOf(newest?.forecast ?? null, lastPrice)
    const verdict = scoreOf.get(symbol)?.[0]?.verdict ?? 'no forecast'
    return {
      symbol,
      lastPrice,
      lastTradeAt,
      change: day?.by ?? null,
      changeShare: day?.share ?? null,
      volume: (today ?? previous)?.volume ?? null,
      volatility: lastHour?.realisedVolatility ?? null,
      coverage: lastHour?.coverage ?? null,
      trend: sparkline((trendOf.get(symbol) ?? []).flatMap(({ close }) => close ?? [])),
      forecast: newest?.forecast ?? null,
      forecastShare: expected?.share ?? null,
      outlook: outlookOf(expected?.share, verdict),
      verdict,
      state: standing ?? 'not followed',
      reason,
      feed
    }
  })
}

function bySymbol<T extends { readonly symbol: string }>(list: readonly T[]): Map<string, T[]> {
  return Map.groupBy(list, ({ symbol }) => symbol)
}

/** The change to a price from the one before. */
function changeOf(
  price: number | null,
  before: number | null
): { readonly by: number; readonly share: number } | undefined {
  if (price === null || before === null || before === 0) return undefined
  return { by: price - before, share: price / before - 1 }
}

/** A forecast in words, never without what it is worth. */
function outlookOf(share: number | undefined, verdict: string): string {
  if (share === undefined) return verdict
  const direction = share > 0 ? '▲' : share < 0 ? '▼' : '■'
  return `${direction} ${Math.abs(share * 100).toFixed(3)} % · ${verdict}`
}

import { barRoutes } from './bar-routes.ts'
import { ask, type DataRoute, type DataRouteTools } from './data-route.ts'
import { feedRow, gapRow, gapSpan } from './feed-rows.ts'
import { forecastRoutes } from './forecast-routes.ts'
import { lateRoutes } from './late-routes.ts'
import { recentTrades } from './recent-trades.ts'
import { TRADES_SCHEMA } from './market-schemas.ts'
import { tradeRow } from './rows.ts'
import { FEED_SCHEMA, GAPS_SCHEMA, SYMBOLS_SCHEMA, TRADE_RATE_SCHEMA } from './schemas.ts'
import { symbolList } from './symbols.ts'
import { onGrid, timeRange } from './time-range.ts'
import { rateTimeframe, tradeRate } from './trade-rate.ts'

const MINUTE_MS = 60_000
/** The number of newest outages in the answer of /feed. */
const FEED_GAPS = 50
/** The producer's clock may be ahead of this one. */
const SKEW_MS = 60_000

/** Every endpoint under /api/v1. */
export function dataRoutes(tools: DataRouteTools): readonly DataRoute[] {
  const { reader, clock } = tools
  return [
    {
      path: '/api/v1/symbols',
      summary: 'The symbols, configured and seen, with their last price',
      parameters: [],
      response: SYMBOLS_SCHEMA,
      question: () => ({ key: '', answer: () => symbolAnswer(tools) })
    },
    {
      path: '/api/v1/feed',
      summary: 'The state of each feed, in words, and its newest outages',
      parameters: [],
      response: FEED_SCHEMA,
      question: () => ({ key: '', answer: () => feedAnswer(tools) })
    },
    {
      path: '/api/v1/gaps',
      summary: 'Outages of the feed that touch the range',
      parameters: ['from', 'to', 'limit'],
      response: GAPS_SCHEMA,
      question(query) {
        const range = timeRange(query, clock.now(), { spanMs: 24 * 60 * MINUTE_MS })
        const asked = { ...range, limit: query.limit }
        return ask(asked, async () => ({
          gaps: (await reader.gaps(asked))
            .map((gap) => gapSpan(gap, clock.now()))
            .toSorted((a, b) => a.time - b.time)
        }))
      }
    },
    {
      path: '/api/v1/trades',
      summary: 'Single trades',
      parameters: ['symbol', 'from', 'to', 'limit'],
      response: TRADES_SCHEMA,
      question(query) {
        const range = timeRange(query, clock.now(), { spanMs: 15 * MINUTE_MS })
        const asked = { symbols: query.symbols, ...range, limit: query.limit }
        return ask(asked, async () => {
          const rows = await recentTrades(reader, tools.sharedTrades, asked)
          return { trades: rows.map(tradeRow) }
        })
      }
    },
    ...barRoutes(tools),
    ...lateRoutes(tools),
    ...forecastRoutes(tools),
    {
      path: '/api/v1/trade-rate',
      summary: 'Trades per second',
      parameters: ['symbol', 'from', 'to', 'limit'],
      response: TRADE_RATE_SCHEMA,
      question(query) {
        const nowMs = clock.now()
        const range = timeRange(query, nowMs, { spanMs: 5 * MINUTE_MS })
        const timeframe = rateTimeframe(range)
        const { symbols, limit } = query
        const asked = { symbols, timeframe, ...onGrid(range, timeframe), limit }
        return ask(asked, async () => ({
          rates: (await reader.bars(asked)).map((bar) => tradeRate(bar, timeframe, nowMs))
        }))
      }
    }
  ]
}

async function symbolAnswer({
  reader,
  symbols,
  maxSymbols,
  isChangeable,
  clock
}: DataRouteTools): Promise<object> {
  const [seen, subscriptions, feeds] = await Promise.all([
    reader.symbols(),
    reader.subscriptions(),
    reader.feeds()
  ])
  const facts = { configured: symbols, maxSymbols, seen, subscriptions, feeds }
  const { mode, symbols: rows } = symbolList(facts, clock.now())
  return { mode, changeable: isChangeable, symbols: rows }
}

async function feedAnswer({ reader, clock }: DataRouteTools): Promise<object> {
  const nowMs = clock.now()
  const [feeds, storedMs, gaps] = await Promise.all([
    reader.feeds(),
    reader.storedUntil(),
    reader.gaps({ fromMs: 0, toMs: nowMs + SKEW_MS, limit: FEED_GAPS })
  ])
  return {
    feeds: feeds.map((feed) => feedRow(feed, storedMs, nowMs)),
    gaps: gaps.map((gap) => gapRow(gap, nowMs))
  }
}

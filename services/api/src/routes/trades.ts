import { TRADE } from '@tapedeck/client/rows'
import type { BarFields, Timeframe } from '@tapedeck/domain'
import {
  LATE_AGES_MS,
  TRADE_COLUMNS,
  TRADE_FIELDS,
  tradeRow,
  tradeRowMaker,
  type HistoryQuery,
  type LateAge,
  type LateTradeDocument,
  type RangeQuery,
  type TradeDocument
} from '@tapedeck/mongo'
import type { Static } from 'typebox'
import {
  answers,
  number,
  object,
  rows,
  rowsOf,
  SHARE_MS,
  text,
  textOrNull,
  whole,
  wholeOrNull,
  type Routes,
  type RouteTools
} from '../http.ts'
import { LoadCache } from '../load-cache.ts'
import {
  DEFAULT_LIMIT,
  FIELDS,
  LIMIT,
  onGrid,
  query,
  SYMBOLS,
  TIME,
  timeRange,
  type TimeRange,
  windowMs
} from '../query.ts'
import { HISTORY, isPlain, nextOf, sendHistory, type History } from './history.ts'
import { addReadNotes, loadShared, withReadNotes, type Reader, type ReadNotes } from '../reader.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

const TRADES = object({ trades: rows(TRADE), next: textOrNull })
const LATE_TRADES = object({ lateTrades: rows({ ...TRADE, reason: text, byMs: whole }) })
const LATE_AGES = object({
  ages: rows({
    age: text,
    fromMs: whole,
    toMs: wholeOrNull,
    tooLate: whole,
    fromTheFuture: whole,
    redelivered: whole
  })
})
const TRADE_RATES = object({ rates: rows({ symbol: text, time: whole, tradesPerSecond: number }) })
/** The answer of GET /api/v1/trade-rate. */
export type TradeRatesAnswer = Static<typeof TRADE_RATES>

const RANGE = { symbol: SYMBOLS, from: TIME, to: TIME, fields: FIELDS }

/** Routes for trades: one by one, those in no bar, and how many there are in a second. */
export function tradeRoutes(app: Routes, { reader, share, budget, clock }: RouteTools): void {
  const sharedTrades = new LoadCache<SharedTrades>({
    ...SHARED_TRADES,
    weigh: ({ value }) => value.length,
    clock
  })
  app.get(
    '/api/v1/trades',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Single trades',
        querystring: query({ ...RANGE, ...HISTORY }),
        response: answers(TRADES)
      }
    },
    async (request, reply) => {
      const { symbol: symbols, from, to, ...asked } = request.query
      const range = timeRange({ from, to }, clock.now(), { spanMs: 15 * MINUTE_MS })
      if (!isPlain(request, asked)) {
        return sendHistory(
          request,
          reply,
          asked,
          tradeHistory(reader, { symbols, ...range }),
          budget
        )
      }
      const newest = { symbols, ...range, limit: asked.limit ?? DEFAULT_LIMIT }
      return share(
        reply,
        TRADES,
        newest,
        async () => {
          const found = await recentTrades(reader, sharedTrades, newest)
          const hasMore = found.length === newest.limit
          const trades = await rowsOf(found, tradeRow)
          return { trades, next: hasMore ? nextOf(found[0], timeOf) : null }
        },
        newest.limit
      )
    }
  )
  app.get(
    '/api/v1/late-trades',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Trades in no bar, with the reason, by the time of receipt',
        querystring: query({ ...RANGE, limit: LIMIT }),
        response: answers(LATE_TRADES)
      }
    },
    async ({ query: { symbol: symbols, limit, ...bounds } }, reply) => {
      const range = timeRange(bounds, clock.now(), { spanMs: HOUR_MS })
      const asked = { symbols, ...range, limit }
      return share(
        reply,
        LATE_TRADES,
        asked,
        async () => ({
          lateTrades: (await reader.lateTrades(asked)).map(lateTradeRow)
        }),
        limit
      )
    }
  )
  app.get(
    '/api/v1/late-ages',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Trades in no bar, counted by how late they were',
        querystring: query(RANGE),
        response: answers(LATE_AGES)
      }
    },
    async ({ query: { symbol: symbols, ...bounds } }, reply) => {
      const asked = { symbols, ...timeRange(bounds, clock.now(), { spanMs: HOUR_MS }) }
      return share(reply, LATE_AGES, asked, async () => ({
        ages: lateAgeRows(await reader.lateAges(asked))
      }))
    }
  )
  app.get(
    '/api/v1/trade-rate',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Trades per second',
        querystring: query({ ...RANGE, limit: LIMIT }),
        response: answers(TRADE_RATES)
      }
    },
    async ({ query: { symbol: symbols, limit, ...bounds } }, reply) => {
      const nowMs = clock.now()
      const range = timeRange(bounds, nowMs, { spanMs: 5 * MINUTE_MS })
      const timeframe = rateTimeframe(range)
      const asked = { symbols, timeframe, ...onGrid(range, timeframe), limit }
      return share(
        reply,
        TRADE_RATES,
        asked,
        async () => ({
          rates: (await reader.bars(asked)).map((bar) => tradeRate(bar, timeframe, nowMs))
        }),
        limit
      )
    }
  )
}

const timeOf = ({ tradedAt }: TradeDocument): Date => tradedAt

/** The trades of a range as a history. */
function tradeHistory(
  reader: Pick<Reader, 'tradeHistory'>,
  range: Omit<HistoryQuery, 'order' | 'after'>
): History<TradeDocument> {
  return {
    name: 'trades',
    columns: TRADE_COLUMNS,
    spare: ['tradedAt'],
    read: (part, names) =>
      reader.tradeHistory(
        { ...range, ...part },
        names.map((name) => TRADE_FIELDS[name as keyof typeof TRADE_FIELDS].needs)
      ),
    rows: tradeRowMaker,
    timeOf
  }
}

/** A trade in no bar; `time` is its time of receipt, because a trade may be a day late. */
function lateTradeRow(trade: LateTradeDocument) {
  return {
    ...tradeRow(trade),
    time: trade.receivedAt.getTime(),
    reason: trade.reason,
    byMs: trade.byMs
  }
}

/** Trades that several requests share, and what the read left out. */
interface SharedTrades {
  readonly value: readonly TradeDocument[]
  readonly notes: ReadNotes
}

/** The weight is in rows; a trade takes about half a kilobyte. */
const SHARED_TRADES = { ttlMs: SHARE_MS, maxEntries: 100, maxWeight: 40_000 } as const
/** Trades read beyond the limit, for those of the last second outside a viewer's range. */
const SPARE_ROWS = 200

/**
 * The newest `limit` trades of an exact range, from a read that many viewers share.
 *
 * Trades have no grid, so viewers whose clocks differ by milliseconds request different ranges. The range is
 * widened to full seconds, read once, and cut to each request. When the spare rows are too few for that
 * (more than 200 trades in the cut-off part of a second), the exact range is read.
 */
async function recentTrades(
  reader: Pick<Reader, 'trades'>,
  shared: LoadCache<SharedTrades>,
  asked: RangeQuery
): Promise<readonly TradeDocument[]> {
  const { symbols, fromMs, toMs, limit } = asked
  const wide: RangeQuery = {
    symbols,
    fromMs: Math.floor(fromMs / SECOND_MS) * SECOND_MS,
    toMs: Math.ceil(toMs / SECOND_MS) * SECOND_MS,
    limit: limit + SPARE_ROWS
  }
  const load = (): Promise<SharedTrades> => withReadNotes(() => reader.trades(wide))
  const { value: found, notes } = await loadShared(shared, JSON.stringify(wide), load)
  addReadNotes(notes)
  const inRange = found.filter(({ tradedAt }) => {
    const ms = tradedAt.getTime()
    return ms >= fromMs && ms < toMs
  })
  const complete = found.length < wide.limit || inRange.length >= limit
  return complete ? inRange.slice(-limit) : reader.trades(asked)
}

const AGES = ['under 1 s', '1 to 10 s', '10 to 60 s', '1 to 60 min', '1 to 24 h', 'over 24 h']

/** One row for each age, youngest first, with a count for each reason; no rows when no trade was excluded. */
function lateAgeRows(found: readonly LateAge[]) {
  if (found.length === 0) return []
  return LATE_AGES_MS.map((fromMs, age) => {
    const countOf = (reason: LateAge['reason']): number =>
      found.find((one) => one.age === age && one.reason === reason)?.trades ?? 0
    return {
      age: AGES[age] ?? '',
      fromMs,
      toMs: LATE_AGES_MS[age + 1] ?? null,
      tooLate: countOf('too late'),
      fromTheFuture: countOf('from the future'),
      redelivered: countOf('redelivered')
    }
  })
}

/** The bars from which a rate is computed: short ones for a short range, long ones for a long range. */
function rateTimeframe({ fromMs, toMs }: TimeRange): Timeframe {
  const spanMs = toMs - fromMs
  if (spanMs <= 15 * MINUTE_MS) return '1s'
  return spanMs <= DAY_MS ? '1m' : '1h'
}

/**
 * Trades per second over the window of a bar. An open window counts the seconds since its start, at least
 * one; otherwise every chart would end in an apparent fall.
 */
function tradeRate(bar: BarFields, timeframe: Timeframe, nowMs: number) {
  const start = bar.start.getTime()
  const lengthMs = windowMs(timeframe)
  const lastedMs =
    bar.status === 'provisional' ? Math.min(lengthMs, Math.max(SECOND_MS, nowMs - start)) : lengthMs
  return {
    symbol: bar.symbol,
    time: start,
    tradesPerSecond: bar.tradeCount / (lastedMs / SECOND_MS)
  }
}

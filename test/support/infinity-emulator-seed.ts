import type {
  BarDocument,
  Database,
  ForecastDocument,
  LateTradeDocument,
  SymbolDocument,
  TradeDocument
} from '@tapedeck/mongo'
import { aChange, aScore, forecastParts } from './forecast-parts.ts'
import { GOLDEN_DOCUMENT } from './golden-bar.ts'

/** A stretch of made-up market: a price that swings, one trade a second. */
export interface Stretch {
  readonly symbol: string
  readonly basePrice: number
  /** Both on a full minute; from inclusive, to exclusive. */
  readonly fromMs: number
  readonly toMs: number
}

const LOOKBACK = 20
const SOURCE = { log: 'raw_data/0', offset: 1, epoch: 1 }
const WINDOWS = [
  ['1s', 1000],
  ['5s', 5000],
  ['1m', 60_000]
] as const
const HOPPING = { timeframe: '5m/1m', hopMs: 60_000, hops: 5 }
const ACTIVITY = { timeframe: '100t', count: 100 }

/**
 * Stores trades, excluded trades, bars, forecasts (all scored but the newest) with their scores, and the
 * symbol, as the consumer would.
 */
export async function seedMarket(database: Database, stretch: Stretch): Promise<void> {
  const trades = tradesOf(stretch)
  const bars = WINDOWS.flatMap(([timeframe, lengthMs]) => barsOf(trades, timeframe, lengthMs))
  const forecasts = WINDOWS.flatMap(([timeframe]) =>
    forecastsOf(bars.filter((bar) => bar.timeframe === timeframe))
  )
  await database.trades.insertMany(trades)
  await database.bars.insertMany([
    ...bars,
    ...hoppingBarsOf(trades),
    ...activityBarsOf(trades),
    ...tradingDays(trades)
  ])
  await database.forecasts.insertMany(forecasts)
  await database.forecastScores.insertMany(
    WINDOWS.map(([timeframe]) => aScore(stretch.symbol, timeframe, 1))
  )
  await database.forecastEvents.insertOne(
    aChange(stretch.symbol, '5s', 1, new Date(stretch.fromMs + 60_000))
  )
  await database.symbols.insertOne(symbolOf(trades))
  await database.lateTrades.insertMany(lateOf(trades))
}

/** Stores what a producer says of its feed, one outage that is over and one that lasts. */
export async function seedFeed(
  database: Database,
  { fromMs, toMs }: Pick<Stretch, 'fromMs' | 'toMs'>
): Promise<void> {
  const updatedAt = new Date()
  await database.feedStatus.insertOne({
    _id: 'simulated',
    state: 'connected',
    explanation: 'connected, 2 symbols receiving',
    lastError: null,
    connection: 'seed',
    connectedAt: new Date(fromMs),
    lastFrameAt: updatedAt,
    lastTradeAt: updatedAt,
    maxSymbols: 50,
    queuedFrames: 0,
    spooledBytes: 0,
    symbols: [],
    updatedAt
  })
  const outage = { feed: 'simulated', cause: 'closed by the feed', symbols: [], updatedAt }
  await database.feedGaps.insertMany([
    { ...outage, _id: 'over', from: new Date(fromMs + 60_000), to: new Date(fromMs + 75_000) },
    { ...outage, _id: 'lasts', from: new Date(toMs - 30_000), to: null }
  ])
}

function tradesOf({ symbol, basePrice, fromMs, toMs }: Stretch): TradeDocument[] {
  return Array.from({ length: (toMs - fromMs) / 1000 }, (_, index) => ({
    _id: `seed-${symbol}-${index}-0`,
    symbol,
    price: cents(basePrice + Math.sin(index / 30) + (index % 7) / 50),
    size: 10 + (index % 5) * 30,
    tradedAt: new Date(fromMs + index * 1000 + 250),
    receivedAt: new Date(fromMs + index * 1000 + 300),
    conditions: index % 2 === 0 ? ['1'] : ['1', '12'],
    session: 'regular',
    tradeDate: '2025-06-02',
    eligible: 'price and volume',
    feed: 'simulated'
  }))
}

/** Every hundredth trade once more, as redelivered or a day late. */
function lateOf(trades: readonly TradeDocument[]): LateTradeDocument[] {
  return trades
    .filter((_, index) => index % 100 === 50)
    .map((trade, index) => {
      const isRepeat = index % 2 === 0
      const byMs = isRepeat ? 1500 : 90_000_000
      return {
        ...trade,
        _id: `late-${trade._id}`,
        tradedAt: new Date(trade.tradedAt.getTime() - byMs),
        reason: isRepeat ? 'redelivered' : 'too late',
        byMs
      }
    })
}

function barsOf(
  trades: readonly TradeDocument[],
  timeframe: string,
  lengthMs: number
): BarDocument[] {
  const windows = Map.groupBy(
    trades,
    ({ tradedAt }) => Math.floor(tradedAt.getTime() / lengthMs) * lengthMs
  )
  return [...windows].map(([startMs, inside]) =>
    barOf(inside, {
      timeframe,
      id: String(startMs),
      startMs,
      endMs: startMs + lengthMs,
      isOpen: inside.at(-1) === trades.at(-1)
    })
  )
}

/** A bar of five minutes from each minute on, those that began before the first trade among them. */
function hoppingBarsOf(trades: readonly TradeDocument[]): BarDocument[] {
  const { timeframe, hopMs, hops } = HOPPING
  const last = trades.at(-1)!
  const hopOf = ({ tradedAt }: TradeDocument): number => Math.floor(tradedAt.getTime() / hopMs)
  const minutes = Map.groupBy(trades, hopOf)
  const first = hopOf(trades[0]!) - hops + 1
  return Array.from({ length: hopOf(last) - first + 1 }, (_, index) => {
    const hop = first + index
    const [startMs, endMs] = [hop * hopMs, (hop + hops) * hopMs]
    const inside = Array.from({ length: hops }, (__, at) => minutes.get(hop + at) ?? []).flat()
    const isOpen = endMs > last.tradedAt.getTime()
    return barOf(inside, { timeframe, id: String(startMs), startMs, endMs, isOpen })
  })
}

/** A bar of every hundred trades; the last one waits for more. */
function activityBarsOf(trades: readonly TradeDocument[]): BarDocument[] {
  const { timeframe, count } = ACTIVITY
  const bars: BarDocument[] = []
  for (let at = 0; at < trades.length; at += count) {
    const inside = trades.slice(at, at + count)
    const [first, last] = [inside[0]!, inside.at(-1)!]
    const [startMs, endMs] = [first, last].map(({ tradedAt }) => tradedAt.getTime())
    bars.push(
      barOf(inside, {
        timeframe,
        id: first._id,
        startMs: startMs!,
        endMs: endMs!,
        isOpen: inside.length < count
      })
    )
  }
  return bars
}

interface Span {
  readonly timeframe: string
  /** The last part of the bar's id. */
  readonly id: string
  readonly startMs: number
  readonly endMs: number
  readonly isOpen: boolean
}

function barOf(
  inside: readonly TradeDocument[],
  { timeframe, id, startMs, endMs, isOpen }: Span
): BarDocument {
  const prices = inside.map(({ price }) => price)
  const volume = inside.reduce((sum, { size }) => sum + size, 0)
  const notional = inside.reduce((sum, { size, price }) => sum + size * price, 0)
  const [first, last] = [inside[0]!, inside.at(-1)!]
  return {
    ...GOLDEN_DOCUMENT,
    _id: `${first.symbol}|${timeframe}|${id}`,
    symbol: first.symbol,
    timeframe,
    start: new Date(startMs),
    end: new Date(endMs),
    open: first.price,
    high: Math.max(...prices),
    low: Math.min(...prices),
    close: last.price,
    volume,
    notional,
    vwap: notional / volume,
    tradeCount: inside.length,
    firstTradeAt: first.tradedAt,
    lastTradeAt: last.tradedAt,
    tradeDate: first.tradeDate,
    status: isOpen ? 'provisional' : 'final',
    revision: 0,
    revisionCause: null,
    lateCount: 0,
    lateVolume: 0,
    coverage: 1,
    gapIds: [],
    feed: first.feed,
    updatedAt: new Date(endMs),
    source: SOURCE,
    exact: {}
  }
}

const DAY_MS = 86_400_000

/** The bar of the trading day, and of the one before. */
function tradingDays(trades: readonly TradeDocument[]): BarDocument[] {
  return barsOf(trades, '1d', DAY_MS)
    .slice(-1)
    .flatMap((today) => {
      const start = new Date(today.start.getTime() - DAY_MS)
      const before = {
        ...today,
        _id: `${today.symbol}|1d|${start.getTime()}`,
        start,
        end: today.start
      }
      return [{ ...before, close: cents((today.close ?? 0) * 0.99) }, today]
    })
}

/** A forecast of each bar from the second on; the naive one is the close before it. */
function forecastsOf(bars: readonly BarDocument[]): ForecastDocument[] {
  return bars.slice(1).map((bar, index) => {
    const lastClose = bars[index]?.close ?? 0
    const forecast = cents(lastClose + 0.01)
    const actual = bar.status === 'final' ? bar.close : null
    return {
      _id: `${bar.symbol}|${bar.timeframe}|${bar.start.getTime()}|1|linear-regression`,
      symbol: bar.symbol,
      timeframe: bar.timeframe,
      horizon: 1,
      model: 'linear-regression',
      target: bar.start,
      targetEnd: bar.end,
      madeFrom: bars[index]!.start,
      lastClose,
      lookback: LOOKBACK,
      n: Math.min(LOOKBACK, index + 1),
      slope: 0.01,
      intercept: lastClose,
      r2: 0.5,
      standardError: 0.02,
      forecast,
      lower: forecast - 0.05,
      upper: forecast + 0.05,
      ...forecastParts(lastClose, forecast, actual),
      status: actual === null ? 'open' : 'scored',
      reason: null,
      actual,
      error: actual === null ? null : actual - forecast,
      naiveError: actual === null ? null : actual - lastClose,
      feed: bar.feed,
      createdAt: bar.start,
      scoredAt: actual === null ? null : bar.end,
      source: SOURCE
    }
  })
}

function symbolOf(trades: readonly TradeDocument[]): SymbolDocument {
  const last = trades.at(-1)!
  return {
    _id: last.symbol,
    feed: last.feed,
    firstSeenAt: trades[0]!.receivedAt,
    lastPrice: last.price,
    lastTradeAt: last.tradedAt,
    lastReceivedAt: last.receivedAt
  }
}

function cents(price: number): number {
  return Math.round(price * 100) / 100
}

import {
  eligibilityOf,
  MAY,
  recordsOf,
  sessionOfTrade,
  tradeId,
  tradingDateAt,
  windowSpec,
  type FrameTrade,
  type Timeframe,
  type TradeRecord,
  type TradingDate
} from '@tapedeck/domain'
import {
  eachTrade,
  loadExcludedIds,
  type ExcludedTrade,
  type Database,
  type StoredTrade,
  type TradeCollection,
  type TradeRange
} from '@tapedeck/mongo'

/** The trades that a symbol's trading date is rebuilt from, in tape order. */
export interface TapeSlice {
  readonly symbol: string
  readonly date: TradingDate
  /** Trades of the date, of windows that end after it, and those between them on the tape. */
  readonly trades: readonly StoredTrade[]
  /** Trades before them on the tape, as far back as the tick rule needs. */
  readonly before: readonly StoredTrade[]
  /** Trades of the date that are in no bar, by id. */
  readonly excluded: ReadonlyMap<string, ExcludedOfDate>
  /** Trades of the date itself, those in no bar included. */
  readonly tradeCount: number
}

interface ExcludedOfDate {
  readonly reason: string
  readonly trade: StoredTrade
}

/** Where trades are read from. */
export interface TapeSource {
  readonly database: Database
  readonly collection: TradeCollection
  /** Reads trades that were too late like all others. */
  readonly includeLate: boolean
}

export interface SliceOptions {
  readonly timeframes: readonly Timeframe[]
  /** How far a trade may stand behind newer ones on the tape, ms. */
  readonly reachMs: number
}

/** Receive times ascend along the tape, except when a producer's clock is set: by this much at most. */
const CLOCK_SLACK_MS = 60_000

/** Trades read in search of the last two prices before a date. */
const LOOK_BACK = 20_000

/**
 * Reads a symbol's trading date. The tick rule and activity bars depend on tape order, so trades of
 * other dates that stand between those of the date on the tape are read too.
 * @throws DATABASE_UNREACHABLE
 */
export async function loadSlice(
  source: TapeSource,
  symbol: string,
  date: TradingDate,
  { timeframes, reachMs }: SliceOptions
): Promise<TapeSlice> {
  const { startMs, endMs } = date
  const overEndMs = Math.max(...timeframes.map((timeframe) => lastEndMs(timeframe, endMs)), endMs)
  const all: StoredTrade[] = []
  await each(source, { symbol, fromMs: startMs, toMs: overEndMs }, (trade) => {
    all.push(trade)
    return undefined
  })
  // After the trades: a trade is stored before its entry in late_trades.
  const excluded = await excludedIds(source, { symbol, fromMs: startMs, toMs: overEndMs + reachMs })
  const ofDate = new Map<string, ExcludedOfDate>()
  let tradeCount = 0
  const trades = all.filter((trade) => {
    const isOfDate = trade.tMs < endMs
    if (isOfDate) tradeCount++
    const why = excluded.size === 0 ? undefined : excluded.get(tradeId(trade))
    if (why !== undefined && isOfDate) ofDate.set(tradeId(trade), { reason: why.reason, trade })
    return why === undefined
  })
  trades.sort(byPlace)
  const first = trades[0]
  if (first === undefined) return { symbol, date, trades, before: [], excluded: ofDate, tradeCount }
  const before: StoredTrade[] = []
  const earlier = await loadEarlier(source, symbol, startMs, first, reachMs)
  for (const trade of earlier) (byPlace(trade, first) < 0 ? before : trades).push(trade)
  let last = first
  let receivedToMs = first.receivedAtMs
  for (const trade of trades) {
    if (byPlace(trade, last) > 0) last = trade
    if (trade.receivedAtMs > receivedToMs) receivedToMs = trade.receivedAtMs
  }
  const later = {
    symbol,
    fromMs: overEndMs,
    toMs: overEndMs + reachMs,
    receivedToMs: receivedToMs + CLOCK_SLACK_MS
  }
  await each(source, later, (trade) => {
    if (byPlace(trade, last) < 0 && byPlace(trade, first) > 0 && !excluded.has(tradeId(trade))) {
      trades.push(trade)
    }
    return undefined
  })
  trades.sort(byPlace)
  before.sort(byPlace)
  return { symbol, date, trades, before, excluded: ofDate, tradeCount }
}

/** The records that stored trades arrived in. Trades of one frame must follow one another. */
export function* recordsOfTrades(trades: readonly StoredTrade[]): Generator<TradeRecord> {
  let next = 0
  for (let first = trades[0]; first !== undefined; first = trades[next]) {
    const { connection, frame, feed, receivedAtMs: receivedAt } = first
    const from = next
    while (trades[next]?.frame === frame && trades[next]?.connection === connection) next++
    const parts = trades.slice(from, next).map(frameTradeOf)
    yield* recordsOf(parts, { feed, connection, frame, receivedAt })
  }
}

function frameTradeOf(trade: StoredTrade): FrameTrade {
  const { symbol: s, index, price: p, tMs: t, size: v, conditions: c, vendorId: i } = trade
  return { s, index, p, t, v, c, ...(i !== undefined && { i }) }
}

/** Orders two trades of a symbol as the feed sent them. */
function byPlace(a: StoredTrade, b: StoredTrade): number {
  if (a.offset !== undefined && b.offset !== undefined && a.offset !== b.offset) {
    return a.offset - b.offset
  }
  if (a.connection !== b.connection) return a.connection < b.connection ? -1 : 1
  return a.frame - b.frame || a.index - b.index
}

/** Trades before the date in time that stand on the tape after the last price move before it. */
async function loadEarlier(
  source: TapeSource,
  symbol: string,
  startMs: number,
  first: StoredTrade,
  reachMs: number
): Promise<StoredTrade[]> {
  const excludedBefore = await excludedIds(source, {
    symbol,
    fromMs: startMs - reachMs,
    toMs: startMs
  })
  // Two different prices that count under every policy: they determine the last move.
  const anchors: StoredTrade[] = []
  let looked = 0
  await each(
    source,
    { symbol, fromMs: 0, toMs: startMs },
    (trade) => {
      if (++looked > LOOK_BACK) return 'stop'
      if (byPlace(trade, first) > 0 || !setsPriceAlways(symbol, trade)) return undefined
      if (excludedBefore.has(tradeId(trade))) return undefined
      if (anchors.length > 0 && anchors[0]?.price === trade.price) return undefined
      anchors.push(trade)
      return anchors.length === 2 ? 'stop' : undefined
    },
    -1
  )
  const anchor = anchors.toSorted(byPlace)[0]
  const oldestMs = Math.min(startMs, ...anchors.map(({ tMs }) => tMs))
  const receivedFromMs = (anchor ?? first).receivedAtMs - CLOCK_SLACK_MS
  const found: StoredTrade[] = []
  const range = { symbol, fromMs: Math.max(0, oldestMs - reachMs), toMs: startMs, receivedFromMs }
  const excluded = await excludedIds(source, range)
  await each(source, range, (trade) => {
    const isOlder = anchor !== undefined && byPlace(trade, anchor) < 0
    if (!isOlder && !excluded.has(tradeId(trade))) found.push(trade)
    return undefined
  })
  return found
}

function each(
  { database, collection }: TapeSource,
  range: TradeRange,
  visit: (trade: StoredTrade) => 'stop' | undefined,
  order: 1 | -1 = 1
): Promise<void> {
  return eachTrade(database, collection, range, visit, order)
}

/** Trades of a range that are in no bar, by id. */
async function excludedIds(
  { database, collection, includeLate }: TapeSource,
  range: TradeRange
): Promise<ReadonlyMap<string, ExcludedTrade>> {
  // `eachTrade` leaves them out of `trades_shadow` by itself.
  return includeLate || collection !== 'trades' ? new Map() : loadExcludedIds(database, range)
}

function setsPriceAlways(symbol: string, { tMs, conditions }: StoredTrade): boolean {
  const session = sessionOfTrade(symbol, tradingDateAt(symbol, tMs), tMs, conditions)
  return (eligibilityOf(conditions, 'sip', session) & MAY.setLast) !== 0
}

/** End of the last window that begins before a moment, epoch ms. */
function lastEndMs(timeframe: Timeframe, beforeMs: number): number {
  const spec = windowSpec(timeframe)
  if (spec.kind === 'tumbling') return Math.ceil(beforeMs / spec.lengthMs) * spec.lengthMs
  if (spec.kind === 'hopping') {
    return Math.floor((beforeMs - 1) / spec.hopMs) * spec.hopMs + spec.lengthMs
  }
  return beforeMs
}

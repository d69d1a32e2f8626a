import {
  eligibilityOf,
  tradeId,
  MAY,
  sessionOfTrade,
  tradingDateAt,
  windowSpec,
  type Timeframe,
  type TradingDate
} from '@tapedeck/domain'
import type { StoredTrade } from '@tapedeck/mongo'
import type { TradeStore } from './trade-store.ts'

/** What a symbol's trading date is rebuilt from, in the order in which the feed sent it. */
export interface TapeSlice {
  readonly symbol: string
  readonly date: TradingDate
  /** Those of the date, of windows that reach beyond it, and whatever stands between them on the tape. */
  readonly trades: readonly StoredTrade[]
  /** What stands before, as far back as the tick rule looks. */
  readonly before: readonly StoredTrade[]
  /** Trades of the date that are in no bar, by id. */
  readonly aside: ReadonlyMap<string, AsideOfDate>
  /** Trades of the date itself, aside ones too. */
  readonly tradeCount: number
}

export interface AsideOfDate {
  readonly reason: string
  readonly trade: StoredTrade
}

export interface SliceOptions {
  readonly timeframes: readonly Timeframe[]
  /** How far a trade may stand behind newer ones on the tape, ms. */
  readonly reachMs: number
}

/** Producers' clocks may be set: receive times rise along the tape, give or take this. */
const CLOCK_SLACK_MS = 60_000
/** Trades looked through for the last two prices before a date. */
const LOOK_BACK = 20_000

/**
 * Reads a symbol's trading date. Beside its own trades those of other dates that stand among them on
 * the tape: the tick rule and counted windows follow the tape, whatever the trades' times.
 */
export async function loadSlice(
  store: TradeStore,
  symbol: string,
  date: TradingDate,
  { timeframes, reachMs }: SliceOptions
): Promise<TapeSlice> {
  const { startMs, endMs } = date
  const overEndMs = Math.max(...timeframes.map((timeframe) => reachOf(timeframe, endMs)), endMs)
  const all: StoredTrade[] = []
  await store.each({ symbol, fromMs: startMs, toMs: overEndMs }, (trade) => {
    all.push(trade)
    return undefined
  })
  // Afterwards: a trade is stored before it is said to stand aside.
  const aside = await store.asideIds({ symbol, fromMs: startMs, toMs: overEndMs + reachMs })
  const ofDate = new Map<string, AsideOfDate>()
  let tradeCount = 0
  const trades = all.filter((trade) => {
    const isOfDate = trade.tMs < endMs
    if (isOfDate) tradeCount++
    const why = aside.size === 0 ? undefined : aside.get(tradeId(trade))
    if (why !== undefined && isOfDate) ofDate.set(tradeId(trade), { reason: why.reason, trade })
    return why === undefined
  })
  trades.sort(byPlace)
  const first = trades[0]
  if (first === undefined) return { symbol, date, trades, before: [], aside: ofDate, tradeCount }
  const before: StoredTrade[] = []
  const earlier = await loadEarlier(store, symbol, startMs, first, reachMs)
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
  await store.each(later, (trade) => {
    if (byPlace(trade, last) < 0 && byPlace(trade, first) > 0 && !aside.has(tradeId(trade))) {
      trades.push(trade)
    }
    return undefined
  })
  trades.sort(byPlace)
  before.sort(byPlace)
  return { symbol, date, trades, before, aside: ofDate, tradeCount }
}

/** Which of two trades of a symbol the feed sent first. */
export function byPlace(a: StoredTrade, b: StoredTrade): number {
  if (a.offset !== undefined && b.offset !== undefined && a.offset !== b.offset) {
    return a.offset - b.offset
  }
  if (a.connection !== b.connection) return a.connection < b.connection ? -1 : 1
  return a.frame - b.frame || a.index - b.index
}

/** Trades that happened before the date but stand on the tape from the last price moves before it on. */
async function loadEarlier(
  store: TradeStore,
  symbol: string,
  startMs: number,
  first: StoredTrade,
  reachMs: number
): Promise<StoredTrade[]> {
  const asideBefore = await store.asideIds({ symbol, fromMs: startMs - reachMs, toMs: startMs })
  // Two prices that every policy takes, and that differ: from there on the last move is known.
  const anchors: StoredTrade[] = []
  let looked = 0
  await store.each(
    { symbol, fromMs: 0, toMs: startMs },
    (trade) => {
      if (++looked > LOOK_BACK) return 'stop'
      if (byPlace(trade, first) > 0 || !setsPriceAlways(symbol, trade)) return undefined
      if (asideBefore.has(tradeId(trade))) return undefined
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
  const aside = await store.asideIds(range)
  await store.each(range, (trade) => {
    const isOlder = anchor !== undefined && byPlace(trade, anchor) < 0
    if (!isOlder && !aside.has(tradeId(trade))) found.push(trade)
    return undefined
  })
  return found
}

function setsPriceAlways(symbol: string, { tMs, conditions }: StoredTrade): boolean {
  const session = sessionOfTrade(symbol, tradingDateAt(symbol, tMs), tMs, conditions)
  return (eligibilityOf(conditions, 'sip', session) & MAY.setLast) !== 0
}

/** Where the last window ends that begins before a moment, epoch ms. */
function reachOf(timeframe: Timeframe, beforeMs: number): number {
  const spec = windowSpec(timeframe)
  if (spec.kind === 'tumbling') return Math.ceil(beforeMs / spec.lengthMs) * spec.lengthMs
  if (spec.kind === 'hopping') {
    return Math.floor((beforeMs - 1) / spec.hopMs) * spec.hopMs + spec.lengthMs
  }
  return beforeMs
}

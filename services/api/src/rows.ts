import type { BarRow, LateTradeDocument, TradeDocument } from '@tapedeck/mongo'

/** What trades lack that were stored before the field was. */
const UNSAID_OF_TRADE = { eligible: null } as const

/** A trade as the api answers it. */
export function tradeRow(stored: TradeDocument) {
  const trade = { ...UNSAID_OF_TRADE, ...stored }
  return {
    id: trade._id,
    symbol: trade.symbol,
    time: trade.tradedAt.getTime(),
    tradedAt: trade.tradedAt.toISOString(),
    price: trade.price,
    size: trade.size,
    conditions: trade.conditions,
    session: trade.session,
    tradeDate: trade.tradeDate,
    eligible: trade.eligible,
    receivedAt: trade.receivedAt.getTime(),
    feed: trade.feed
  }
}

/** A trade kept out of every bar; `time` is when it was received, since one may be a day late. */
export function lateTradeRow(trade: LateTradeDocument) {
  return {
    ...tradeRow(trade),
    time: trade.receivedAt.getTime(),
    reason: trade.reason,
    byMs: trade.byMs
  }
}

/** What bars lack that were stored before these fields were: unknown is not zero. */
const UNSAID = {
  meanPrice: null,
  sdPrice: null,
  logReturn: null,
  realisedVolatility: null,
  inferredUpVolume: null,
  inferredDownVolume: null,
  inferredUnchangedVolume: null,
  revisionCause: null,
  lateVolume: null,
  coverage: null,
  gapIds: [],
  conditionVersion: null
} as const

/** A bar as the api answers it; `time` is the start of its window. */
export function barRow(stored: BarRow) {
  const bar = { ...UNSAID, ...stored }
  const { open, close, coverage, status } = bar
  return {
    id: bar._id,
    symbol: bar.symbol,
    timeframe: bar.timeframe,
    time: bar.start.getTime(),
    end: bar.end.getTime(),
    open,
    high: bar.high,
    low: bar.low,
    close,
    volume: bar.volume,
    notional: bar.notional,
    vwap: bar.vwap,
    meanPrice: bar.meanPrice,
    sdPrice: bar.sdPrice,
    logReturn: bar.logReturn,
    changePercent: open === null || close === null || open === 0 ? null : 100 * (close / open - 1),
    realisedVolatility: bar.realisedVolatility,
    inferredUpVolume: bar.inferredUpVolume,
    inferredDownVolume: bar.inferredDownVolume,
    inferredUnchangedVolume: bar.inferredUnchangedVolume,
    tradeCount: bar.tradeCount,
    firstTradeAt: bar.firstTradeAt.getTime(),
    lastTradeAt: bar.lastTradeAt.getTime(),
    session: bar.session,
    tradeDate: bar.tradeDate,
    status,
    revision: bar.revision,
    revisionCause: bar.revisionCause,
    lateCount: bar.lateCount,
    lateVolume: bar.lateVolume,
    coverage,
    coveragePercent: coverage === null ? null : 100 * coverage,
    isComplete: status !== 'provisional' && coverage === 1,
    gapIds: bar.gapIds,
    policy: bar.policy,
    conditionVersion: bar.conditionVersion,
    feed: bar.feed
  }
}

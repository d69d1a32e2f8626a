import {
  tradeId,
  type Bar,
  type ExactParts,
  type FoldedTrade,
  type Forecast,
  type StoredBar,
  type StoredTally,
  type Timeframe,
  type TradeRecord
} from '@tapedeck/domain'
import type { Acquired } from './checkpoint-store.ts'
import type { BarDocument, ForecastDocument, TradeDocument } from './documents.ts'
import type { AmendmentDocument } from './feed-documents.ts'

type Owner = Pick<Acquired, 'log' | 'epoch'>

/** A trade as it is stored. */
export function tradeDocument(
  { symbol, receivedAt, feed }: TradeRecord,
  { id, trade, session, tradeDate }: FoldedTrade
): TradeDocument {
  return {
    _id: id,
    symbol,
    price: trade.p,
    size: trade.v,
    tradedAt: new Date(trade.t),
    receivedAt: new Date(receivedAt),
    conditions: trade.c ?? null,
    session,
    tradeDate,
    feed,
    ...(trade.i !== undefined && { vendorId: trade.i })
  }
}

/** The amendments of a record as they are stored. */
export function amendmentDocuments(record: TradeRecord): AmendmentDocument[] {
  const { symbol, connection, frame, receivedAt, feed, amendments = [] } = record
  return amendments.map(({ index, kind, of, by, t }) => ({
    _id: tradeId(connection, frame, index),
    symbol,
    kind,
    of,
    price: by?.p ?? null,
    size: by?.v ?? null,
    conditions: by?.c ?? null,
    amendedAt: new Date(t),
    receivedAt: new Date(receivedAt),
    feed
  }))
}

/** Offsets of another log, or of the log before it was made anew, say nothing: then 0. */
export function storedBarOf(document: BarDocument, { log, logEpoch }: Acquired): StoredBar {
  const { source } = document
  return {
    symbol: document.symbol,
    timeframe: document.timeframe as Timeframe,
    startMs: document.start.getTime(),
    endMs: document.end.getTime(),
    status: document.status,
    revision: document.revision,
    lateCount: document.lateCount,
    offset: source.log === log && source.epoch >= logEpoch ? source.offset : 0,
    tally: {
      ...(document.exact as ExactParts),
      high: document.high,
      low: document.low,
      tradeCount: document.tradeCount,
      firstTradeMs: document.firstTradeAt.getTime(),
      lastTradeMs: document.lastTradeAt.getTime(),
      session: document.session as StoredTally['session'],
      feed: document.feed
    }
  }
}

/** A bar as it is stored. */
export function barDocument(
  bar: Bar,
  { log, epoch }: Owner,
  policy: string,
  tradeDate: string,
  updatedAt: Date
): BarDocument {
  const { tally } = bar
  return {
    _id: bar.id,
    symbol: bar.symbol,
    timeframe: bar.timeframe,
    start: new Date(bar.startMs),
    end: new Date(bar.endMs),
    open: tally.open,
    high: tally.high,
    low: tally.low,
    close: tally.close,
    volume: tally.volume.toNumber(),
    notional: tally.notional.toNumber(),
    vwap: tally.vwap,
    tradeCount: tally.tradeCount,
    firstTradeAt: new Date(tally.firstTradeMs),
    lastTradeAt: new Date(tally.lastTradeMs),
    session: tally.session,
    tradeDate,
    status: bar.status,
    revision: bar.revision,
    lateCount: bar.lateCount,
    policy,
    feed: tally.feed,
    updatedAt,
    source: { log, epoch, offset: bar.offset },
    exact: tally.exactParts()
  }
}

/** A forecast as it is stored; `offset`: the records it was made from. */
export function forecastDocument(
  forecast: Forecast,
  { log, epoch }: Owner,
  offset: number,
  now: Date
): ForecastDocument {
  const { actual, status, targetMs, targetEndMs, madeFromMs, createdAtMs, id, ...rest } = forecast
  return {
    _id: id,
    ...rest,
    target: new Date(targetMs),
    targetEnd: new Date(targetEndMs),
    madeFrom: new Date(madeFromMs),
    status,
    actual,
    error: actual === null ? null : actual - forecast.forecast,
    naiveError: actual === null ? null : actual - forecast.lastClose,
    createdAt: new Date(createdAtMs),
    scoredAt: status === 'open' ? null : now,
    source: { log, epoch, offset }
  }
}

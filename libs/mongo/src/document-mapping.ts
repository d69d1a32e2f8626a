import {
  CONDITION_TABLE_VERSION,
  coverageOf,
  eligibilityText,
  settlesAt,
  tradeId,
  type Bar,
  type ActivitySpan,
  type ExactParts,
  type FoldedTrade,
  type StoredBar,
  type StoredActivityBar,
  type StoredSum,
  type StoredAccumulator,
  type TapePlace,
  type TradeRecord
} from '@tapedeck/domain'
import type { Acquired } from './checkpoint-store.ts'
import type { BarDocument, TradeDocument } from './documents.ts'
import type { AmendmentDocument } from './feed-documents.ts'

type Owner = Pick<Acquired, 'log' | 'epoch'>

/** A trade as it is stored. */
export function tradeDocument(
  { symbol, receivedAt, feed }: TradeRecord,
  { id, trade, session, tradeDate, eligibility }: FoldedTrade
): TradeDocument {
  const document: TradeDocument = {
    _id: id,
    symbol,
    price: trade.p,
    size: trade.v,
    tradedAt: new Date(trade.t),
    receivedAt: new Date(receivedAt),
    conditions: trade.c ?? null,
    session,
    tradeDate,
    eligible: eligibilityText(eligibility),
    feed
  }
  return trade.i === undefined ? document : { ...document, vendorId: trade.i }
}

/** The amendments of a record as they are stored. */
export function amendmentDocuments(record: TradeRecord): AmendmentDocument[] {
  const { symbol, connection, frame, receivedAt, feed, amendments = [] } = record
  return amendments.map(({ index, kind, of, by, t }) => ({
    _id: tradeId({ connection, frame, index }),
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

/** What a bar keeps for the consumer's own use; see libs/domain. */
interface StoredExact extends ExactParts {
  readonly lateVolume?: StoredSum
  readonly gaps?: readonly (readonly [id: string, fromMs: number, toMs: number])[]
  /** Counted windows: the first and the last trade that is in. */
  readonly from?: TapePlace
  readonly through?: TapePlace
}

/** Offsets of another log, or of the log before it was made anew, say nothing: then 0. */
export function storedBarOf(document: BarDocument, { log, logEpoch }: Acquired): StoredBar {
  const { source, symbol, timeframe } = document
  const { gaps = [], lateVolume = 0, ...exact } = document.exact as StoredExact
  const endMs = document.end.getTime()
  return {
    id: document._id,
    symbol,
    timeframe,
    startMs: document.start.getTime(),
    endMs,
    settlesMs: settlesAt(timeframe, symbol, endMs),
    status: document.status,
    revision: document.revision,
    revisionCause: document.revisionCause,
    lateCount: document.lateCount,
    lateVolume,
    gaps: gaps.map(([id, fromMs, toMs]) => ({ id, fromMs, toMs })),
    offset: source.log === log && source.epoch >= logEpoch ? source.offset : 0,
    accumulator: {
      ...exact,
      high: document.high,
      low: document.low,
      tradeCount: document.tradeCount,
      firstTradeMs: document.firstTradeAt.getTime(),
      lastTradeMs: document.lastTradeAt.getTime(),
      session: document.session as StoredAccumulator['session'],
      feed: document.feed
    }
  }
}

const NOWHERE: TapePlace = [-1, -1]

/** A bar of a counted window as the consumer takes it up again. */
export function storedActivityBarOf(document: BarDocument, owner: Acquired): StoredActivityBar {
  const { from = NOWHERE, through = NOWHERE } = document.exact as StoredExact
  const bar = storedBarOf(document, owner)
  return { ...bar, id: document._id, tradeDate: document.tradeDate, from, through }
}

/** What a bar document says beside its bar. */
export interface BarFrame {
  readonly policy: string
  readonly tradeDate: string
  readonly updatedAt: Date
  /** Counted windows: the places of their first and last trade. */
  readonly span?: Pick<ActivitySpan, 'from' | 'through'>
}

/** A bar as it is stored. */
export function barDocument(
  bar: Bar,
  { log, epoch }: Owner,
  { policy, tradeDate, updatedAt, span }: BarFrame
): BarDocument {
  const { accumulator, gaps } = bar
  const lateVolume = bar.lateVolume.toStored()
  return {
    _id: bar.id,
    symbol: bar.symbol,
    timeframe: bar.timeframe,
    start: new Date(bar.startMs),
    end: new Date(bar.endMs),
    open: accumulator.open,
    high: accumulator.high,
    low: accumulator.low,
    close: accumulator.close,
    volume: accumulator.volume,
    notional: accumulator.notional,
    vwap: accumulator.vwap,
    meanPrice: accumulator.meanPrice,
    sdPrice: accumulator.sdPrice,
    logReturn: accumulator.logReturn,
    realisedVolatility: accumulator.realisedVolatility,
    inferredUpVolume: accumulator.upVolume,
    inferredDownVolume: accumulator.downVolume,
    inferredUnchangedVolume: accumulator.unchangedVolume,
    tradeCount: accumulator.tradeCount,
    firstTradeAt: new Date(accumulator.firstTradeMs),
    lastTradeAt: new Date(accumulator.lastTradeMs),
    session: accumulator.session,
    tradeDate,
    status: bar.status,
    revision: bar.revision,
    revisionCause: bar.revisionCause,
    lateCount: bar.lateCount,
    lateVolume: bar.lateVolume.toNumber(),
    coverage: coverageOf(bar.symbol, bar.timeframe, bar.startMs, bar.endMs, gaps),
    gapIds: gaps.map(({ id }) => id),
    policy,
    conditionVersion: CONDITION_TABLE_VERSION,
    feed: accumulator.feed,
    updatedAt,
    source: { log, epoch, offset: bar.offset },
    exact: {
      ...accumulator.exactParts(),
      ...(lateVolume !== 0 && { lateVolume }),
      ...(gaps.length > 0 && { gaps: gaps.map(({ id, fromMs, toMs }) => [id, fromMs, toMs]) }),
      ...(span !== undefined && { from: span.from, through: span.through })
    }
  }
}

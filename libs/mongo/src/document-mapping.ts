import {
  CONDITION_TABLE_VERSION,
  coverageOf,
  eligibilityText,
  settlesAt,
  tradeId,
  type Bar,
  type CountedSpan,
  type ExactParts,
  type FoldedTrade,
  type StoredBar,
  type StoredCountedBar,
  type StoredSum,
  type StoredTally,
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
    tally: {
      ...exact,
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

const NOWHERE: TapePlace = [-1, -1]

/** A bar of a counted window as the consumer takes it up again. */
export function storedCountedBarOf(document: BarDocument, owner: Acquired): StoredCountedBar {
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
  readonly span?: Pick<CountedSpan, 'from' | 'through'>
}

/** A bar as it is stored. */
export function barDocument(
  bar: Bar,
  { log, epoch }: Owner,
  { policy, tradeDate, updatedAt, span }: BarFrame
): BarDocument {
  const { tally, gaps } = bar
  const lateVolume = bar.lateVolume.toStored()
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
    volume: tally.volume,
    notional: tally.notional,
    vwap: tally.vwap,
    meanPrice: tally.meanPrice,
    sdPrice: tally.sdPrice,
    logReturn: tally.logReturn,
    realisedVolatility: tally.realisedVolatility,
    inferredUpVolume: tally.upVolume,
    inferredDownVolume: tally.downVolume,
    inferredUnchangedVolume: tally.unchangedVolume,
    tradeCount: tally.tradeCount,
    firstTradeAt: new Date(tally.firstTradeMs),
    lastTradeAt: new Date(tally.lastTradeMs),
    session: tally.session,
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
    feed: tally.feed,
    updatedAt,
    source: { log, epoch, offset: bar.offset },
    exact: {
      ...tally.exactParts(),
      ...(lateVolume !== 0 && { lateVolume }),
      ...(gaps.length > 0 && { gaps: gaps.map(({ id, fromMs, toMs }) => [id, fromMs, toMs]) }),
      ...(span !== undefined && { from: span.from, through: span.through })
    }
  }
}

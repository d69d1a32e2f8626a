import {
  amountProblem,
  eligibilityText,
  parseTradeId,
  tradeId,
  type FoldedTrade,
  type TradeRecord
} from '@tapedeck/domain'
import { insertAll } from './bulk.ts'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { reading, translated } from './failure.ts'
import { between, newestRows, type RangeQuery } from './newest-rows.ts'
import { only, optional, orNull, readable, shapeOf, type HasReport } from './shape.ts'
import type { HasSymbols } from './symbols.ts'

/** One trade (print), kept whole and never changed. `_id` is `<connection>-<frame>-<index>`. */
export interface TradeDocument {
  readonly _id: string
  readonly symbol: string
  readonly price: number
  readonly size: number
  readonly tradedAt: Date
  readonly receivedAt: Date
  /** Finnhub's codes as sent; null when the feed sent none. */
  readonly conditions: readonly string[] | null
  readonly session: string
  /** The exchange's trading date, YYYY-MM-DD; it rolls at 20:00 New York for stocks. */
  readonly tradeDate: string
  /** What its conditions let it do to a bar under the consumer's policy: `price and volume`, `volume`, ... */
  readonly eligible: string
  readonly feed: string
  /** The vendor's own id, where it has one. */
  readonly vendorId?: string
  /** `_id` of the trade that this one repeats, where the feed sent its whole frame again. */
  readonly copyOf?: string
}

export const TRADES = new CollectionSpec<TradeDocument>('trades', {
  writeConcern: DURABLE,
  indexes: [[{ symbol: 1, tradedAt: 1 }]]
})

/** A price or size that sums hold exactly. */
function amount(value: unknown): string | undefined {
  const isHeld =
    typeof value === 'number' && (value === 0 || amountProblem('size', value) === undefined)
  return isHeld ? undefined : 'is none that trades have, expected a number from 1e-50 to 1e50, or 0'
}

export const TRADE_SHAPE = shapeOf({
  _id: 'text',
  symbol: 'text',
  price: amount,
  size: amount,
  tradedAt: 'date',
  receivedAt: 'date',
  conditions: orNull('texts'),
  session: 'text',
  tradeDate: 'text',
  eligible: orNull('text'),
  feed: 'text',
  vendorId: optional('text'),
  copyOf: optional('text')
})

export type HasTrades = Has<'trades', TradeDocument>

/** A trade as it is stored. */
export function tradeDocument(
  { symbol, receivedAt, feed, connection, copyOf }: TradeRecord,
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
  if (trade.i === undefined && copyOf === undefined) return document
  return {
    ...document,
    ...(trade.i !== undefined && { vendorId: trade.i }),
    ...(copyOf !== undefined && {
      copyOf: tradeId({ connection, frame: copyOf, index: parseTradeId(id).index })
    })
  }
}

/** Inserts trades and returns how many were stored already. */
export async function insertTrades(
  { trades }: HasTrades,
  documents: readonly TradeDocument[]
): Promise<number> {
  if (documents.length === 0) return 0
  const present = await translated('Cannot store trades', () => insertAll(trades, documents))
  return present.length
}

/** The newest trades of a range, ascending; those of one millisecond in the order of the feed. */
export function findTrades(
  { trades, unreadable }: HasTrades & HasReport,
  query: RangeQuery,
  timeoutMs: number
): Promise<TradeDocument[]> {
  return reading('trades', timeoutMs, () =>
    newestRows(trades, {
      ...query,
      timeField: 'tradedAt',
      filter: { tradedAt: between(query) },
      readable: (found) => readable('trades', TRADE_SHAPE, found, { unreadable }),
      timeoutMs
    })
  )
}

interface TradeWithVendorId extends Pick<TradeDocument, '_id' | 'symbol' | 'tradedAt'> {
  readonly vendorId: string
}

const VENDOR_FIELDS = { symbol: 1, tradedAt: 1, vendorId: 1 } as const
const VENDOR_SHAPE = [
  ...only(TRADE_SHAPE, ['_id', 'symbol', 'tradedAt']),
  ...shapeOf({ vendorId: 'text' })
]

/** The trades since `fromMs` that have a vendor's id, so that a deduplicator can be restored. */
export async function loadTradesWithVendorId(
  { trades, symbols, unreadable }: HasTrades & HasSymbols & HasReport,
  fromMs: number
): Promise<TradeWithVendorId[]> {
  return translated('Cannot load trades with vendor ids', async () => {
    const known = await symbols.distinct('_id')
    const found = await trades
      .find({
        symbol: { $in: known },
        tradedAt: { $gte: new Date(fromMs) },
        vendorId: { $exists: true }
      })
      .project<TradeWithVendorId>(VENDOR_FIELDS)
      .toArray()
    return readable('trades', VENDOR_SHAPE, found, { unreadable })
  })
}

import { parseTradeId } from '@tapedeck/domain'
import type { Filter } from 'mongodb'
import type { HasBars } from './bars.ts'
import { insertAll } from './bulk.ts'
import { CollectionSpec, type HasDb } from './collection.ts'
import { translated } from './failure.ts'
import { texts } from './newest-rows.ts'
import { only, readable, type HasReport } from './shape.ts'
import { TRADE_SHAPE, type HasTrades, type TradeDocument } from './trades.ts'

/** A trade as `reprocess --source topic` read it again, with what decides whether it is in a bar. */
export interface ShadowTradeDocument extends TradeDocument {
  /** The offset of its record. */
  readonly offset: number
  /** It is excluded from every bar. */
  readonly isExcluded: boolean
}

/** The trades that the present run of `reprocess --source topic` has read. */
const SHADOW_TRADES = new CollectionSpec<ShadowTradeDocument>('trades_shadow', {
  indexes: [[{ symbol: 1, tradedAt: 1 }]]
})

export type TradeCollection = 'trades' | 'trades_shadow'

/** A stored trade with its place on the tape. */
export interface StoredTrade {
  readonly symbol: string
  readonly connection: string
  readonly frame: number
  readonly index: number
  /** The offset of its record, where it is known. */
  readonly offset: number | undefined
  readonly tMs: number
  readonly receivedAtMs: number
  readonly price: number
  readonly size: number
  readonly conditions: readonly string[] | null
  readonly feed: string
  readonly vendorId: string | undefined
}

/** Trades of one symbol; times are epoch ms, [from, to). */
export interface TradeRange {
  readonly symbol: string
  readonly fromMs: number
  readonly toMs: number
  readonly receivedFromMs?: number
  /** Inclusive. */
  readonly receivedToMs?: number
}

const BATCH = 5000
const FIELDS = {
  price: 1,
  size: 1,
  tradedAt: 1,
  receivedAt: 1,
  conditions: 1,
  feed: 1,
  vendorId: 1,
  offset: 1
}
const READ_SHAPE = only(TRADE_SHAPE, ['_id', ...Object.keys(FIELDS)])
type Read = Pick<TradeDocument, '_id' | 'price' | 'size' | 'tradedAt' | 'receivedAt' | 'feed'> &
  Partial<Pick<ShadowTradeDocument, 'conditions' | 'vendorId' | 'offset'>>

/**
 * Calls `visit` with each trade of a range by time until it returns `stop`. Of `trades_shadow` it leaves out
 * the trades that are excluded from every bar; of `trades` see `loadExcludedIds`.
 * @throws DATABASE_UNREACHABLE
 */
export async function eachTrade(
  { db, unreadable }: HasDb & HasReport,
  collection: TradeCollection,
  { symbol, fromMs, toMs, receivedFromMs, receivedToMs }: TradeRange,
  visit: (trade: StoredTrade) => 'stop' | undefined,
  order: 1 | -1 = 1
): Promise<void> {
  const filter: Filter<ShadowTradeDocument> = {
    symbol,
    tradedAt: { $gte: new Date(fromMs), $lt: new Date(toMs) },
    ...((receivedFromMs !== undefined || receivedToMs !== undefined) && {
      receivedAt: {
        ...(receivedFromMs !== undefined && { $gte: new Date(receivedFromMs) }),
        ...(receivedToMs !== undefined && { $lte: new Date(receivedToMs) })
      }
    }),
    ...(collection === 'trades_shadow' && { isExcluded: false })
  }
  const known = new Map<string, string>()
  await translated(`Cannot read ${collection}`, async () => {
    const cursor = db
      .collection<ShadowTradeDocument>(collection)
      .find(filter, { batchSize: BATCH })
      .sort({ tradedAt: order })
      .project<Read>(FIELDS)
    try {
      while (await cursor.hasNext()) {
        const found = cursor.readBufferedDocuments()
        for (const document of readable(collection, READ_SHAPE, found, { unreadable })) {
          if (visit(tradeOf(symbol, document, known)) === 'stop') return
        }
      }
    } finally {
      await cursor.close()
    }
  })
}

/** `known` holds each connection's name once: millions of trades share a handful of them. */
function tradeOf(symbol: string, document: Read, known: Map<string, string>): StoredTrade {
  const {
    _id: id,
    price,
    size,
    tradedAt,
    receivedAt,
    conditions,
    feed,
    vendorId,
    offset
  } = document
  const { connection: name, frame, index } = parseTradeId(id)
  let connection = known.get(name)
  if (connection === undefined) known.set(name, (connection = name))
  return {
    symbol,
    connection,
    frame,
    index,
    offset,
    tMs: tradedAt.getTime(),
    receivedAtMs: receivedAt.getTime(),
    price,
    size,
    conditions: conditions ?? null,
    feed,
    vendorId
  }
}

/** Every symbol that has stored trades or bars, by name. */
export async function storedSymbols({ trades, bars }: HasTrades & HasBars): Promise<string[]> {
  const found = await translated('Cannot read the symbols', () =>
    Promise.all([trades.distinct('symbol'), bars.distinct('symbol')])
  )
  return [...new Set(texts(found.flat()))].toSorted()
}

/** Removes what an earlier run left in `trades_shadow`. */
export async function clearShadowTrades({ db }: HasDb): Promise<void> {
  await translated('Cannot clear trades_shadow', () => SHADOW_TRADES.recreate(db))
}

export async function insertShadowTrades(
  { db }: HasDb,
  documents: readonly ShadowTradeDocument[]
): Promise<void> {
  if (documents.length === 0) return
  await translated('Cannot store trades_shadow', () => insertAll(SHADOW_TRADES.in(db), documents))
}

/** Removes the collection. */
export async function dropShadowTrades({ db }: HasDb): Promise<void> {
  await translated('Cannot remove trades_shadow', () => SHADOW_TRADES.in(db).drop())
}

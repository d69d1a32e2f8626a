import { parseTradeId } from '@tapedeck/domain'
import type { Filter } from 'mongodb'
import { insertAll } from './bulk-write.ts'
import type { Database } from './database.ts'
import type { TradeDocument } from './documents.ts'
import { translated } from './failure.ts'

/** A stored trade with its place on the tape, for reading a tape again. */
export interface StoredTrade {
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

/** A trade as read anew from the topic: what decides over bars is noted beside it. */
export interface ShadowTradeDocument extends TradeDocument {
  readonly offset: number
  readonly aside: boolean
}

/** Where `reprocess --source topic` keeps what it read; begun anew by each run. */
export const TRADES_SHADOW = 'trades_shadow'
export type TradeCollection = 'trades' | typeof TRADES_SHADOW

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
type Read = Pick<TradeDocument, '_id' | 'price' | 'size' | 'tradedAt' | 'receivedAt' | 'feed'> &
  Partial<Pick<ShadowTradeDocument, 'conditions' | 'vendorId' | 'offset'>>

/**
 * Shows each trade of a range to `visit`, by time; `stop` ends it. Of a shadow those that stand aside
 * are left out; of `trades` see `loadAsideIds`.
 * @throws DATABASE_UNREACHABLE
 */
export async function eachTrade(
  { db }: Database,
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
    ...(collection === TRADES_SHADOW && { aside: false })
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
        for (const document of cursor.readBufferedDocuments()) {
          if (visit(tradeOf(document, known)) === 'stop') return
        }
      }
    } finally {
      await cursor.close()
    }
  })
}

/** `known` keeps one text for each connection: millions of trades name a handful. */
function tradeOf(document: Read, known: Map<string, string>): StoredTrade {
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

/** Why a stored trade is in no bar, and when it happened. */
export interface AsideTrade {
  readonly reason: string
  readonly tMs: number
}

/** The stored trades that are in no bar, by id; redelivered ones are not in `trades`. */
export async function loadAsideIds(
  { lateTrades }: Database,
  { symbol, fromMs, toMs }: TradeRange
): Promise<Map<string, AsideTrade>> {
  return translated('Cannot read late_trades', async () => {
    const found = await lateTrades
      .find({
        symbol,
        tradedAt: { $gte: new Date(fromMs), $lt: new Date(toMs) },
        reason: { $ne: 'redelivered' }
      })
      .project<{ _id: string; reason: string; tradedAt: Date }>({ reason: 1, tradedAt: 1 })
      .toArray()
    return new Map(
      found.map(({ _id, reason, tradedAt }) => [_id, { reason, tMs: tradedAt.getTime() }])
    )
  })
}

/** Every symbol of which trades or bars are stored, by name. */
export async function storedSymbols({ trades, bars }: Database): Promise<string[]> {
  const found = await translated('Cannot read the symbols', () =>
    Promise.all([trades.distinct('symbol'), bars.distinct('symbol')])
  )
  return [...new Set(found.flat())].toSorted()
}

/** Begins the shadow of trades anew. */
export async function clearShadowTrades({ db }: Database): Promise<void> {
  await translated(`Cannot begin ${TRADES_SHADOW}`, async () => {
    await db.collection(TRADES_SHADOW).drop()
    await db.collection(TRADES_SHADOW).createIndex({ symbol: 1, tradedAt: 1 })
  })
}

export async function insertShadowTrades(
  { db }: Database,
  documents: readonly ShadowTradeDocument[]
): Promise<void> {
  if (documents.length === 0) return
  const shadow = db.collection<ShadowTradeDocument>(TRADES_SHADOW)
  await translated(`Cannot store ${TRADES_SHADOW}`, () => insertAll(shadow, documents))
}

/** Removes the shadow of trades. */
export async function dropShadowTrades({ db }: Database): Promise<void> {
  await translated(`Cannot remove ${TRADES_SHADOW}`, () => db.collection(TRADES_SHADOW).drop())
}

import { tradeId, type TradeRecord } from '@tapedeck/domain'
import type { Database, TradeDocument } from '@tapedeck/mongo'

/** Fields of a document, or of a filter. */
export type Fields = Readonly<Record<string, unknown>>

type Db = Database['db']

/** One trade's own document, made of a record, as the consumer stores it. */
export function tradesOf(record: TradeRecord): TradeDocument[] {
  const { symbol, connection, frame, feed } = record
  const receivedAt = new Date(record.receivedAt)
  return record.trades.map(({ p, v, t, c }, at) => ({
    _id: tradeId({ connection, frame, index: record.indexes[at] ?? at }),
    symbol,
    price: p,
    size: v,
    tradedAt: new Date(t),
    receivedAt,
    conditions: c ?? null,
    session: 'regular',
    tradeDate: '2026-03-10',
    eligible: 'price and volume',
    feed
  }))
}

/** A way to keep trades in MongoDB, with what its users type to read them. */
export interface TradeForm {
  readonly name: string
  /** Where documents are inserted. */
  readonly stored: string
  /** Where they are read: the same, or a view. */
  readonly read: string
  prepare(db: Db): Promise<unknown>
  documents(trades: readonly TradeDocument[]): object[]
  /** All trades of a symbol in [from, to). */
  range(symbol: string, from: Date, to: Date): Fields
  /** One trade. */
  one(trade: TradeDocument): Fields
  /** The key by which the newest come first. */
  readonly newest: string
}

const ZSTD = {
  storageEngine: { wiredTiger: { configString: 'block_compressor=zstd' } }
}

/** As shipped: a short `_id` in the order of arrival, and an index by symbol and time. */
const DOCUMENT: TradeForm = {
  name: 'document',
  stored: 'trades_document',
  read: 'trades_document',
  async prepare(db) {
    const collection = await db.createCollection('trades_document', ZSTD)
    await collection.createIndex({ symbol: 1, tradedAt: 1 })
  },
  documents: (trades) => [...trades],
  range: (symbol, from, to) => ({ symbol, tradedAt: { $gte: from, $lt: to } }),
  one: ({ _id }) => ({ _id }),
  newest: 'tradedAt'
}

/** Symbol, time and then the trade's own id in one text. */
function keyOf({ _id, symbol, tradedAt }: TradeDocument): string {
  return `${symbol} ${tradedAt.toISOString()} ${_id}`
}

/** `_id` begins with symbol and time, so that no other index is needed. */
const KEYED: TradeForm = {
  name: 'keyed',
  stored: 'trades_keyed',
  read: 'trades_keyed',
  prepare: (db) => db.createCollection('trades_keyed', ZSTD),
  documents: (trades) => trades.map((trade) => ({ ...trade, _id: keyOf(trade) })),
  range: (symbol, from, to) => ({
    _id: { $gte: `${symbol} ${from.toISOString()}`, $lt: `${symbol} ${to.toISOString()}` }
  }),
  one: (trade) => ({ _id: keyOf(trade) }),
  newest: '_id'
}

/** What is the same for all trades of a record, and what is not. */
const OWN = ['price', 'size', 'tradedAt', 'conditions', 'session', 'tradeDate', 'eligible'] as const

/** One document for each symbol of a record, its trades in arrays; a view gives the rows of `document`. */
const RECORDS: TradeForm = {
  name: 'records',
  stored: 'trades_records',
  read: 'trades_view',
  async prepare(db) {
    const collection = await db.createCollection('trades_records', ZSTD)
    await collection.createIndex({ symbol: 1, firstAt: 1 })
    const at = (name: string): Fields => ({ $arrayElemAt: [`$${name}`, '$index'] })
    await db.createCollection('trades_view', {
      viewOn: 'trades_records',
      pipeline: [
        { $addFields: { index: { $range: [0, { $size: '$price' }] } } },
        { $unwind: '$index' },
        {
          $project: {
            _id: at('ids'),
            symbol: 1,
            receivedAt: 1,
            feed: 1,
            ...Object.fromEntries(OWN.map((name) => [name, at(name)]))
          }
        }
      ]
    })
  },
  documents(trades) {
    const [first] = trades
    if (first === undefined) return []
    const { _id, symbol, receivedAt, feed, tradedAt } = first
    return [
      {
        _id,
        symbol,
        firstAt: tradedAt,
        receivedAt,
        feed,
        ids: trades.map((trade) => trade._id),
        ...Object.fromEntries(OWN.map((name) => [name, trades.map((trade) => trade[name])]))
      }
    ]
  },
  range: DOCUMENT.range.bind(DOCUMENT),
  one: DOCUMENT.one.bind(DOCUMENT),
  newest: 'tradedAt'
}

export const TRADE_FORMS: readonly TradeForm[] = [DOCUMENT, KEYED, RECORDS]

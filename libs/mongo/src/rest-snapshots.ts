import { Double } from 'mongodb'
import { CollectionSpec, type Has } from './collection.ts'
import { reading, translated } from './failure.ts'
import { readable, shapeOf, type HasReport } from './shape.ts'
import type { HasTrades } from './trades.ts'

/** An answer of a JSON API that was asked beside the stream; the lake has its text. */
export interface RestSnapshotDocument {
  readonly _id: string
  /** The name of the request in its definition, such as `quote`. */
  readonly request: string
  /** Null for a request that is not asked for each symbol. */
  readonly symbol: string | null
  /** Path and query. */
  readonly target: string
  readonly receivedAt: Date
  /** The answer. */
  readonly body: unknown
}

export const REST_SNAPSHOTS = new CollectionSpec<RestSnapshotDocument>('rest_snapshots', {
  indexes: [[{ request: 1, symbol: 1, receivedAt: -1 }]]
})

type HasSnapshots = Has<'restSnapshots', RestSnapshotDocument>

/** Stores an answer. @throws DATABASE_UNREACHABLE; the server's own error for one of more than 16 MB */
export async function storeSnapshot(
  { restSnapshots }: HasSnapshots,
  snapshot: RestSnapshotDocument
): Promise<void> {
  await translated('Cannot store an answer', () => restSnapshots.insertOne(snapshot))
}

/** The newest quote of a symbol, and the last trade that set a price when it was made. */
export interface StoredQuote {
  readonly symbol: string
  readonly price: number
  /** Null when the API does not say. */
  readonly quotedAt: Date | null
  readonly receivedAt: Date
  /** Null when none is stored. */
  readonly trade: { readonly price: number; readonly tradedAt: Date } | null
}

/** The name of the request in services/batch/rest/quotes.json. */
const QUOTE = 'quote'
const SECOND_MS = 1000
/** What eligibilityText says of trades that set the price of a bar. */
const SETS_PRICE = ['price and volume', /open and close(?! if)/]
const SNAPSHOT_SHAPE = shapeOf({ symbol: 'text', receivedAt: 'date' })

/** When a quote was made, as far as its answer says. */
const QUOTED_AT = {
  $cond: [
    { $and: [{ $isNumber: '$body.t' }, { $gt: ['$body.t', 0] }] },
    // A date comes from a double at any size.
    {
      $convert: {
        input: { $multiply: ['$body.t', new Double(SECOND_MS)] },
        to: 'date',
        onError: null
      }
    },
    null
  ]
}

/** A document that does not fit gets no trade, and is reported. */
const MADE_AT = {
  $ifNull: ['$quotedAt', { $convert: { input: '$receivedAt', to: 'date', onError: null } }]
}

interface QuoteRow extends RestSnapshotDocument {
  readonly quotedAt: Date | null
  readonly trades: readonly { readonly price: unknown; readonly tradedAt: Date }[]
}

/**
 * The newest quote of every symbol, in the form of Finnhub's `/quote` (`c` price, `t` seconds), each with its trade, by one
 * command; symbols that the API does not know (a price of 0) are left out. The second of a quote may have trades up to its end.
 * @throws DATABASE_UNREACHABLE
 */
export function findQuotes(
  { restSnapshots, trades, unreadable }: HasSnapshots & HasTrades & HasReport,
  timeoutMs: number
): Promise<StoredQuote[]> {
  return reading('rest_snapshots', timeoutMs, async () => {
    // By the indexes: one key a symbol is read of the quotes, and of the trades those from the newest to one that set a price.
    const found = await restSnapshots
      .aggregate<QuoteRow>(
        [
          { $match: { request: QUOTE } },
          { $sort: { request: 1, symbol: 1, receivedAt: -1 } },
          { $group: { _id: '$symbol', newest: { $first: '$$ROOT' } } },
          { $replaceRoot: { newRoot: '$newest' } },
          { $sort: { symbol: 1 } },
          { $set: { quotedAt: QUOTED_AT } },
          {
            $lookup: {
              from: trades.collectionName,
              localField: 'symbol',
              foreignField: 'symbol',
              let: { until: { $add: [MADE_AT, SECOND_MS] } },
              pipeline: [
                {
                  $match: {
                    $expr: { $lt: ['$tradedAt', '$$until'] },
                    eligible: { $in: SETS_PRICE }
                  }
                },
                { $sort: { tradedAt: -1 } },
                { $limit: 1 },
                { $project: { _id: 0, price: 1, tradedAt: 1 } }
              ],
              as: 'trades'
            }
          }
        ],
        { timeoutMS: timeoutMs }
      )
      .toArray()
    const fitting = readable('rest_snapshots', SNAPSHOT_SHAPE, found, { unreadable })
    return fitting.flatMap(({ symbol, receivedAt, body, quotedAt, trades: [trade] }) => {
      const { c: price } = (body ?? {}) as { readonly c?: unknown }
      if (symbol === null || typeof price !== 'number' || !(price > 0)) return []
      const read =
        typeof trade?.price === 'number' ? { price: trade.price, tradedAt: trade.tradedAt } : null
      return [{ symbol, price, quotedAt, receivedAt, trade: read }]
    })
  })
}

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

/**
 * The newest quote of every symbol, in the form of Finnhub's `/quote` (`c` price, `t` seconds); symbols that the API does
 * not know (a price of 0) are left out. The second of a quote may have trades up to its end.
 * @throws DATABASE_UNREACHABLE
 */
export function findQuotes(
  { restSnapshots, trades, unreadable }: HasSnapshots & HasTrades & HasReport,
  timeoutMs: number
): Promise<StoredQuote[]> {
  return reading('rest_snapshots', timeoutMs, async () => {
    // By the index: one key a symbol is read, however many quotes there are.
    const found = await restSnapshots
      .aggregate<RestSnapshotDocument>(
        [
          { $match: { request: QUOTE } },
          { $sort: { request: 1, symbol: 1, receivedAt: -1 } },
          { $group: { _id: '$symbol', newest: { $first: '$$ROOT' } } },
          { $replaceRoot: { newRoot: '$newest' } },
          { $sort: { symbol: 1 } }
        ],
        { timeoutMS: timeoutMs }
      )
      .toArray()
    const fitting = readable('rest_snapshots', SNAPSHOT_SHAPE, found, { unreadable })
    const quotes = fitting.flatMap(({ symbol, receivedAt, body }) => {
      const { c: price, t } = (body ?? {}) as { readonly c?: unknown; readonly t?: unknown }
      if (symbol === null || typeof price !== 'number' || !(price > 0)) return []
      const quotedAt = typeof t === 'number' && t > 0 ? new Date(t * SECOND_MS) : null
      return [{ symbol, price, quotedAt, receivedAt }]
    })
    return Promise.all(
      quotes.map(async (quote): Promise<StoredQuote> => {
        const untilMs = quote.quotedAt?.getTime() ?? quote.receivedAt.getTime()
        const trade = await trades.findOne(
          {
            symbol: quote.symbol,
            tradedAt: { $lt: new Date(untilMs + SECOND_MS) },
            eligible: { $in: SETS_PRICE }
          },
          { sort: { tradedAt: -1 }, projection: { price: 1, tradedAt: 1 }, timeoutMS: timeoutMs }
        )
        const isRead = typeof trade?.price === 'number'
        return { ...quote, trade: isRead ? { price: trade.price, tradedAt: trade.tradedAt } : null }
      })
    )
  })
}

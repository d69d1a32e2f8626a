import type { Filter } from 'mongodb'
import type { Database } from './database.ts'
import type { FeedGapDocument, FeedStatusDocument, SubscriptionDocument } from './feed-documents.ts'
import { reading } from './reading.ts'
import { readSubscriptions, setWanted } from './subscriptions.ts'

/** Outages that touch a half-open range of time, [fromMs, toMs), epoch ms; the newest `limit`. */
export interface GapQuery {
  readonly fromMs: number
  readonly toMs: number
  readonly limit: number
}

/**
 * What is known of the feed, and which symbols are asked of it. Each call rejects with
 * DATABASE_UNREACHABLE when the server is away or has not answered within the time limit.
 */
export interface FeedReader {
  /** What each producer last said of its feed, by the feed's name. */
  feeds(): Promise<readonly FeedStatusDocument[]>
  /** Ascending by their beginning; one without a beginning comes first. */
  gaps(query: GapQuery): Promise<readonly FeedGapDocument[]>
  subscriptions(): Promise<readonly SubscriptionDocument[]>
  /** Adds or removes symbols for good, over the list of SYMBOLS. */
  setWanted(symbols: readonly string[], wanted: boolean, by: string): Promise<void>
}

/** Feeds read at most; a producer has one. */
const MAX_FEEDS = 100

/** Reads `feed_status`, `feed_gaps` and `subscriptions`; every operation ends within `timeoutMs`. */
export function feedReader(database: Database, { timeoutMs = 2500 } = {}): FeedReader {
  const { feedStatus, feedGaps } = database
  return {
    feeds: () =>
      reading('feed_status', timeoutMs, () =>
        feedStatus
          .find({}, { sort: { _id: 1 }, timeoutMS: timeoutMs })
          .limit(MAX_FEEDS)
          .toArray()
      ),
    gaps: (query) =>
      reading('feed_gaps', timeoutMs, async () => {
        const newest = await feedGaps
          .find(touching(query), { sort: { from: -1 }, limit: query.limit, timeoutMS: timeoutMs })
          .toArray()
        return newest.toReversed()
      }),
    subscriptions: () => readSubscriptions(database, timeoutMs),
    setWanted: (symbols, wanted, by) => setWanted(database, symbols, wanted, by, timeoutMs)
  }
}

/** Null is "no frame before" and "still open": both reach without end. */
function touching({ fromMs, toMs }: GapQuery): Filter<FeedGapDocument> {
  return {
    $and: [
      { $or: [{ from: { $lt: new Date(toMs) } }, { from: null }] },
      { $or: [{ to: { $gte: new Date(fromMs) } }, { to: null }] }
    ]
  }
}

import { knownGap, type GapRecord, type KnownGap } from '@tapedeck/domain'
import type { Filter } from 'mongodb'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { reading, translated } from './failure.ts'
import { nullable, optional, readable, shapeOf, type HasReport } from './shape.ts'

/** An outage of the feed; `_id` is the gap's id. The consumer writes it from the topic. */
export interface FeedGapDocument {
  readonly _id: string
  readonly feed: string
  /** The last frame before it; null when there was none. */
  readonly from: Date | null
  /** The first frame after it; null while it lasts. */
  readonly to: Date | null
  readonly cause: string
  /** Empty: every symbol of the feed. */
  readonly symbols: readonly string[]
  /** Set where only this partition has an outage: records were removed before they were read, or not readable. */
  readonly log?: string
  readonly updatedAt: Date
}

export const FEED_GAPS = new CollectionSpec<FeedGapDocument>('feed_gaps', {
  writeConcern: DURABLE,
  indexes: [[{ from: 1 }]]
})

const GAP_SHAPE = shapeOf({
  _id: 'text',
  feed: 'text',
  from: nullable('date'),
  to: nullable('date'),
  cause: 'text',
  symbols: 'texts',
  log: optional('text'),
  updatedAt: 'date'
})

export type HasFeedGaps = Has<'feedGaps', FeedGapDocument>

/** A gap as it is stored. */
export interface StoredGap extends KnownGap {
  /** When it was published on all partitions, epoch ms; undefined for an outage of this partition alone. */
  readonly publishedMs: number | undefined
}

const GAPS_LOADED = 5000
/** One is open; others were put in by hand. */
const OPEN_GAPS = 100

/**
 * Stores outages as the topic has them. Every partition carries each gap, and replays repeat them, so an
 * open record never replaces a closed one, nor an earlier end a later one.
 */
export async function storeGaps(
  { feedGaps }: HasFeedGaps,
  gaps: readonly GapRecord[]
): Promise<void> {
  if (gaps.length === 0) return
  await translated('Cannot store feed gaps', () =>
    feedGaps.bulkWrite(
      gaps.map((gap) => {
        const { _id, to, ...fields } = documentOf(gap)
        return {
          updateOne: {
            filter: { _id },
            update: { $max: { to }, $setOnInsert: fields },
            upsert: true
          }
        }
      }),
      { ordered: true }
    )
  )
}

/**
 * The gaps that bars of a partition may overlap: the newest of the feeds and the partition's own.
 * @param range only those that touch it
 */
export async function loadGaps(
  { feedGaps, unreadable }: HasFeedGaps & HasReport,
  log: string,
  range?: Pick<GapQuery, 'fromMs' | 'toMs'>
): Promise<StoredGap[]> {
  const own: Filter<FeedGapDocument> = { $or: [{ log: { $exists: false } }, { log }] }
  const found = await translated('Cannot load feed gaps', () =>
    feedGaps
      .find(range === undefined ? own : { $and: [own, touching(range)] })
      .sort({ from: -1 })
      .limit(GAPS_LOADED)
      .toArray()
  )
  return readable('feed_gaps', GAP_SHAPE, found, { unreadable }).map((gap) => ({
    ...knownGap(gapRecordOf(gap)),
    publishedMs: gap.log === undefined ? gap.updatedAt.getTime() : undefined
  }))
}

/** The newest `limit` outages that touch the half-open range of time [fromMs, toMs), epoch ms. */
export interface GapQuery {
  readonly fromMs: number
  readonly toMs: number
  readonly limit: number
}

/** The newest outages of a range, ascending by their beginning; one without a beginning comes first. */
export function findGaps(
  { feedGaps, unreadable }: HasFeedGaps & HasReport,
  query: GapQuery,
  timeoutMs: number
): Promise<FeedGapDocument[]> {
  return reading('feed_gaps', timeoutMs, async () => {
    const newest = await feedGaps
      .find(touching(query), { sort: { from: -1 }, limit: query.limit, timeoutMS: timeoutMs })
      .toArray()
    return readable('feed_gaps', GAP_SHAPE, newest, { unreadable }).toReversed()
  })
}

/** The outage of a feed that was stored last and is not over; undefined when there is none. */
export async function findOpenGap(
  { feedGaps, unreadable }: HasFeedGaps & HasReport,
  feed: string
): Promise<FeedGapDocument | undefined> {
  const open = await translated('Cannot read feed gaps', () =>
    feedGaps.find({ feed, to: null }).sort({ updatedAt: -1 }).limit(OPEN_GAPS).toArray()
  )
  return readable('feed_gaps', GAP_SHAPE, open, { unreadable })[0]
}

/** A beginning of null lies before every time, an end of null after every time. */
function touching({ fromMs, toMs }: Pick<GapQuery, 'fromMs' | 'toMs'>): Filter<FeedGapDocument> {
  return {
    $and: [
      { $or: [{ from: { $lt: new Date(toMs) } }, { from: null }] },
      { $or: [{ to: { $gte: new Date(fromMs) } }, { to: null }] }
    ]
  }
}

function gapRecordOf({ _id, from, to, updatedAt, ...gap }: FeedGapDocument): GapRecord {
  return {
    version: 1,
    kind: 'gap',
    id: _id,
    ...gap,
    fromMs: from?.getTime() ?? null,
    toMs: to?.getTime() ?? null,
    at: updatedAt.getTime()
  }
}

function documentOf(gap: GapRecord): FeedGapDocument {
  const { id, feed, fromMs, toMs, cause, symbols, at, log } = gap
  return {
    _id: id,
    feed,
    from: fromMs === null ? null : new Date(fromMs),
    to: toMs === null ? null : new Date(toMs),
    cause,
    symbols,
    ...(log !== undefined && { log }),
    updatedAt: new Date(at)
  }
}

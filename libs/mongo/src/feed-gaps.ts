import { knownGap, type GapRecord, type KnownGap } from '@tapedeck/domain'
import type { Database } from './database.ts'
import type { FeedGapDocument } from './feed-documents.ts'
import { translated } from './failure.ts'

const GAPS_LOADED = 5000

/**
 * Stores outages as they stand on the topic. Every partition carries each gap, and replays repeat
 * them: an open record never undoes a closed one, nor an earlier end a later one.
 */
export async function storeGaps({ feedGaps }: Database, gaps: readonly GapRecord[]): Promise<void> {
  if (gaps.length === 0) return
  await translated('Cannot store feed gaps', () =>
    feedGaps.bulkWrite(
      gaps.map((gap) => {
        const { _id, to, ...fields } = documentOf(gap)
        // A partition that lags may bring an earlier end after a later one: the later one stands.
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

/** Gaps that a partition's bars may have to know: the newest of the feeds, and its own. */
export async function loadGaps({ feedGaps }: Database, log: string): Promise<KnownGap[]> {
  const found = await translated('Cannot load feed gaps', () =>
    feedGaps
      .find({ $or: [{ log: { $exists: false } }, { log }] })
      .sort({ from: -1 })
      .limit(GAPS_LOADED)
      .toArray()
  )
  return found.map((gap) => knownGap(gapRecordOf(gap)))
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

import type { GapRecord } from '@tapedeck/domain'
import type { Database } from './database.ts'
import type { FeedGapDocument } from './feed-documents.ts'
import { translated } from './failure.ts'

/**
 * Stores outages as they stand on the topic. Every partition carries each gap, and replays repeat
 * them: an open record never undoes a closed one.
 */
export async function storeGaps({ feedGaps }: Database, gaps: readonly GapRecord[]): Promise<void> {
  if (gaps.length === 0) return
  await translated('Cannot store feed gaps', () =>
    feedGaps.bulkWrite(
      gaps.map((gap) => {
        const { _id, ...fields } = documentOf(gap)
        return {
          updateOne: {
            filter: { _id },
            update: fields.to === null ? { $setOnInsert: fields } : { $set: fields },
            upsert: true
          }
        }
      }),
      { ordered: true }
    )
  )
}

function documentOf({ id, feed, fromMs, toMs, cause, symbols, at }: GapRecord): FeedGapDocument {
  return {
    _id: id,
    feed,
    from: fromMs === null ? null : new Date(fromMs),
    to: toMs === null ? null : new Date(toMs),
    cause,
    symbols,
    updatedAt: new Date(at)
  }
}

import type { BarDocument } from './bar-document.ts'
import { VERSIONS_WITH_STORED } from './bar-versions.ts'
import type { HasBars } from './bars.ts'
import { CollectionSpec, type HasDb } from './collection.ts'
import { translated } from './failure.ts'
import type { Source } from './guard.ts'

/** What a swap does with a rebuilt bar; of `remove` the document is the stored bar that it removes. */
export type SwapAction = 'keep' | 'replace' | 'label' | 'insert' | 'remove'

/** Identifies the stored bar that a rebuilt one was compared with. */
interface BarGuard {
  readonly source: Source
  readonly revision: number
  readonly updatedAt: Date
}

/** A rebuilt bar with the result of its comparison. */
export interface ShadowBarDocument extends BarDocument {
  readonly reprocess: {
    readonly action: SwapAction
    /** Why the stored bar may be of other trades; null when it is of the same. */
    readonly doubt: string | null
    /** Undefined for a bar that is not stored. */
    readonly guard?: BarGuard
  }
}

/** The bars that the present run of `reprocess` has rebuilt, until it swaps them in. */
const SHADOW_BARS = new CollectionSpec<ShadowBarDocument>('bars_shadow', {
  indexes: [[{ symbol: 1, timeframe: 1, start: 1 }]]
})

const BATCH = 1000

/** Removes what an earlier run left in `bars_shadow`. */
export async function clearShadowBars({ db }: HasDb): Promise<void> {
  await translated('Cannot clear bars_shadow', () => SHADOW_BARS.recreate(db))
}

export async function insertShadowBars(
  { db }: HasDb,
  documents: readonly ShadowBarDocument[]
): Promise<void> {
  for (let i = 0; i < documents.length; i += BATCH) {
    const batch = documents.slice(i, i + BATCH)
    await translated('Cannot store bars_shadow', () =>
      SHADOW_BARS.in(db).insertMany(batch, { ordered: false })
    )
  }
}

/** Calls `visit` with the rebuilt bars that a swap changes, some hundred at a time. */
export async function eachSwap(
  { db }: HasDb,
  visit: (batch: readonly ShadowBarDocument[]) => Promise<void>
): Promise<void> {
  const cursor = SHADOW_BARS.in(db).find(
    { 'reprocess.action': { $ne: 'keep' } },
    { batchSize: BATCH }
  )
  try {
    while (await translated('Cannot read bars_shadow', () => cursor.hasNext())) {
      await visit(cursor.readBufferedDocuments(BATCH))
    }
  } finally {
    await cursor.close()
  }
}

/**
 * Replaces stored bars by rebuilt ones, each only if it has not changed since it was compared. Returns the ids
 * of those that changed and stayed.
 */
export async function swapBars(
  { bars }: HasBars,
  batch: readonly ShadowBarDocument[],
  now: Date
): Promise<Set<string>> {
  const operations = batch.map(({ reprocess: { action, guard }, ...bar }) => {
    const document: BarDocument = { ...bar, updatedAt: now }
    if (guard === undefined) {
      const { _id, symbol, timeframe, start, ...fields } = document
      const filter = { _id, symbol, timeframe, start }
      return { updateOne: { filter, update: { $setOnInsert: fields }, upsert: true } }
    }
    const { source, revision, updatedAt } = guard
    const filter = {
      _id: bar._id,
      symbol: bar.symbol,
      timeframe: bar.timeframe,
      start: bar.start,
      'source.log': source.log,
      'source.epoch': source.epoch,
      'source.offset': source.offset,
      revision,
      updatedAt
    }
    const versions = VERSIONS_WITH_STORED
    const replacement = { $mergeObjects: [{ $literal: document }, { versions }] }
    return action === 'remove'
      ? { deleteOne: { filter } }
      : { updateOne: { filter, update: [{ $replaceWith: replacement }] } }
  })
  return translated('Cannot swap bars', async () => {
    await bars.bulkWrite(operations, { ordered: false })
    const ids = batch.map(({ _id }) => _id)
    const stored = new Map<string, Date>()
    for await (const { _id, updatedAt } of bars
      .find({ _id: { $in: ids } })
      .project<Pick<BarDocument, '_id' | 'updatedAt'>>({ updatedAt: 1 })) {
      stored.set(_id, updatedAt)
    }
    const isDone = ({ _id, reprocess: { action } }: ShadowBarDocument): boolean =>
      action === 'remove' ? !stored.has(_id) : stored.get(_id)?.getTime() === now.getTime()
    return new Set(batch.filter((one) => !isDone(one)).map(({ _id }) => _id))
  })
}

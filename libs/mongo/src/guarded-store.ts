import type { Collection, Document } from 'mongodb'
import type { Acquired } from './checkpoint-store.ts'
import type { Source } from './documents.ts'
import { insertAll, replaceAll } from './bulk-write.ts'
import { weighed, type Weigh } from './document-weights.ts'
import { translated } from './failure.ts'

/** What the guard looks at; all else of a document is replaced unseen. */
export interface Replaceable {
  readonly _id: string
  readonly source: Source
}

export type Owner = Pick<Acquired, 'log' | 'epoch'>

/**
 * Writes documents that were not stored before: plain inserts, nine times cheaper than guarded
 * replacements. What turns out to be there (a flush that a crash cut off) is replaced under the guard.
 * Answers how many stored documents were newer.
 */
async function insertNew<T extends Replaceable>(
  collection: Collection<T>,
  owner: Owner,
  documents: readonly T[],
  weigh: Weigh<T>
): Promise<number> {
  const present = await translated(`Cannot store ${collection.collectionName}`, () =>
    insertAll(collection, documents, weigh)
  )
  const there = present.map((index) => documents[index]).filter((found) => found !== undefined)
  return replaceGuarded(collection, owner, there, weigh)
}

/**
 * Replaces documents whole unless a newer one of the same log is stored: by a later epoch, or by
 * this one from later records. Answers how many were newer.
 */
async function replaceGuarded<T extends Replaceable>(
  collection: Collection<T>,
  { log, epoch }: Owner,
  documents: readonly T[],
  weigh: Weigh<T>
): Promise<number> {
  const isNewer = ({ source }: T): Document => ({
    $and: [
      { $eq: ['$source.log', log] },
      {
        $or: [
          { $gt: ['$source.epoch', epoch] },
          {
            $and: [{ $eq: ['$source.epoch', epoch] }, { $gt: ['$source.offset', source.offset] }]
          }
        ]
      }
    ]
  })
  return translated(`Cannot store ${collection.collectionName}`, () =>
    replaceAll(collection, documents, isNewer, weigh)
  )
}

/** Documents of one kind to write: those never stored before, and those that replace. */
export interface Writes<T> {
  readonly fresh: readonly T[]
  readonly changed: readonly T[]
}

/** Answers how many stored documents were newer and stayed. */
export async function storeDocuments<T extends Replaceable>(
  collection: Collection<T>,
  owner: Owner,
  { fresh, changed }: Writes<T>,
  weigh: Weigh<T> = weighed
): Promise<number> {
  return (
    (await insertNew(collection, owner, fresh, weigh)) +
    (await replaceGuarded(collection, owner, changed, weigh))
  )
}

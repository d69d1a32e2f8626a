import type { Collection } from 'mongodb'
import type { Acquired } from './checkpoint-store.ts'
import type { Source } from './documents.ts'
import { duplicatesOf, translated } from './failure.ts'

/** Writes of one command at most; the driver's throughput is flat from here on. */
const BATCH = 1000

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
async function insertNew(
  collection: Collection<Replaceable>,
  owner: Owner,
  documents: readonly Replaceable[]
): Promise<number> {
  let newer = 0
  for (let i = 0; i < documents.length; i += BATCH) {
    const batch = documents.slice(i, i + BATCH)
    const present = await translated(`Cannot store ${collection.collectionName}`, () =>
      duplicatesOf(() => collection.insertMany(batch, { ordered: false }))
    )
    const there = present.map((index) => batch[index]).filter((found) => found !== undefined)
    newer += await replaceGuarded(collection, owner, there)
  }
  return newer
}

/**
 * Replaces documents whole unless a newer one of the same log is stored: by a later epoch, or by
 * this one from later records. Answers how many were newer.
 */
async function replaceGuarded(
  collection: Collection<Replaceable>,
  { log, epoch }: Owner,
  documents: readonly Replaceable[]
): Promise<number> {
  let newer = 0
  for (let i = 0; i < documents.length; i += BATCH) {
    const operations = documents.slice(i, i + BATCH).map((document) => ({
      replaceOne: {
        filter: {
          _id: document._id,
          $or: [
            { 'source.log': { $ne: log } },
            { 'source.epoch': { $lt: epoch } },
            { 'source.epoch': epoch, 'source.offset': { $lte: document.source.offset } }
          ]
        },
        replacement: document,
        upsert: true
      }
    }))
    const duplicates = await translated(`Cannot store ${collection.collectionName}`, () =>
      duplicatesOf(() => collection.bulkWrite(operations, { ordered: false }))
    )
    newer += duplicates.length
  }
  return newer
}

/** Documents of one kind to write: those never stored before, and those that replace. */
export interface Writes<T> {
  readonly fresh: readonly T[]
  readonly changed: readonly T[]
}

/** Answers how many stored documents were newer and stayed. */
export async function storeDocuments(
  collection: Collection<Replaceable>,
  owner: Owner,
  { fresh, changed }: Writes<Replaceable>
): Promise<number> {
  return (
    (await insertNew(collection, owner, fresh)) + (await replaceGuarded(collection, owner, changed))
  )
}

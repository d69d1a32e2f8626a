import type { Collection, Document } from 'mongodb'
import { insertAll, replaceAll, type ReplaceOptions } from './bulk.ts'
import { translated } from './failure.ts'

/** The records that a document is made of: all records of that log below `offset`. */
export interface Source {
  /** `<topic>/<partition>`, the checkpoint's `_id`. */
  readonly log: string
  readonly offset: number
  readonly epoch: number
}

/** The guard reads these fields; the rest of a document is replaced without being read. */
export interface Replaceable {
  readonly _id: string
  readonly source: Source
}

/** A partition and the epoch of its owner, which every write carries. */
export type Owner = Pick<Source, 'log' | 'epoch'>

/** An owner with its place in the log. */
export interface Ownership extends Owner {
  /** The offsets of documents of earlier epochs are of another log. */
  readonly logEpoch: number
  readonly nextOffset: number
}

/**
 * Inserts documents that were not stored before, which is nine times cheaper than replacing them under the
 * guard. Documents that are stored after all (by a flush that a crash cut off) are replaced under the guard.
 * Returns how many stored documents were newer.
 */
async function insertNew<T extends Replaceable>(
  collection: Collection<T>,
  owner: Owner,
  documents: readonly T[],
  options: ReplaceOptions<T>
): Promise<number> {
  const present = await translated(`Cannot store ${collection.collectionName}`, () =>
    insertAll(collection, documents)
  )
  const stored = present.flatMap((index) => documents[index] ?? [])
  return replaceGuarded(collection, owner, stored, options)
}

/**
 * Replaces documents whole unless a newer one of the same log is stored: one of a later epoch, or one of
 * this epoch with more records. Returns how many stored documents were newer.
 */
async function replaceGuarded<T extends Replaceable>(
  collection: Collection<T>,
  { log, epoch }: Owner,
  documents: readonly T[],
  options: ReplaceOptions<T>
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
    replaceAll(collection, documents, isNewer, options)
  )
}

/** Documents of one collection to write: `fresh` were never stored before, `changed` replace stored ones. */
export interface Writes<T> {
  readonly fresh: readonly T[]
  readonly changed: readonly T[]
}

/** Writes documents under the guard. Returns how many stored documents were newer and stayed. */
export async function storeDocuments<T extends Replaceable>(
  collection: Collection<T>,
  owner: Owner,
  { fresh, changed }: Writes<T>,
  options: ReplaceOptions<T> = {}
): Promise<number> {
  return (
    (await insertNew(collection, owner, fresh, options)) +
    (await replaceGuarded(collection, owner, changed, options))
  )
}

import type { Collection } from 'mongodb'
import type { Acquired } from './checkpoint-store.ts'
import type { Database } from './database.ts'
import {
  COLLECTIONS,
  type BarDocument,
  type ForecastDocument,
  type LateTradeDocument,
  type Source,
  type SymbolDocument,
  type TradeDocument
} from './documents.ts'
import type { AmendmentDocument } from './feed-documents.ts'
import { duplicatesOf, translated } from './failure.ts'

/** Writes of one command at most; the driver's throughput is flat from here on. */
const BATCH = 1000

/** What the guard looks at; all else of a document is replaced unseen. */
interface Replaceable {
  readonly _id: string
  readonly source: Source
}

type Owner = Pick<Acquired, 'log' | 'epoch'>

/** Inserts trades; answers how many were there already. */
export async function insertTrades(
  { trades }: Database,
  documents: readonly TradeDocument[]
): Promise<number> {
  if (documents.length === 0) return 0
  const present = await translated('Cannot store trades', () =>
    duplicatesOf(() => trades.insertMany([...documents], { ordered: false }))
  )
  return present.length
}

export async function insertLateTrades(
  { lateTrades }: Database,
  documents: readonly LateTradeDocument[]
): Promise<number> {
  if (documents.length === 0) return 0
  const present = await translated('Cannot store late trades', () =>
    duplicatesOf(() => lateTrades.insertMany([...documents], { ordered: false }))
  )
  return present.length
}

export async function insertAmendments(
  { amendments }: Database,
  documents: readonly AmendmentDocument[]
): Promise<void> {
  if (documents.length === 0) return
  await translated('Cannot store amendments', () =>
    duplicatesOf(() => amendments.insertMany([...documents], { ordered: false }))
  )
}

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
export async function storeBars(
  { db }: Database,
  owner: Owner,
  { fresh, changed }: Writes<BarDocument>
): Promise<number> {
  const collection = db.collection<Replaceable>(COLLECTIONS.bars)
  return (
    (await insertNew(collection, owner, fresh)) + (await replaceGuarded(collection, owner, changed))
  )
}

/** Answers how many stored documents were newer and stayed. */
export async function storeForecasts(
  { db }: Database,
  owner: Owner,
  { fresh, changed }: Writes<ForecastDocument>
): Promise<number> {
  const collection = db.collection<Replaceable>(COLLECTIONS.forecasts)
  return (
    (await insertNew(collection, owner, fresh)) + (await replaceGuarded(collection, owner, changed))
  )
}

/** What was last seen of each symbol. */
export async function storeSymbols(
  { symbols }: Database,
  seen: readonly Omit<SymbolDocument, 'firstSeenAt'>[]
): Promise<void> {
  if (seen.length === 0) return
  const now = new Date()
  await translated('Cannot store symbols', () =>
    symbols.bulkWrite(
      seen.map(({ _id, ...fields }) => ({
        updateOne: {
          filter: { _id },
          update: { $set: fields, $setOnInsert: { firstSeenAt: now } },
          upsert: true
        }
      })),
      { ordered: false }
    )
  )
}

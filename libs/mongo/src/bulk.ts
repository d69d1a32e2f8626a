import {
  MongoServerError,
  WriteConcern,
  type Collection,
  type Db,
  type Document,
  type MongoClient
} from 'mongodb'
import { inCommands } from './document-sequence.ts'

const DUPLICATE_KEY = 11_000

interface WriteError {
  readonly index: number
  readonly code: number
  readonly errmsg: string
}

/**
 * Inserts documents in any order and returns the indexes of those whose `_id` was stored already.
 *
 * It sends the command itself, because the driver's insertMany measures every document before it serialises
 * it, and has them written as bytes by ours, which is faster than the driver's (docs/adr/0056-documents-as-bytes.md).
 *
 * @throws MongoServerError for the first document that was refused for another reason
 */
export async function insertAll<T extends Document>(
  collection: Collection<T>,
  all: readonly T[]
): Promise<number[]> {
  const present: number[] = []
  await inCommands('documents', all, async (documents, from) => {
    const command = { insert: collection.collectionName, documents, ordered: false }
    const { writeErrors = [] } = await run(collection, command)
    for (const { index } of writeErrors) present.push(from + index)
  })
  return present
}

export interface ReplaceOptions<T> {
  /** Fields that never change for an `_id`; the collection may be sharded by them, in any order. */
  readonly shardKey?: readonly (keyof T & string)[] | undefined
  /** Fields that the new document gets from the stored one, as aggregation expressions. */
  readonly derive?: ((document: T) => Document | undefined) | undefined
}

/**
 * Replaces the stored document of each `_id`, or inserts it where none is stored; in any order. The stored
 * document stays where the aggregation expression `mustStay` is true of it. Returns how many stayed (or
 * were equal in every byte).
 *
 * The filter is the `_id` alone, which MongoDB looks up without planning a query: with further fields, or with the
 * condition, it takes twice as long. On a sharded cluster it holds the fields of `shardKey` as well, by which the one
 * shard is found that the document is on.
 *
 * @throws MongoServerError for the first document that was refused
 */
export async function replaceAll<T extends { readonly _id: unknown }>(
  collection: Collection<T>,
  documents: readonly T[],
  mustStay: (document: T) => Document,
  {
    shardKey = [],
    derive,
    isRepeated = false
  }: ReplaceOptions<T> & { readonly isRepeated?: boolean } = {}
): Promise<number> {
  if (documents.length === 0) return 0
  const filterKey = shardKey.length > 0 && (await isSharded(collection.db)) ? shardKey : []
  let stayed = 0
  const replacement = (document: T): Document => {
    const derived = derive?.(document)
    const literal = { $literal: document }
    return derived === undefined ? literal : { $mergeObjects: [literal, derived] }
  }
  const all = documents.map((document) => ({
    q: {
      _id: document._id,
      ...Object.fromEntries(filterKey.map((field) => [field, document[field]]))
    },
    u: [{ $replaceWith: { $cond: [mustStay(document), '$$ROOT', replacement(document)] } }],
    upsert: true
  }))
  await inCommands('updates', all, async (updates, from) => {
    const command = { update: collection.collectionName, updates, ordered: false }
    const { n = 0, nModified = 0, upserted = [], writeErrors = [] } = await run(collection, command)
    stayed += n - nModified - upserted.length
    // Another writer inserted these at the same moment; now the filter finds them. If it does not, somebody
    // changed a field of the key by hand, and only the `_id` finds the document.
    const again = writeErrors.flatMap(({ index }) => documents[from + index] ?? [])
    if (again.length === 0) return
    const keys = isRepeated ? [] : shardKey
    const next = { shardKey: keys, derive, isRepeated: true }
    stayed += await replaceAll(collection, again, mustStay, next)
  })
  return stayed
}

/** Whether a client's servers are a sharded cluster, which they are from their first answer on or never. */
const sharded = new WeakMap<MongoClient, boolean>()

async function isSharded(db: Db): Promise<boolean> {
  const known = sharded.get(db.client)
  if (known !== undefined) return known
  const { msg } = await db.command({ hello: 1 })
  const found = msg === 'isdbgrid'
  sharded.set(db.client, found)
  return found
}

/** The server's answer to a bulk write. */
interface BulkAnswer {
  readonly n?: number
  readonly nModified?: number
  readonly upserted?: readonly unknown[]
  readonly writeErrors?: readonly WriteError[]
  readonly writeConcernError?: Document
  readonly errorLabels?: string[]
}

/** @throws MongoServerError unless every document was written or has an `_id` that is stored already */
async function run(
  { db, writeConcern }: Pick<Collection, 'db' | 'writeConcern'>,
  command: Document
): Promise<BulkAnswer> {
  if (writeConcern !== undefined) WriteConcern.apply(command, writeConcern)
  const answer: BulkAnswer = await db.command(command)
  const { writeConcernError, writeErrors = [], errorLabels = [] } = answer
  const refused = writeErrors.find(({ code }) => code !== DUPLICATE_KEY)
  // With a write concern error even a document that counts as present may be rolled back.
  const failed = refused ?? writeConcernError
  if (failed !== undefined) throw new MongoServerError({ ...failed, errorLabels })
  return answer
}

import { MongoServerError, WriteConcern, type Collection, type Document } from 'mongodb'
import { weighed, type Weigh } from './document-weights.ts'

/** Documents in one command at most: the throughput is flat from here on. */
const MOST_DOCUMENTS = 2000
/** Bytes of documents in one command, about; a message to the server may have 48 MB, a document 16. */
const MOST_BYTES = 8 * 1024 * 1024
const DUPLICATE_KEY = 11_000

interface WriteError {
  readonly index: number
  readonly code: number
  readonly errmsg: string
}

/**
 * Inserts documents in any order; answers the indexes of those whose `_id` is there already.
 *
 * As a command of its own: the driver's insertMany measures every document before it serialises it,
 * which took nearly half of an insert's time (5.3 instead of 3.0 us a trade).
 *
 * @throws MongoServerError for the first document refused for another reason
 */
export async function insertAll<T extends Document>(
  collection: Collection<T>,
  documents: readonly T[],
  weigh: Weigh<T> = weighed
): Promise<number[]> {
  const present: number[] = []
  await inCommands(documents, weigh, async (part, from) => {
    const command = { insert: collection.collectionName, documents: part, ordered: false }
    const { writeErrors = [] } = await run(collection, command)
    for (const { index } of writeErrors) present.push(from + index)
  })
  return present
}

/**
 * Puts each document in the place of the stored one with its `_id`, or beside the others; in any order.
 * A stored one stays where `mustStay`, an aggregation expression about it, says so. Answers how many
 * stayed (or were the same to the last byte).
 *
 * The server finds a document by a filter of nothing but `_id` without planning: with the condition in
 * the filter it took 190 us instead of 115 for a bar.
 *
 * @throws MongoServerError for the first one refused
 */
export async function replaceAll<T extends { readonly _id: unknown }>(
  collection: Collection<T>,
  documents: readonly T[],
  mustStay: (document: T) => Document,
  weigh: Weigh<T> = weighed
): Promise<number> {
  let stayed = 0
  await inCommands(documents, weigh, async (part) => {
    const updates = part.map((document) => ({
      q: { _id: document._id },
      u: [{ $replaceWith: { $cond: [mustStay(document), '$$ROOT', { $literal: document }] } }],
      upsert: true
    }))
    const command = { update: collection.collectionName, updates, ordered: false }
    const { n = 0, nModified = 0, upserted = [], writeErrors = [] } = await run(collection, command)
    stayed += n - nModified - upserted.length
    // Others put them there at the same moment: now they are found.
    const again = writeErrors.flatMap(({ index }) => part[index] ?? [])
    if (again.length > 0) stayed += await replaceAll(collection, again, mustStay, weigh)
  })
  return stayed
}

/** Runs a command for each part that is small enough, one after the other. */
async function inCommands<T>(
  all: readonly T[],
  weigh: Weigh<T>,
  command: (part: readonly T[], from: number) => Promise<void>
): Promise<void> {
  let from = 0
  let bytes = 0
  for (const [index, one] of all.entries()) {
    const size = weigh(one)
    if (index > from && (index - from >= MOST_DOCUMENTS || bytes + size > MOST_BYTES)) {
      await command(all.slice(from, index), from)
      from = index
      bytes = 0
    }
    bytes += size
  }
  if (from < all.length) await command(from === 0 ? all : all.slice(from), from)
}

/** What the server says of a bulk write. */
interface Answer {
  readonly n?: number
  readonly nModified?: number
  readonly upserted?: readonly unknown[]
  readonly writeErrors?: readonly WriteError[]
  readonly writeConcernError?: Document
}

/** @throws MongoServerError unless all was written or met an existing `_id` */
async function run<T extends Document>(
  { db, writeConcern }: Collection<T>,
  command: Document
): Promise<Answer> {
  if (writeConcern !== undefined) WriteConcern.apply(command, writeConcern)
  const answer: Answer = await db.command(command)
  const { writeConcernError, writeErrors = [] } = answer
  const refused = writeErrors.find(({ code }) => code !== DUPLICATE_KEY)
  if (refused !== undefined) throw new MongoServerError(refused)
  if (writeConcernError !== undefined) throw new MongoServerError(writeConcernError)
  return answer
}

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
  return inCommands(documents, weigh, (part) =>
    run(collection, { insert: collection.collectionName, documents: part, ordered: false })
  )
}

/** A document that takes the place of what the filter finds. */
export interface Replacement<T> {
  readonly filter: Document
  readonly document: T
}

/**
 * Puts each document in the place of what its filter finds, or beside the others when it finds none;
 * in any order. Answers the indexes of those that met an existing `_id` which their filter passes over.
 *
 * @throws MongoServerError for the first one refused for another reason
 */
export async function replaceAll<T extends Document>(
  collection: Collection<T>,
  replacements: readonly Replacement<T>[],
  weigh: Weigh<T> = weighed
): Promise<number[]> {
  return inCommands(
    replacements,
    ({ document }) => weigh(document),
    (part) =>
      run(collection, {
        update: collection.collectionName,
        updates: part.map(({ filter, document }) => ({ q: filter, u: document, upsert: true })),
        ordered: false
      })
  )
}

/** Runs a command for each part that is small enough; joins their answers. */
async function inCommands<T>(
  all: readonly T[],
  weigh: Weigh<T>,
  command: (part: readonly T[]) => Promise<number[]>
): Promise<number[]> {
  const found: number[] = []
  let from = 0
  let bytes = 0
  const send = async (to: number): Promise<void> => {
    const part = from === 0 && to === all.length ? all : all.slice(from, to)
    for (const index of await command(part)) found.push(from + index)
    from = to
    bytes = 0
  }
  for (const [index, one] of all.entries()) {
    const size = weigh(one)
    if (index > from && (index - from >= MOST_DOCUMENTS || bytes + size > MOST_BYTES)) {
      await send(index)
    }
    bytes += size
  }
  if (from < all.length) await send(all.length)
  return found
}

async function run<T extends Document>(
  { db, writeConcern }: Collection<T>,
  command: Document
): Promise<number[]> {
  if (writeConcern !== undefined) WriteConcern.apply(command, writeConcern)
  const answer = await db.command(command)
  const { writeConcernError, writeErrors = [] } = answer as {
    readonly writeConcernError?: Document
    readonly writeErrors?: readonly WriteError[]
  }
  const refused = writeErrors.find(({ code }) => code !== DUPLICATE_KEY)
  if (refused !== undefined) throw new MongoServerError(refused)
  if (writeConcernError !== undefined) throw new MongoServerError(writeConcernError)
  return writeErrors.map(({ index }) => index)
}

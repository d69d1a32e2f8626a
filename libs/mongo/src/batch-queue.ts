import { createHash } from 'node:crypto'
import { ObjectId, type Collection } from 'mongodb'
import { translated } from './failure.ts'
import type { HasDb } from './collection.ts'

/** Agenda's collection: what it hands out, which is no truth (docs/adr/0049-a-fence-over-agenda.md). */
export const BATCH_QUEUE = 'batch_queue'

interface QueueDocument {
  readonly _id: ObjectId
  /** The queue. */
  readonly name: string
  readonly type: string
  readonly priority: number
  readonly data: QueuedTask
  readonly nextRunAt: Date | null
  readonly lockedAt: Date | null
}

const queueOf = ({ db }: HasDb): Collection<QueueDocument> => db.collection(BATCH_QUEUE)

/** What a queued document carries: the attempt of a task that is to begin. */
export interface QueuedTask {
  readonly task: string
  readonly attempt: number
}

/** Of these attempts the ones that the queue will hand out. @throws DATABASE_UNREACHABLE */
export async function queuedAmong(
  database: HasDb,
  tasks: readonly QueuedTask[]
): Promise<QueuedTask[]> {
  if (tasks.length === 0) return []
  const found = await translated('Cannot read the queue', () =>
    queueOf(database)
      // One with neither has been handled: its worker could not remove it any more.
      .find({
        'data.task': { $in: tasks.map(({ task }) => task) },
        $or: [{ lockedAt: { $ne: null } }, { nextRunAt: { $ne: null } }]
      })
      .project<{ data: QueuedTask }>({ data: 1 })
      .toArray()
  )
  return found.map(({ data }) => data)
}

/** An attempt to queue: under which name, and from when on. */
export interface Enqueued extends QueuedTask {
  readonly queue: string
  readonly notBefore: Date | null
}

/**
 * Queues attempts by one command, each once: its id is computed from task and attempt, so one that is queued stays as it
 * is. The documents are as Agenda 6 makes them.
 * @throws DATABASE_UNREACHABLE
 */
export async function queueAttempts(database: HasDb, attempts: readonly Enqueued[]): Promise<void> {
  if (attempts.length === 0) return
  const now = new Date()
  const writes = attempts.map(({ queue, notBefore, task, attempt }) => {
    const job = { name: queue, type: 'normal', priority: 0, data: { task, attempt } }
    const fields = { ...job, nextRunAt: notBefore ?? now, lockedAt: null }
    const filter = { _id: queueIdOf({ task, attempt }) }
    return { updateOne: { filter, update: { $setOnInsert: fields }, upsert: true } }
  })
  await translated('Cannot queue tasks', () =>
    queueOf(database).bulkWrite(writes, { ordered: false })
  )
}

/** Agenda's ids are those of MongoDB, 12 bytes. */
function queueIdOf({ task, attempt }: QueuedTask): ObjectId {
  return new ObjectId(createHash('sha256').update(`${task}#${attempt}`).digest().subarray(0, 12))
}

/** A document that a worker has locked. */
interface LockedTask extends Pick<QueueDocument, 'data' | 'nextRunAt'> {
  readonly id: string
  readonly lockedAt: Date
}

/**
 * Locks the document that has been due for longest under any of these names, or whose lock has ended.
 * @param until it is due by then
 * @param deadline a lock from before then has ended
 * @returns undefined when there is none
 * @throws DATABASE_UNREACHABLE
 */
export async function lockQueued(
  database: HasDb,
  { names, until, deadline }: { names: readonly string[]; until: Date; deadline: Date }
): Promise<LockedTask | undefined> {
  const lockedAt = new Date()
  const locked = await translated('Cannot lock a task', () =>
    queueOf(database).findOneAndUpdate(
      {
        name: { $in: [...names] },
        $or: [{ lockedAt: null, nextRunAt: { $lte: until } }, { lockedAt: { $lte: deadline } }]
      },
      { $set: { lockedAt } },
      { sort: { nextRunAt: 1 }, returnDocument: 'after' }
    )
  )
  if (locked === null) return undefined
  const { _id, data, nextRunAt } = locked
  return { id: String(_id), data, nextRunAt, lockedAt }
}

/** Removes documents of the queue. @throws DATABASE_UNREACHABLE */
export async function removeQueued(database: HasDb, ids: readonly string[]): Promise<void> {
  const _id = { $in: ids.map((id) => new ObjectId(id)) }
  await translated('Cannot remove from the queue', () => queueOf(database).deleteMany({ _id }))
}

/** Keeps the queue from handing a document out again for another lease. @throws DATABASE_UNREACHABLE */
export async function touchQueued(database: HasDb, id: string, lockedAt: Date): Promise<void> {
  await translated('Cannot extend a lock', () =>
    queueOf(database).updateOne({ _id: new ObjectId(id) }, { $set: { lockedAt } })
  )
}

/** Removes what was handled and left behind. @throws DATABASE_UNREACHABLE */
export async function clearHandled({ db }: HasDb): Promise<void> {
  await translated('Cannot clear the queue', () =>
    db.collection(BATCH_QUEUE).deleteMany({ lockedAt: null, nextRunAt: null })
  )
}

/** Creates the index by which attempts are found in the queue. @throws DATABASE_UNREACHABLE */
export async function ensureQueue({ db }: HasDb): Promise<void> {
  await translated('Cannot create the queue', () =>
    db.collection(BATCH_QUEUE).createIndex({ 'data.task': 1 })
  )
}

import type { Document } from 'mongodb'
import { translated } from './failure.ts'
import type { HasDb } from './collection.ts'

/** Agenda's own collection: it makes the documents, and they are no truth (docs/adr/0049-a-fence-over-agenda.md). */
export const BATCH_QUEUE = 'batch_queue'

/** What a queued document carries: the attempt of a task that is to begin. */
export interface QueuedTask {
  readonly task: string
  readonly attempt: number
}

/** Of these attempts the ones that the queue will hand out. @throws DATABASE_UNREACHABLE */
export async function queuedAmong(
  { db }: HasDb,
  tasks: readonly QueuedTask[]
): Promise<QueuedTask[]> {
  if (tasks.length === 0) return []
  const found = await translated('Cannot read the queue', () =>
    db
      .collection<Document & { readonly data: QueuedTask }>(BATCH_QUEUE)
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

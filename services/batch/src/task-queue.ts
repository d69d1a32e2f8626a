import { MongoBackend } from '@agendajs/mongo-backend'
import { fullJitter, retry, withTimeout } from '@tapedeck/core'
import {
  BATCH_QUEUE,
  ensureQueue,
  lockQueued,
  queueAttempts,
  removeQueued,
  touchQueued,
  translated,
  type Database,
  type Enqueued,
  type QueuedTask
} from '@tapedeck/mongo'
import {
  Agenda,
  toJobId,
  InMemoryNotificationChannel,
  type AgendaBackend,
  type JobId,
  type JobRepository,
  type RemoveJobsOptions
} from 'agenda'
import { collected } from './collected.ts'

/** Runs an attempt. `touch` keeps the queue from handing it out to another worker. It must not throw. */
type TaskHandler = (task: QueuedTask, touch: () => Promise<void>) => Promise<void>

/**
 * Agenda on the collection `batch_queue`, with one-shot jobs only. It says who tries a task next, no more: what it
 * hands out twice, loses or reports wrongly is decided by the fence in task_runs (docs/adr/0049-a-fence-over-agenda.md).
 */
export interface TaskQueue {
  /** Queues attempts, those that are queued apart, and tries them at once where a place is free. @throws DATABASE_UNREACHABLE */
  enqueue(attempts: readonly Enqueued[]): Promise<void>
  /** Begins to hand out what is queued under these names. */
  start(queues: readonly string[], handle: TaskHandler): Promise<void>
  /** Hands out no more, and gives back what no handler has begun. */
  stop(): Promise<void>
}

interface QueueOptions {
  /** Of the process, for those who look into the collection. */
  readonly name: string
  readonly concurrency: number
  /** An attempt that is not touched for this long is handed out again. */
  readonly leaseMs: number
  readonly pollMs: number
}

/** The kind of job that Agenda knows: one, so that it asks once for all queues. */
const TASK = 'task'

/** Time for giving back what was not begun; a database that is away does not hold a stop up. */
const GIVE_BACK_LIMIT_MS = 1000

/** Opens the queue. @throws DATABASE_UNREACHABLE */
export async function openTaskQueue(
  database: Database,
  { name, concurrency, leaseMs, pollMs }: QueueOptions
): Promise<TaskQueue> {
  await ensureQueue(database)
  const stopping = new AbortController()
  const backend = new MongoBackend({ mongo: database.db, collection: BATCH_QUEUE })
  const channel = new InMemoryNotificationChannel()
  let queues: readonly string[] = []
  // Agenda looks by itself only when it polls: what was queued here, and the place of a task that has ended, would wait.
  // One look at a time, so that not more is locked than there are places.
  const look = collected(async () => {
    if (stopping.signal.aborted || queues.length === 0) return
    const nothing = { jobId: '' as JobId, nextRunAt: null, priority: 0, timestamp: new Date() }
    await channel.publish({ ...nothing, jobName: TASK }).catch(() => undefined)
  })
  const agenda = new Agenda({
    backend: patientBackend(backend, {
      database,
      queues: () => queues,
      signal: stopping.signal,
      // Agenda frees the place after this call.
      onRemoved: () => setImmediate(look)
    }),
    notificationChannel: channel,
    name,
    processEvery: pollMs,
    maxConcurrency: concurrency,
    defaultConcurrency: concurrency,
    lockLimit: concurrency,
    defaultLockLimit: concurrency,
    defaultLockLifetime: leaseMs,
    removeOnComplete: true
  })
  await agenda.ready
  return {
    async enqueue(attempts) {
      await queueAttempts(database, attempts)
      if (attempts.some(({ queue }) => queues.includes(queue))) look()
    },
    async start(names, handle) {
      queues = names
      agenda.define<QueuedTask>(TASK, async (job) => {
        const { data, _id } = job.attrs
        const touch = async (): Promise<void> => {
          // Agenda compares it with the lease itself.
          job.attrs.lockedAt = new Date()
          await touchQueued(database, String(_id), job.attrs.lockedAt)
        }
        await handle(data, touch)
      })
      await agenda.start()
    },
    async stop() {
      stopping.abort()
      const given = agenda.stop(false)
      await withTimeout(given, GIVE_BACK_LIMIT_MS, 'Giving back').catch(() => undefined)
    }
  }
}

/** Longest wait between two tries while the database is away. */
const LONGEST_WAIT_MS = 2000
/** A connection that died without a word is not waited for any longer. */
const CALL_LIMIT_MS = 40_000

/**
 * The backend, with a repository whose calls wait until the database answers. Agenda awaits many of them nowhere, so
 * that a failure would end the process. After the stop a call that fails never returns. What Agenda notes of a job that
 * begins or ends is not stored: its lock says as much of the one, and of the other its removal, which nothing waits for.
 */
function patientBackend(
  backend: MongoBackend,
  {
    database,
    queues,
    signal,
    onRemoved
  }: {
    readonly database: Database
    readonly queues: () => readonly string[]
    readonly signal: AbortSignal
    /** Called when a job is to be removed, the last call that Agenda makes for it. */
    readonly onRemoved: () => void
  }
): AgendaBackend {
  const waiting = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      const limited = (): Promise<T> => withTimeout(work(), CALL_LIMIT_MS, 'The database')
      return await retry(() => translated('Cannot use the queue', limited), {
        delayMs: fullJitter({ baseMs: 100, capMs: LONGEST_WAIT_MS }),
        signal
      })
    } catch (error) {
      if (!signal.aborted) throw error
      return new Promise<never>(() => undefined)
    }
  }
  // What stays is handed out again after its lease, refused and removed then.
  const remove = collected((ids: readonly string[]) =>
    waiting(() => removeQueued(database, ids)).catch(() => undefined)
  )
  const own: Pick<JobRepository, 'getNextJobToRun' | 'saveJobState' | 'removeJobs'> = {
    async getNextJobToRun(_name, until, deadline) {
      const names = queues()
      const found = await waiting(() => lockQueued(database, { names, until, deadline }))
      if (found === undefined) return undefined
      const { id, ...job } = found
      return { ...job, _id: toJobId(id), name: TASK, type: 'normal', priority: 0 }
    },
    saveJobState: () => Promise.resolve(),
    removeJobs({ id }: RemoveJobsOptions) {
      if (id !== undefined) remove(String(id))
      onRemoved()
      return Promise.resolve(1)
    }
  }
  const repository: JobRepository = new Proxy<JobRepository>(backend.repository, {
    get(target, name: keyof JobRepository) {
      if (name in own) return own[name as keyof typeof own]
      const method = target[name] as ((...args: unknown[]) => Promise<unknown>) | undefined
      // What is no method is Agenda's affair.
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => waiting(() => method.apply(target, args))
    }
  })
  return {
    name: backend.name,
    repository,
    ownsConnection: false,
    connect: () => waiting(() => backend.connect()),
    disconnect: () => backend.disconnect()
  }
}

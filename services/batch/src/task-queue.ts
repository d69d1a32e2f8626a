import { MongoBackend } from '@agendajs/mongo-backend'
import { fullJitter, retry, withTimeout } from '@tapedeck/core'
import {
  BATCH_QUEUE,
  ensureQueue,
  queuedAmong,
  translated,
  type Database,
  type QueuedTask
} from '@tapedeck/mongo'
import {
  Agenda,
  InMemoryNotificationChannel,
  type AgendaBackend,
  type JobRepository,
  type JobId
} from 'agenda'

/** An attempt to queue: under which name, and from when on. */
export interface Enqueued extends QueuedTask {
  readonly queue: string
  readonly notBefore: Date | null
}

/** Runs an attempt. `touch` keeps the queue from handing it out to another worker. It must not throw. */
type TaskHandler = (task: QueuedTask, touch: () => Promise<void>) => Promise<void>

/**
 * Agenda on the collection `batch_queue`, with one-shot jobs only. It says who tries a task next, no more: what it
 * hands out twice, loses or reports wrongly is decided by the fence in task_runs (docs/adr/0049-a-fence-over-agenda.md).
 */
export interface TaskQueue {
  /** Queues attempts that are not queued. @throws DATABASE_UNREACHABLE */
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
  // Agenda looks for the next job only when it polls, so the place of one that has ended would stay empty until then.
  const refill = (): void => {
    if (stopping.signal.aborted) return
    for (const jobName of queues) {
      const nothing = { jobId: '' as JobId, nextRunAt: null, priority: 0, timestamp: new Date() }
      channel.publish({ ...nothing, jobName }).catch(() => undefined)
    }
  }
  const agenda = new Agenda({
    backend: patient(backend, stopping.signal, () => setImmediate(refill)),
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
      const queued = new Set((await queuedAmong(database, attempts)).map(keyOf))
      const missing = attempts.filter((attempt) => !queued.has(keyOf(attempt)))
      await translated('Cannot queue a task', () =>
        Promise.all(
          missing.map(({ queue, task, attempt, notBefore }) =>
            agenda
              .create(queue, { task, attempt } satisfies QueuedTask)
              .schedule(notBefore ?? new Date())
              .save()
          )
        )
      )
    },
    async start(names, handle) {
      queues = names
      for (const queue of names) {
        agenda.define<QueuedTask>(queue, async (job) => {
          const touch = (): Promise<void> => job.touch()
          await handle(job.attrs.data, touch)
        })
      }
      await agenda.start()
    },
    async stop() {
      stopping.abort()
      const given = agenda.stop(false)
      await withTimeout(given, GIVE_BACK_LIMIT_MS, 'Giving back').catch(() => undefined)
    }
  }
}

function keyOf({ task, attempt }: QueuedTask): string {
  return `${task}#${attempt}`
}

/** Longest wait between two tries while the database is away. */
const LONGEST_WAIT_MS = 2000
/** A connection that died without a word is not waited for any longer. */
const CALL_LIMIT_MS = 40_000

/**
 * The backend, with a repository whose calls wait until the database answers. Agenda awaits many of them nowhere, so
 * that a failure would end the process. After the stop a call that fails never returns.
 * @param onRemoved called after a job was removed, the last call that Agenda makes for it
 */
function patient(backend: MongoBackend, signal: AbortSignal, onRemoved: () => void): AgendaBackend {
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
  const repository: JobRepository = new Proxy<JobRepository>(backend.repository, {
    get(target, name: keyof JobRepository) {
      const method = target[name] as ((...args: unknown[]) => Promise<unknown>) | undefined
      // What is no method is Agenda's affair.
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        const result = await waiting(() => method.apply(target, args))
        if (name === 'removeJobs') onRemoved()
        return result
      }
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

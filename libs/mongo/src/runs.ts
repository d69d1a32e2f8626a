import type { RunState, TaskSpec } from '@tapedeck/domain'
import type { Filter } from 'mongodb'
import { CollectionSpec, DURABLE, OWN_EXPIRY, type Has } from './collection.ts'
import { translated } from './failure.ts'
import type { HasTaskRuns, TaskRunDocument } from './task-runs.ts'

/** A run of a job. Its tasks are in task_runs. */
export interface RunDocument {
  /** `<schedule>@<occurrence>`, or `<job>@<time>-<random>`. */
  readonly _id: string
  readonly job: string
  readonly kind: 'flow' | 'sequence'
  readonly state: RunState
  readonly cause: 'schedule' | 'command' | 'http' | 'backfill'
  readonly schedule: string | null
  readonly occurrence: Date | null
  readonly parameters: Readonly<Record<string, string>>
  readonly tasks: readonly TaskSpec[]
  /** Runs when a task has failed for good, before the run ends; it is no part of the graph. */
  readonly errorHandler: TaskSpec | null
  /** A process runs it by itself while it holds the lease `run/<_id>`; its workers are not asked. */
  readonly isLocal: boolean
  /** How often it was resumed. */
  readonly round: number
  readonly queuedAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly error: string | null
  /** MongoDB removes it then; absent: never. */
  readonly expiresAt?: Date
}

export const RUNS = new CollectionSpec<RunDocument>('runs', {
  writeConcern: DURABLE,
  indexes: [
    [{ state: 1, queuedAt: 1 }],
    [{ job: 1, queuedAt: -1 }],
    [{ queuedAt: -1 }],
    [{ endedAt: 1 }],
    OWN_EXPIRY
  ]
})

export type HasRuns = Has<'runs', RunDocument>

/** The states of a run that is not over. */
export const ACTIVE_RUN_STATES: readonly RunState[] = ['queued', 'running']

/** A run to make: what its document says, and where and by what its tasks are run. */
export interface NewRun extends Pick<
  RunDocument,
  | '_id'
  | 'job'
  | 'kind'
  | 'cause'
  | 'schedule'
  | 'occurrence'
  | 'parameters'
  | 'tasks'
  | 'errorHandler'
  | 'isLocal'
> {
  readonly queue: string
  /** How long it is remembered, ms; null: permanently. */
  readonly keepMs?: number | null
  /** By the name of the task; the tasks without one are functions. */
  readonly commands: ReadonlyMap<string, readonly string[]>
}

/**
 * Stores a run with its tasks, by the database's clock. Two processes that make the same one make one; a run that
 * is stored already stays. The tasks come first, so that a run that is found has all of them.
 * @returns whether it was not there before
 * @throws DATABASE_UNREACHABLE
 */
export async function createRun(
  { runs, taskRuns }: HasRuns & HasTaskRuns,
  { queue, commands, keepMs, ...run }: NewRun
): Promise<boolean> {
  const { errorHandler } = run
  const expiry = typeof keepMs === 'number' ? { expiresAt: new Date(Date.now() + keepMs) } : {}
  const specs = errorHandler === null ? run.tasks : [...run.tasks, errorHandler]
  const documents = specs.map(({ name }, index): TaskRunDocument => ({
    _id: `${run._id}/${name}`,
    run: run._id,
    job: run.job,
    task: name,
    index,
    queue,
    round: 0,
    state: 'waiting',
    attempt: 0,
    failures: 0,
    losses: 0,
    owner: null,
    leaseUntil: null,
    notBefore: null,
    startedAt: null,
    endedAt: null,
    command: commands.get(name) ?? null,
    exitCode: null,
    output: null,
    tail: '',
    error: null,
    attempts: [],
    ...expiry
  }))
  return translated('Cannot store a run', async () => {
    await taskRuns.bulkWrite(
      documents.map(({ _id, ...fields }) => ({
        updateOne: { filter: { _id }, update: { $setOnInsert: fields }, upsert: true }
      })),
      { ordered: false }
    )
    const { _id, ...fields } = run
    const stored = runs.updateOne(
      { _id },
      [
        {
          $replaceWith: {
            $cond: [
              { $eq: [{ $type: '$queuedAt' }, 'missing'] },
              {
                _id,
                ...expiry,
                ...Object.fromEntries(
                  Object.entries(fields).map(([name, value]) => [name, { $literal: value }])
                ),
                state: 'queued',
                round: 0,
                queuedAt: '$$NOW',
                startedAt: { $literal: null },
                endedAt: { $literal: null },
                error: { $literal: null }
              },
              '$$ROOT'
            ]
          }
        }
      ],
      { upsert: true }
    )
    return stored.then(
      ({ upsertedCount }) => upsertedCount === 1,
      (error: unknown) => {
        // Another process stored it at the same moment.
        if ((error as { code?: number }).code === DUPLICATE_KEY) return false
        throw error
      }
    )
  })
}

const DUPLICATE_KEY = 11_000

/** Undefined when there is none. @throws DATABASE_UNREACHABLE */
export async function findRun({ runs }: HasRuns, id: string): Promise<RunDocument | undefined> {
  return (await translated('Cannot read runs', () => runs.findOne({ _id: id }))) ?? undefined
}

/** Which runs to find. */
export interface RunQuery {
  readonly job?: string | undefined
  readonly states?: readonly RunState[] | undefined
  readonly limit: number
}

/** The newest runs first. @throws DATABASE_UNREACHABLE */
export async function findRuns(
  { runs }: HasRuns,
  { job, states, limit }: RunQuery
): Promise<RunDocument[]> {
  const filter = {
    ...(job !== undefined && { job }),
    ...(states !== undefined && { state: { $in: [...states] } })
  }
  return translated('Cannot read runs', () =>
    runs.find(filter).sort({ queuedAt: -1 }).limit(limit).toArray()
  )
}

/**
 * The runs that alerts are about: of each job the newest that succeeded or failed, however many runs other jobs have
 * had since, and those that wait for a worker, the newest first.
 * @throws DATABASE_UNREACHABLE
 */
export async function findRunsOfAlerts({ runs }: HasRuns): Promise<RunDocument[]> {
  return translated('Cannot read runs', async () => {
    const jobs = await runs.distinct('job')
    const last = jobs.map((job) =>
      runs.findOne({ job, state: { $in: ['succeeded', 'failed'] } }, { sort: { queuedAt: -1 } })
    )
    const waiting = runs.find({ state: 'queued' }).sort({ queuedAt: -1 }).limit(MOST_WAITING)
    return [
      ...(await Promise.all(last)).filter((one) => one !== null),
      ...(await waiting.toArray())
    ]
  })
}

const MOST_WAITING = 200

/** A run without its definition. */
export type RunStanding = Omit<RunDocument, 'tasks' | 'errorHandler' | 'parameters'>

/** Runs in one state that are looked at for changes. */
const MOST_IN_MOTION = { running: 200, queued: 100, ended: 200 } as const

/**
 * The runs that may have changed within `lookBackMs`, by the database's clock: a run changes only while it is queued or
 * running, or by its end. The newest ones, where there are more than a page of runs can show.
 * @throws DATABASE_UNREACHABLE
 */
export async function findRunsInMotion(
  { runs }: HasRuns,
  lookBackMs: number
): Promise<RunStanding[]> {
  const newest = (filter: Filter<RunDocument>, by: 'queuedAt' | 'endedAt', limit: number) =>
    runs
      .find(filter)
      .project<RunStanding>({ tasks: 0, errorHandler: 0, parameters: 0 })
      .sort({ [by]: -1 })
      .limit(limit)
      .toArray()
  const since = { $subtract: ['$$NOW', lookBackMs] }
  const hasEnded = { endedAt: { $type: 'date' }, $expr: { $gte: ['$endedAt', since] } } as const
  // What moves on between two of these reads is in the next answer at the latest.
  const found = await translated('Cannot read runs', () =>
    Promise.all([
      newest(hasEnded, 'endedAt', MOST_IN_MOTION.ended),
      newest({ state: 'running' }, 'queuedAt', MOST_IN_MOTION.running),
      newest({ state: 'queued' }, 'queuedAt', MOST_IN_MOTION.queued)
    ])
  )
  return [...new Map(found.flat().map((run) => [run._id, run])).values()]
}

/** The runs that are not over, the oldest first. @throws DATABASE_UNREACHABLE */
export async function findActiveRuns({ runs }: HasRuns): Promise<RunDocument[]> {
  return translated('Cannot read runs', () =>
    runs
      .find({ state: { $in: [...ACTIVE_RUN_STATES] } })
      .sort({ queuedAt: 1 })
      .toArray()
  )
}

/** Notes that the first task of a run has begun. @throws DATABASE_UNREACHABLE */
export async function startRun({ runs }: HasRuns, id: string): Promise<void> {
  await translated('Cannot store a run', () =>
    runs.updateOne({ _id: id, state: 'queued' }, [
      { $set: { state: 'running', startedAt: { $ifNull: ['$startedAt', '$$NOW'] } } }
    ])
  )
}

/** Ends a run that is not over; false when it is, or was resumed since. @throws DATABASE_UNREACHABLE */
export async function endRun(
  { runs }: HasRuns,
  { _id, round }: Pick<RunDocument, '_id' | 'round'>,
  state: RunState,
  error: string | null
): Promise<boolean> {
  const { modifiedCount } = await translated('Cannot store a run', () =>
    runs.updateOne({ _id, round, state: { $in: [...ACTIVE_RUN_STATES] } }, [
      { $set: { state, endedAt: '$$NOW', error: { $literal: error } } }
    ])
  )
  return modifiedCount === 1
}

/**
 * Cancels a run that is not over: none of its tasks begins any more, and those that run are ended by their workers
 * when they next look up their claims.
 * @returns false when the run is over or is not there
 * @throws DATABASE_UNREACHABLE
 */
export async function cancelRun(
  database: HasRuns & HasTaskRuns,
  id: string,
  reason = 'cancelled'
): Promise<boolean> {
  const run = await findRun(database, id)
  if (run === undefined || !ACTIVE_RUN_STATES.includes(run.state)) return false
  // The tasks first: a run that is over has none that may begin.
  await translated('Cannot cancel a run', () =>
    database.taskRuns.updateMany(
      { run: id, round: run.round, state: { $in: ['waiting', 'ready', 'running'] } },
      [{ $set: { state: 'cancelled', owner: null, leaseUntil: null, endedAt: '$$NOW' } }]
    )
  )
  return endRun(database, run, 'cancelled', reason)
}

/**
 * Resumes a run that failed or was cancelled: what succeeded stays, every other task waits again, with all its
 * retries.
 * @returns false when the run is not over, has succeeded or is not there
 * @throws DATABASE_UNREACHABLE
 */
export async function resumeRun(
  { runs, taskRuns }: HasRuns & HasTaskRuns,
  id: string,
  { queue, isLocal }: Pick<NewRun, 'queue' | 'isLocal'>
): Promise<boolean> {
  return translated('Cannot resume a run', async () => {
    const run = await runs.findOne({ _id: id, state: { $in: ['failed', 'cancelled'] } })
    if (run === null) return false
    const round = run.round + 1
    const names = run.tasks.map(({ name }) => name)
    await taskRuns.updateMany(
      { run: id, state: 'succeeded', task: { $in: names } },
      { $set: { round } }
    )
    await taskRuns.updateMany(
      { run: id, $or: [{ state: { $ne: 'succeeded' } }, { task: { $nin: names } }] },
      { $set: { round, state: 'waiting', failures: 0, losses: 0, queue } }
    )
    const { modifiedCount } = await runs.updateOne({ _id: id, round: run.round }, [
      { $set: { state: 'queued', round, isLocal, endedAt: null, error: null } }
    ])
    return modifiedCount === 1
  })
}

/** Gives a run of a process that is gone to the workers. @throws DATABASE_UNREACHABLE */
export async function shareRun(
  { runs, taskRuns }: HasRuns & HasTaskRuns,
  id: string,
  queue: string
): Promise<void> {
  await translated('Cannot share a run', async () => {
    await taskRuns.updateMany({ run: id }, { $set: { queue } })
    await runs.updateOne({ _id: id }, { $set: { isLocal: false } })
  })
}

/** Runs that are removed with one command. */
const REMOVED_AT_ONCE = 200

/**
 * Removes the runs that ended longer ago than this, by the database's clock, with their tasks. A run that is not over, and one
 * that is resumed meanwhile, stays. The tasks go first: what is interrupted between is found by its run the next time.
 * @returns how many runs and tasks
 * @throws DATABASE_UNREACHABLE
 */
export async function removeOldRuns(
  { runs, taskRuns }: HasRuns & HasTaskRuns,
  keptMs: number
): Promise<{ readonly runs: number; readonly tasks: number }> {
  const isOld = {
    state: { $nin: [...ACTIVE_RUN_STATES] },
    endedAt: { $type: 'date' as const },
    $expr: { $lt: ['$endedAt', { $subtract: ['$$NOW', keptMs] }] }
  }
  let removed = { runs: 0, tasks: 0 }
  for (;;) {
    const count = await translated('Cannot remove old runs', async () => {
      const old = await runs
        .find(isOld)
        .project<Pick<RunDocument, '_id'>>({ _id: 1 })
        .sort({ endedAt: 1 })
        .limit(REMOVED_AT_ONCE)
        .toArray()
      const ids = old.map(({ _id }) => _id)
      if (ids.length === 0) return 0
      const tasks = await taskRuns.deleteMany({ run: { $in: ids }, state: { $ne: 'running' } })
      const gone = await runs.deleteMany({ _id: { $in: ids }, ...isOld })
      removed = {
        runs: removed.runs + gone.deletedCount,
        tasks: removed.tasks + tasks.deletedCount
      }
      return gone.deletedCount
    })
    if (count < REMOVED_AT_ONCE) return removed
  }
}

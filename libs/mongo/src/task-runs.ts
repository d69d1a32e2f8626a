import type { TaskState } from '@tapedeck/domain'
import type { Document } from 'mongodb'
import { CollectionSpec, DURABLE, OWN_EXPIRY, type Has } from './collection.ts'
import { translated } from './failure.ts'

/** One try of a task that has ended. */
interface TaskAttempt {
  readonly attempt: number
  readonly owner: string
  readonly startedAt: Date
  readonly endedAt: Date
  readonly exitCode: number | null
  /** Null when it succeeded. */
  readonly error: string | null
  readonly tail: string
}

/** A task of a run. `attempt` and `owner` are the fence: whoever writes a result names both. */
export interface TaskRunDocument {
  /** `<run>/<task>`. */
  readonly _id: string
  readonly run: string
  readonly job: string
  readonly task: string
  /** Its place in the run. */
  readonly index: number
  /** The name under which it is queued: only workers that know it run the task. */
  readonly queue: string
  /** How often the run was resumed. */
  readonly round: number
  readonly state: TaskState
  /** Rises with every claim, also after a resume. */
  readonly attempt: number
  /** Attempts of this round that failed. */
  readonly failures: number
  /** Attempts of this round whose worker was lost. */
  readonly losses: number
  /** The claim that runs it: `<worker>/<number of the claim>`; null while nobody does. */
  readonly owner: string | null
  readonly leaseUntil: Date | null
  /** It is not claimed before. */
  readonly notBefore: Date | null
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  /** Program and arguments of a module; null for a function of a flow. */
  readonly command: readonly string[] | null
  readonly exitCode: number | null
  /** What a function returned, as JSON. */
  readonly output: string | null
  /** The end of what a module printed. */
  readonly tail: string
  readonly error: string | null
  /** The last ones. */
  readonly attempts: readonly TaskAttempt[]
}

export const TASK_RUNS = new CollectionSpec<TaskRunDocument>('task_runs', {
  writeConcern: DURABLE,
  indexes: [[{ run: 1, index: 1 }], [{ state: 1, leaseUntil: 1 }], OWN_EXPIRY]
})

export type HasTaskRuns = Has<'taskRuns', TaskRunDocument>

/** The claim of a task: what every later write of its worker must name. */
export interface TaskClaim {
  readonly id: string
  readonly attempt: number
  readonly owner: string
}

/** How an attempt ended. */
export interface TaskResult {
  readonly exitCode: number | null
  /** JSON. */
  readonly output: string | null
  readonly tail: string
  /** Null when it succeeded. */
  readonly error: string | null
}

/** `stale`: the claim is no longer the present one, so that nothing was written. */
export type CommitAnswer = 'committed' | 'stale'

/** Attempts that a document keeps. */
const KEPT_ATTEMPTS = 20
/** A task that takes its workers down with it is not given to ever more of them. */
const MOST_LOSSES = 10

/** The state as read, guarded. */
const held = ({ id, attempt, owner }: TaskClaim): Document => ({
  _id: id,
  state: 'running',
  attempt,
  owner
})

/**
 * Claims a task for one attempt: the database's clock decides whether it may begin yet, and until when the lease
 * lasts. One claim of an attempt wins. Repeated with the same owner after a lost answer it finds its own claim.
 * @param claim `attempt` is the one that begins, one more than those before it
 * @returns the document as claimed; undefined when the task is not ready for that attempt
 * @throws DATABASE_UNREACHABLE
 */
export async function claimTaskRun(
  { taskRuns }: HasTaskRuns,
  claim: TaskClaim,
  leaseMs: number
): Promise<TaskRunDocument | undefined> {
  return translated('Cannot claim a task', async () => {
    const claimed = await taskRuns.findOneAndUpdate(
      {
        _id: claim.id,
        state: 'ready',
        attempt: claim.attempt - 1,
        $expr: { $lte: ['$notBefore', '$$NOW'] }
      },
      [
        {
          $set: {
            state: 'running',
            attempt: claim.attempt,
            owner: claim.owner,
            leaseUntil: { $add: ['$$NOW', leaseMs] },
            startedAt: '$$NOW',
            endedAt: null,
            exitCode: null,
            error: null,
            tail: ''
          }
        }
      ],
      { returnDocument: 'after' }
    )
    return claimed ?? (await taskRuns.findOne(held(claim))) ?? undefined
  })
}

/** Extends the lease of a claim; false when it is no longer the present one. @throws DATABASE_UNREACHABLE */
export async function extendTaskRun(
  { taskRuns }: HasTaskRuns,
  claim: TaskClaim,
  leaseMs: number
): Promise<boolean> {
  const { matchedCount } = await translated('Cannot extend a lease', () =>
    taskRuns.updateOne(held(claim), [{ $set: { leaseUntil: { $add: ['$$NOW', leaseMs] } } }])
  )
  return matchedCount === 1
}

/**
 * The claims of these that are no longer the present ones, with the state of their tasks: cancelled, or given to another.
 * @throws DATABASE_UNREACHABLE
 */
export async function findLostClaims(
  { taskRuns }: HasTaskRuns,
  claims: readonly TaskClaim[]
): Promise<ReadonlyMap<string, TaskState>> {
  const found = await translated('Cannot read tasks', () =>
    taskRuns
      .find({ _id: { $in: claims.map(({ id }) => id) } })
      .project<Pick<TaskRunDocument, '_id' | 'state' | 'owner'>>({ state: 1, owner: 1 })
      .toArray()
  )
  const tasks = new Map(found.map((task) => [task._id, task]))
  return new Map(
    claims.flatMap(({ id, owner }) => {
      const task = tasks.get(id)
      const isHeld = task?.state === 'running' && task.owner === owner
      return isHeld ? [] : [[owner, task?.state ?? 'cancelled']]
    })
  )
}

/**
 * Writes the result of an attempt, once: of all attempts at most one succeeds, because a claim begins only when
 * the one before it has failed or has lost its lease. A result after the end of the lease counts unless somebody
 * has noticed that end. Repeated after a lost answer it finds that it was written.
 * @param retryAfterMs when the next attempt of a failed task may begin, from now; null: the task has failed for good
 * @throws DATABASE_UNREACHABLE
 */
export async function commitTaskRun(
  { taskRuns }: HasTaskRuns,
  claim: TaskClaim,
  result: TaskResult,
  retryAfterMs: number | null
): Promise<CommitAnswer> {
  const { exitCode, output, tail, error } = result
  const isRetried = error !== null && retryAfterMs !== null
  const state: TaskState = error === null ? 'succeeded' : isRetried ? 'ready' : 'failed'
  return translated('Cannot store the result of a task', async () => {
    const { matchedCount } = await taskRuns.updateOne(held(claim), [
      {
        $set: {
          state,
          owner: null,
          leaseUntil: null,
          notBefore: isRetried ? { $add: ['$$NOW', retryAfterMs] } : '$notBefore',
          endedAt: '$$NOW',
          failures: error === null ? '$failures' : { $add: ['$failures', 1] },
          exitCode,
          output: { $literal: output },
          tail: { $literal: tail },
          error: { $literal: error },
          attempts: attemptsWith({ exitCode, error: { $literal: error }, tail: { $literal: tail } })
        }
      }
    ])
    if (matchedCount === 1) return 'committed'
    const { attempt, owner } = claim
    const found = await taskRuns.countDocuments({
      _id: claim.id,
      attempts: { $elemMatch: { attempt, owner, error } }
    })
    return found === 1 ? 'committed' : 'stale'
  })
}

/** Gives a claimed task back, as a worker does that is asked to stop; it counts as no failure. */
export async function releaseTaskRun(
  { taskRuns }: HasTaskRuns,
  claim: TaskClaim
): Promise<CommitAnswer> {
  const { matchedCount } = await translated('Cannot give a task back', () =>
    taskRuns.updateOne(held(claim), [
      {
        $set: {
          state: 'ready',
          owner: null,
          leaseUntil: null,
          notBefore: '$$NOW',
          endedAt: '$$NOW',
          attempts: attemptsWith({ exitCode: null, error: 'its worker was stopped', tail: '' })
        }
      }
    ])
  )
  return matchedCount === 1 ? 'committed' : 'stale'
}

/**
 * Takes the tasks whose lease has ended, by the database's clock, from their workers. They are ready again, or
 * failed after `MOST_LOSSES` such ends.
 * @param runs only those of these runs; all unless given
 * @returns how many
 * @throws DATABASE_UNREACHABLE
 */
export async function expireTaskRuns(
  { taskRuns }: HasTaskRuns,
  runs?: readonly string[]
): Promise<number> {
  const error = 'its worker was lost: the lease ended'
  const { modifiedCount } = await translated('Cannot expire leases', () =>
    taskRuns.updateMany(
      {
        state: 'running',
        ...(runs !== undefined && { run: { $in: [...runs] } }),
        $expr: { $lt: ['$leaseUntil', '$$NOW'] }
      },
      [
        {
          $set: {
            state: { $cond: [{ $gte: ['$losses', MOST_LOSSES - 1] }, 'failed', 'ready'] },
            losses: { $add: ['$losses', 1] },
            owner: null,
            leaseUntil: null,
            notBefore: '$$NOW',
            endedAt: '$$NOW',
            error: { $literal: error },
            attempts: attemptsWith({ exitCode: null, error, tail: '' })
          }
        }
      ]
    )
  )
  return modifiedCount
}

function attemptsWith(end: { exitCode: number | null; error: unknown; tail: unknown }): Document {
  const one = {
    attempt: '$attempt',
    owner: '$owner',
    startedAt: '$startedAt',
    endedAt: '$$NOW',
    // Null is a value here, not the absence of a field.
    exitCode: { $literal: end.exitCode },
    error: end.error,
    tail: end.tail
  }
  return { $slice: [{ $concatArrays: ['$attempts', [one]] }, -KEPT_ATTEMPTS] }
}

/** Makes tasks that wait `ready` or `skipped`; those that do not wait any more stay. @throws DATABASE_UNREACHABLE */
export async function releaseWaiting(
  { taskRuns }: HasTaskRuns,
  { run, round }: Pick<TaskRunDocument, 'run' | 'round'>,
  tasks: readonly string[],
  state: 'ready' | 'skipped'
): Promise<void> {
  if (tasks.length === 0) return
  const _id = { $in: tasks.map((task) => `${run}/${task}`) }
  const times = state === 'ready' ? { notBefore: '$$NOW' } : { endedAt: '$$NOW' }
  await translated('Cannot go on with a run', () =>
    taskRuns.updateMany({ _id, round, state: 'waiting' }, [{ $set: { state, ...times } }])
  )
}

/** The tasks of runs in their order, without the outputs. @throws DATABASE_UNREACHABLE */
export async function findTaskRuns(
  { taskRuns }: HasTaskRuns,
  runs: readonly string[]
): Promise<Omit<TaskRunDocument, 'output'>[]> {
  return translated('Cannot read tasks', () =>
    taskRuns
      .find({ run: { $in: [...runs] } }, { projection: { output: 0 } })
      .sort({ run: 1, index: 1 })
      .toArray()
  )
}

/** What decides how a run goes on. */
export type TaskStanding = Pick<
  TaskRunDocument,
  '_id' | 'run' | 'task' | 'queue' | 'state' | 'attempt' | 'notBefore' | 'error'
>

/** The same of many runs, only with what decides how they go on. @throws DATABASE_UNREACHABLE */
export async function findTaskStandings(
  { taskRuns }: HasTaskRuns,
  runs: readonly string[]
): Promise<TaskStanding[]> {
  const fields = ['run', 'task', 'queue', 'state', 'attempt', 'notBefore', 'error']
  return translated('Cannot read tasks', () =>
    taskRuns
      .find({ run: { $in: [...runs] } })
      .project<TaskStanding>(Object.fromEntries(fields.map((name) => [name, 1])))
      .sort({ run: 1, index: 1 })
      .toArray()
  )
}

/** Where a task of a run stands. */
type TaskStateRow = Pick<
  TaskRunDocument,
  'run' | 'task' | 'state' | 'attempt' | 'startedAt' | 'endedAt'
>

/** Where the tasks of runs stand, by run, in their order. */
export type TaskStates = ReadonlyMap<string, readonly TaskStateRow[]>

/** Where the tasks of many runs stand. @throws DATABASE_UNREACHABLE */
export async function findTaskStates(
  { taskRuns }: HasTaskRuns,
  runs: readonly string[]
): Promise<TaskStates> {
  if (runs.length === 0) return new Map()
  const fields = ['run', 'task', 'state', 'attempt', 'startedAt', 'endedAt']
  const found = await translated('Cannot read tasks', () =>
    taskRuns
      .find({ run: { $in: [...runs] } })
      .project<TaskStateRow>({ _id: 0, ...Object.fromEntries(fields.map((name) => [name, 1])) })
      .sort({ run: 1, index: 1 })
      .toArray()
  )
  return Map.groupBy(found, ({ run }) => run)
}

/** What tasks of a run returned, as JSON, by their names. @throws DATABASE_UNREACHABLE */
export async function findOutputs(
  { taskRuns }: HasTaskRuns,
  run: string,
  tasks: readonly string[]
): Promise<Map<string, string | null>> {
  if (tasks.length === 0) return new Map()
  const found = await translated('Cannot read outputs', () =>
    taskRuns
      .find({ _id: { $in: tasks.map((task) => `${run}/${task}`) } })
      .project<Pick<TaskRunDocument, 'task' | 'output'>>({ task: 1, output: 1 })
      .toArray()
  )
  return new Map(found.map(({ task, output }) => [task, output]))
}

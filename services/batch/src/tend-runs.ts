import {
  ACTIVE_RUN_STATES,
  endRun,
  expireTaskRuns,
  findActiveRuns,
  findRun,
  findTaskStandings,
  holdLease,
  queuedAmong,
  releaseWaiting,
  removeLease,
  shareRun,
  type Database,
  type Enqueued,
  type QueuedTask,
  type RunDocument,
  type TaskStanding
} from '@tapedeck/mongo'
import { sharedQueueOf } from './new-run.ts'
import { nextStep } from './next-step.ts'
import type { TaskQueue } from './task-queue.ts'

/** What `tendRuns` did. */
export interface Tended {
  /** Tasks that lost their worker. */
  readonly lost: number
  /** Tasks that may begin now and wait for a worker. */
  readonly ready: number
  /** How long the one of them that has waited longest has waited, ms; 0 when there is none. */
  readonly oldestReadyMs: number
  /** Runs that ended. */
  readonly ended: readonly { readonly run: RunDocument; readonly state: string }[]
}

/**
 * Brings runs forward: takes tasks from workers that are lost, makes ready what may begin, ends runs, and queues
 * every task that is ready and not queued. Any number of processes may do so at the same time.
 * @param only the run to look after; all that are not over unless given
 * @throws DATABASE_UNREACHABLE
 */
export async function tendRuns(
  database: Database,
  queue: Pick<TaskQueue, 'enqueue'>,
  only?: string
): Promise<Tended> {
  const lost = await expireTaskRuns(database, only === undefined ? undefined : [only])
  const runs = only === undefined ? await findActiveRuns(database) : await activeRun(database, only)
  const tasks = Map.groupBy(
    await findTaskStandings(
      database,
      runs.map(({ _id }) => _id)
    ),
    ({ run }) => run
  )
  const ended: { run: RunDocument; state: string }[] = []
  const attempts: Enqueued[] = []
  for (const run of runs) {
    const ofRun = tasks.get(run._id) ?? []
    const { released, end } = await takeStep(database, run, ofRun)
    if (end !== undefined) ended.push({ run, state: end })
    const ready = ofRun.filter(({ state }) => state === 'ready')
    attempts.push(...[...ready, ...released].map(attemptOf))
  }
  // Most of them are queued already, at every look.
  const queued = new Set((await queuedAmong(database, attempts)).map(keyOf))
  await queue.enqueue(attempts.filter((attempt) => !queued.has(keyOf(attempt))))
  const nowMs = Date.now()
  // What becomes ready in this look has no time yet.
  const sinceMs = attempts.map(({ notBefore }) => notBefore?.getTime() ?? nowMs)
  const due = sinceMs.filter((ms) => ms <= nowMs)
  return { lost, ended, ready: due.length, oldestReadyMs: nowMs - Math.min(nowMs, ...due) }
}

const keyOf = ({ task, attempt }: QueuedTask): string => `${task}#${attempt}`

/**
 * Brings one run forward after tasks of it have ended: what may begin now is queued.
 * @param ended the ids of those tasks, which are queued again if they are to be retried
 * @returns the run, if this has ended it
 * @throws DATABASE_UNREACHABLE
 */
export async function continueRun(
  database: Database,
  queue: Pick<TaskQueue, 'enqueue'>,
  run: RunDocument,
  ended: ReadonlySet<string>
): Promise<Pick<Tended, 'ended'>> {
  const tasks = await findTaskStandings(database, [run._id])
  const { released, end } = await takeStep(database, run, tasks)
  const retried = tasks.filter(({ _id, state }) => ended.has(_id) && state === 'ready')
  await queue.enqueue([...retried, ...released].map(attemptOf))
  return { ended: end === undefined ? [] : [{ run, state: end }] }
}

/** Takes the next step of a run. Returns the tasks that it made ready, and the state if it has ended the run. */
async function takeStep(
  database: Database,
  run: RunDocument,
  tasks: readonly TaskStanding[]
): Promise<{ readonly released: readonly TaskStanding[]; readonly end: string | undefined }> {
  const { ready, skipped, end } = nextStep(run, tasks)
  const key = { run: run._id, round: run.round }
  await releaseWaiting(database, key, skipped, 'skipped')
  await releaseWaiting(database, key, ready, 'ready')
  const isEnded = end !== undefined && (await endRun(database, run, end.state, end.error))
  const names = new Set(ready)
  return {
    released: tasks.filter(({ task }) => names.has(task)),
    end: isEnded ? end.state : undefined
  }
}

async function activeRun(database: Database, id: string): Promise<RunDocument[]> {
  const run = await findRun(database, id)
  return run !== undefined && ACTIVE_RUN_STATES.includes(run.state) ? [run] : []
}

/** The attempt that is to begin next. */
function attemptOf({ _id, attempt, queue, notBefore }: TaskStanding): Enqueued {
  return { task: _id, attempt: attempt + 1, queue, notBefore }
}

/** The lease of the process that runs a run by itself. */
export function leaseOfRun(run: string): string {
  return `run/${run}`
}

/**
 * Gives the runs whose process is gone to the workers.
 * @returns their ids
 * @throws DATABASE_UNREACHABLE
 */
export async function adoptRuns(database: Database): Promise<string[]> {
  const locals = (await findActiveRuns(database)).filter(({ isLocal }) => isLocal)
  const adopted: string[] = []
  for (const run of locals) {
    const { isMine } = await holdLease(database, leaseOfRun(run._id), 'beat', ADOPTION_MS)
    if (!isMine) continue
    await shareRun(database, run._id, sharedQueueOf(run))
    await removeLease(database, leaseOfRun(run._id), 'beat')
    adopted.push(run._id)
  }
  return adopted
}

/** Two beats that adopt at the same time do the same. */
const ADOPTION_MS = 1000

import {
  ACTIVE_RUN_STATES,
  endRun,
  expireTaskRuns,
  findActiveRuns,
  findRun,
  findTaskStandings,
  releaseWaiting,
  type Database,
  type RunDocument,
  type TaskStanding
} from '@tapedeck/mongo'
import { nextStep } from './next-step.ts'
import type { Enqueued, TaskQueue } from './task-queue.ts'

/** What `tendRuns` did. */
export interface Tended {
  /** Tasks that lost their worker. */
  readonly lost: number
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
    const { ready, skipped, end } = nextStep(run, ofRun)
    const key = { run: run._id, round: run.round }
    await releaseWaiting(database, key, skipped, 'skipped')
    await releaseWaiting(database, key, ready, 'ready')
    if (end !== undefined && (await endRun(database, run, end.state, end.error))) {
      ended.push({ run, state: end.state })
    }
    const released = new Set(ready)
    attempts.push(
      ...ofRun
        .filter(({ task, state }) => state === 'ready' || released.has(task))
        .map((task) => attemptOf(task))
    )
  }
  await queue.enqueue(attempts)
  return { lost, ended }
}

async function activeRun(database: Database, id: string): Promise<RunDocument[]> {
  const run = await findRun(database, id)
  return run !== undefined && ACTIVE_RUN_STATES.includes(run.state) ? [run] : []
}

/** The attempt that is to begin next. */
function attemptOf({ _id, attempt, queue, notBefore }: TaskStanding): Enqueued {
  return { task: _id, attempt: attempt + 1, queue, notBefore }
}

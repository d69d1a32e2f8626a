import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { fullJitter, messageOf, retry, withTimeout } from '@tapedeck/core'
import { retryDelayOf, type TaskSpec } from '@tapedeck/domain'
import {
  claimTaskRun,
  commitTaskRun,
  extendTaskRun,
  findOutputs,
  findRun,
  findTaskRuns,
  releaseTaskRun,
  startRun,
  type Database,
  type RunDocument,
  type TaskClaim,
  type TaskResult,
  type TaskRunDocument
} from '@tapedeck/mongo'
import type { Logger } from '@tapedeck/service'
import { watchClaims, type ClaimWatch } from './claim-watch.ts'
import type { BatchConfig } from './config.ts'
import { continuations } from './continuations.ts'
import type { Flow } from './flow.ts'
import { KnownRuns } from './known-runs.ts'
import type { AttemptEnd, BatchMetrics } from './metrics.ts'
import { moduleEnv } from './module-env.ts'
import { moduleGuard, type ModuleGuard } from './module-guard.ts'
import { runFunction } from './run-function.ts'
import { runModule } from './run-module.ts'
import { keepLease } from './task-lease.ts'
import { openTaskQueue, type TaskQueue } from './task-queue.ts'
import { continueRun } from './tend-runs.ts'

export interface WorkerOptions {
  readonly database: Database
  readonly config: Pick<BatchConfig, 'concurrency' | 'leaseMs' | 'pollMs' | 'dataDir' | 'env'>
  /** The names under which the tasks that it runs are queued. */
  readonly queues: readonly string[]
  readonly flows: ReadonlyMap<string, Flow>
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly metrics?: BatchMetrics | undefined
  /** Is called with what modules print. */
  readonly onOutput?: (piece: Buffer) => void
}

export interface Worker extends Pick<TaskQueue, 'enqueue'> {
  readonly name: string
  /** Gives the tasks in hand back, so that others begin them at once, and ends their modules. */
  stop(): Promise<void>
}

/** Why the signal of a task aborts. */
const STOPPED = 'the worker was stopped'
const LOST = 'the lease was lost'
const CANCELLED = 'the run was cancelled'

/** Time for tasks in hand to end at a stop: a module is killed after two seconds. */
const STOP_LIMIT_MS = 2800
const LONGEST_WAIT_MS = 2000
/** Longer than a write may wait for a majority. */
const CALL_LIMIT_MS = 40_000

/**
 * Runs tasks, several at a time. The claim in task_runs decides which worker may store a result; the queue only says
 * what to try next. While the database is away a worker waits, and gives up the tasks whose lease has ended meanwhile.
 * @throws DATABASE_UNREACHABLE when the queue cannot be opened
 */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { database, config, queues, log, metrics } = options
  const name = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`
  const queue = await openTaskQueue(database, { ...config, name })
  const guard = moduleGuard(config.dataDir, config.env)
  const stopping = new AbortController()
  const working = new Set<Promise<void>>()
  const claimWatch = watchClaims(database)
  const goOn = continuations(async (run: RunDocument, ended) => {
    const step = (): ReturnType<typeof continueRun> => continueRun(database, queue, run, ended)
    const went = await patiently(step, stopping.signal)
    metrics?.ended(went)
  })
  const track = async (task: string, work: Promise<void>): Promise<void> => {
    const tracked = work.catch((error: unknown) => {
      // The beat finds what was not done: a lease that ends, or a run that can go on.
      log.warn({ task, reason: messageOf(error) }, 'task given up')
    })
    working.add(tracked)
    await tracked
    working.delete(tracked)
  }
  const parts = {
    ...options,
    guard,
    claimWatch,
    knownRuns: new KnownRuns(),
    // The next task takes the place of the one that has ended meanwhile.
    onCommitted: (run: RunDocument, task: string) => void track(task, goOn(run, task)),
    stopping: stopping.signal
  }
  let claims = 0
  await queue.start(queues, (task, touch) => {
    const claim = { id: task.task, attempt: task.attempt, owner: `${name}/${++claims}` }
    return track(task.task, runTask(claim, touch, parts))
  })
  log.info({ worker: name, queues, concurrency: config.concurrency }, 'working')
  return {
    name,
    enqueue: (attempts) => queue.enqueue(attempts),
    async stop() {
      stopping.abort(STOPPED)
      await queue.stop()
      const ended = Promise.allSettled(working)
      await withTimeout(ended, STOP_LIMIT_MS, 'Stopping tasks').catch(() => undefined)
      await claimWatch.stop()
      await guard.close()
    }
  }
}

interface WorkerParts extends WorkerOptions {
  readonly guard: ModuleGuard
  readonly claimWatch: ClaimWatch
  readonly knownRuns: KnownRuns
  /** Brings the run forward. */
  readonly onCommitted: (run: RunDocument, task: string) => void
  readonly stopping: AbortSignal
}

/** Repeats work until the database answers. @throws ABORTED */
function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  // A connection that died without a word would else be waited for without end.
  const limited = (): Promise<T> => withTimeout(work(), CALL_LIMIT_MS, 'The database')
  return retry(limited, { delayMs: fullJitter({ baseMs: 100, capMs: LONGEST_WAIT_MS }), signal })
}

async function runTask(
  claim: TaskClaim,
  touch: () => Promise<void>,
  parts: WorkerParts
): Promise<void> {
  const { database, config, claimWatch, knownRuns, onCommitted, log, metrics, stopping } = parts
  const task = await patiently(() => claimTaskRun(database, claim, config.leaseMs), stopping)
  if (task === undefined) return
  const beganMs = performance.now()
  let end: AttemptEnd = 'lost'
  metrics?.attemptBegan()
  const lease = keepLease(config.leaseMs, () => {
    // The queue hands out again what is not touched; the fence makes that harmless.
    touch().catch(() => undefined)
    return extendTaskRun(database, claim, config.leaseMs)
  })
  let isCancelled = false
  const unwatch = claimWatch.watch(claim, (isByRun) => {
    isCancelled = isByRun
    lease.lose()
  })
  try {
    const known = knownRuns.get({ _id: task.run, round: task.round })
    const run = known ?? (await patiently(() => findRun(database, task.run), stopping))
    const spec = run && specOf(run, task.task)
    if (run === undefined || spec === undefined) return
    const isOver = AbortSignal.any([stopping, lease.lost])
    const noted = noteBeginning(run, parts)
    // Whether that has failed counts only for a result that is to be stored.
    noted.catch(() => undefined)
    const result = await attempt(task, run, spec, isOver, parts)
    if (isCancelled) end = 'cancelled'
    if (lease.lost.aborted) {
      log.warn({ task: claim.id, attempt: claim.attempt }, isCancelled ? CANCELLED : LOST)
      return
    }
    if (stopping.aborted) {
      end = 'stopped'
      await releaseTaskRun(database, claim)
      return
    }
    await noted
    const { error } = result
    const isLast = error === null || task.failures >= spec.retries
    const retryMs = isLast ? null : retryDelayOf(spec, task.failures + 1)
    const answer = await patiently(
      () => commitTaskRun(database, claim, result, retryMs),
      AbortSignal.any([lease.lost, stopping])
    )
    log.info({ task: claim.id, attempt: claim.attempt, answer, error }, 'task ended')
    if (answer !== 'committed') return
    end = error === null ? 'succeeded' : 'failed'
    onCommitted(run, claim.id)
  } finally {
    unwatch()
    lease.release()
    metrics?.attemptEnded(end, (performance.now() - beganMs) / 1000)
  }
}

/** Notes that the first task of a run has begun. */
async function noteBeginning(
  run: RunDocument,
  { database, knownRuns, stopping }: Pick<WorkerParts, 'database' | 'knownRuns' | 'stopping'>
): Promise<void> {
  if (run.state === 'queued') await patiently(() => startRun(database, run._id), stopping)
  knownRuns.learn({ ...run, state: 'running' })
}

function specOf({ tasks, errorHandler }: RunDocument, name: string): TaskSpec | undefined {
  return [...tasks, ...(errorHandler === null ? [] : [errorHandler])].find(
    (spec) => spec.name === name
  )
}

/** One attempt at a task, within its time limit. */
async function attempt(
  task: TaskRunDocument,
  run: RunDocument,
  { timeoutMs }: TaskSpec,
  isOver: AbortSignal,
  { database, guard, flows, config, onOutput }: WorkerParts
): Promise<TaskResult> {
  const timing = new AbortController()
  const timer = setTimeout(
    () => timing.abort(`it took longer than its time limit of ${timeoutMs} ms`),
    timeoutMs
  )
  const signal = AbortSignal.any([isOver, timing.signal])
  try {
    if (task.command !== null) {
      const env = moduleEnv(config.env, run, task.attempt, await failureFor(task, run, database))
      return await runModule(await guard.open(), task.command, env, signal, onOutput)
    }
    const flow = flows.get(run.job)
    if (flow === undefined) return failed(`this worker has no flow ${run.job}`)
    const upstream = Object.values(flow.functions.get(task.task)?.inputs ?? {})
    const outputs = await findOutputs(database, run._id, upstream)
    return await runFunction(flow, task.task, { run, attempt: task.attempt, outputs, signal })
  } catch (error) {
    return failed(messageOf(error))
  } finally {
    clearTimeout(timer)
  }
}

function failed(error: string): TaskResult {
  return { exitCode: null, output: null, tail: '', error }
}

/** The failure for which an error handler runs; undefined for every other task. */
async function failureFor(
  { task }: TaskRunDocument,
  { _id, errorHandler }: RunDocument,
  database: Database
): Promise<Omit<TaskRunDocument, 'output'> | undefined> {
  if (task !== errorHandler?.name) return undefined
  return (await findTaskRuns(database, [_id])).find(({ state }) => state === 'failed')
}

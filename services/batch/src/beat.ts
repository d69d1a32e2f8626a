import { messageOf, repeat, withTimeout } from '@tapedeck/core'
import { clearHandled, type Database } from '@tapedeck/mongo'
import type { Logger } from '@tapedeck/service'
import type { BatchConfig } from './config.ts'
import type { BatchMetrics } from './metrics.ts'
import { openTaskQueue, type TaskQueue } from './task-queue.ts'
import { adoptRuns, tendRuns } from './tend-runs.ts'

export interface BeatOptions {
  readonly database: Database
  readonly config: Pick<BatchConfig, 'leaseMs' | 'tickMs'>
  /** Makes the runs that are due, and returns how many; it is called at each tick. Without it none is. */
  readonly makeDueRuns?: () => Promise<number>
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly metrics?: BatchMetrics | undefined
  /** The queue of a worker in this process, which then tries at once what is queued; one of its own unless given. */
  readonly queue?: Pick<TaskQueue, 'enqueue'> | undefined
}

/** How often what was handled and left behind is cleared away. */
const CLEAR_EVERY_MS = 60_000
/** A connection that died without a word is not waited for any longer. */
const TICK_LIMIT_MS = 60_000

const makeNone = (): Promise<number> => Promise.resolve(0)

/**
 * Looks at every tick what is due and what is lost: makes the runs of schedules, takes tasks from workers that are
 * lost, brings every run forward and queues what is ready without being queued. Any number of beats may run: each step
 * is one that the database makes once.
 * @throws DATABASE_UNREACHABLE when the queue cannot be opened
 */
export async function startBeat({
  database,
  config: { leaseMs, tickMs },
  makeDueRuns = makeNone,
  log,
  metrics,
  queue: given
}: BeatOptions): Promise<{ stop(): Promise<void> }> {
  const queue: Pick<TaskQueue, 'enqueue' | 'stop'> =
    given === undefined
      ? await openTaskQueue(database, { name: 'beat', concurrency: 1, leaseMs, pollMs: tickMs })
      : { enqueue: (attempts) => given.enqueue(attempts), stop: () => Promise.resolve() }
  let clearedMs = performance.now()
  let isAway = false
  const tick = async (): Promise<void> => {
    const made = await makeDueRuns()
    const adopted = await adoptRuns(database)
    const tended = await tendRuns(database, queue)
    const { lost, ended } = tended
    metrics?.waiting(tended)
    metrics?.ended(tended)
    for (const run of adopted) log.warn({ run }, 'its process is gone: left to the workers')
    if (made > 0) log.info({ runs: made }, 'runs made')
    if (lost > 0) log.warn({ tasks: lost }, 'tasks taken from lost workers')
    for (const { run, state } of ended) log.info({ run: run._id, state }, 'run ended')
    if (performance.now() - clearedMs > CLEAR_EVERY_MS) {
      clearedMs = performance.now()
      await clearHandled(database)
    }
  }
  const guardedTick = async (): Promise<void> => {
    try {
      await withTimeout(tick(), TICK_LIMIT_MS, 'A tick')
      if (isAway) log.info('ticking again')
      isAway = false
    } catch (error) {
      // Once for each trouble.
      if (!isAway) log.warn({ reason: messageOf(error) }, 'a tick failed, the next one tries again')
      isAway = true
    }
  }
  await guardedTick()
  const stop = repeat(tickMs, guardedTick, () => undefined)
  log.info({ tickMs }, 'beating')
  return {
    async stop() {
      await stop()
      await queue.stop()
    }
  }
}

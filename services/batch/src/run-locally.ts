import { messageOf, repeat, systemClock, type Terminal } from '@tapedeck/core'
import { cancelRun, holdLease, releaseLease, type Database } from '@tapedeck/mongo'
import { leaseOfRun } from './adopt-runs.ts'
import type { BatchConfig } from './config.ts'
import { FLOWS } from './flows.ts'
import { followRun } from './follow-run.ts'
import { openTaskQueue } from './task-queue.ts'
import { tendRuns } from './tend-runs.ts'
import { startWorker } from './worker.ts'

const SILENT = { info: () => undefined, warn: () => undefined }

/**
 * Runs a run in this process to its end, and prints its progress. Workers take it over when this process dies. When
 * the signal aborts the run is cancelled; it can be resumed.
 * @returns whether it succeeded
 * @throws DATABASE_UNREACHABLE
 */
export async function runLocally(
  database: Database,
  id: string,
  config: BatchConfig,
  terminal: Terminal,
  signal: AbortSignal
): Promise<boolean> {
  const worker = await startWorker({ database, config, queues: [id], flows: FLOWS, log: SILENT })
  const lease = leaseOfRun(id)
  const hold = async (): Promise<void> => {
    await holdLease(database, lease, worker.name, config.leaseMs)
  }
  await hold()
  const queue = await openTaskQueue(database, { ...config, name: worker.name })
  const tick = async (): Promise<void> => {
    try {
      await hold()
      await tendRuns(database, queue, id)
    } catch (error) {
      terminal.progress(messageOf(error))
    }
  }
  await tick()
  const stopTicking = repeat(config.tickMs, tick, () => undefined)
  const cancel = (): void => {
    terminal.note('cancelling; npm run batch -- resume goes on later')
    cancelRun(database, id, 'stopped at the terminal').catch(() => undefined)
  }
  signal.addEventListener('abort', cancel)
  try {
    const run = await followRun(database, id, terminal, (ms) => systemClock.delay(ms))
    return run?.state === 'succeeded'
  } finally {
    signal.removeEventListener('abort', cancel)
    await stopTicking()
    await queue.stop()
    await worker.stop()
    await releaseLease(database, lease, worker.name).catch(() => undefined)
  }
}

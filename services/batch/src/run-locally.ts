import { addAbortListener } from 'node:events'
import { hostname } from 'node:os'
import { messageOf, repeat, systemClock, type Terminal } from '@tapedeck/core'
import { cancelRun, holdLease, removeLease, type Database } from '@tapedeck/mongo'
import type { BatchConfig } from './config.ts'
import { FLOWS } from './flows.ts'
import { followRun } from './follow-run.ts'
import { leaseOfRun, tendRuns } from './tend-runs.ts'
import { startWorker } from './worker.ts'

const SILENT = { info: () => undefined, warn: () => undefined }

/**
 * Makes a run and runs it in this process to its end, and prints its progress. Workers take it over when this process dies. When
 * the signal aborts the run is cancelled; it can be resumed.
 * @param make stores the run, or resumes it; a beat that sees it finds that this process has it
 * @returns whether it succeeded
 * @throws DATABASE_UNREACHABLE
 */
export async function runLocally(
  database: Database,
  id: string,
  make: () => Promise<unknown>,
  config: BatchConfig,
  terminal: Terminal,
  signal: AbortSignal
): Promise<boolean> {
  const lease = leaseOfRun(id)
  const owner = `${hostname()}-${process.pid}`
  const hold = async (): Promise<void> => {
    await holdLease(database, lease, owner, config.leaseMs)
  }
  await hold()
  await make()
  const worker = await startWorker({ database, config, queues: [id], flows: FLOWS, log: SILENT })
  const tick = async (): Promise<void> => {
    try {
      await hold()
      await tendRuns(database, worker, id)
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
  try {
    using _listener = addAbortListener(signal, cancel)
    const run = await followRun(database, id, terminal, (ms) => systemClock.delay(ms))
    return run?.state === 'succeeded'
  } finally {
    await stopTicking()
    await worker.stop()
    await removeLease(database, lease, owner).catch(() => undefined)
  }
}

import { ensureCollections, openDatabase, type Database } from '@tapedeck/mongo'
import { serveHealth, startWait, type ServiceContext } from '@tapedeck/service'
import { startBeat } from './beat.ts'
import type { BatchConfig } from './config.ts'
import { FLOWS } from './flows.ts'
import { findJob, type Job } from './jobs.ts'
import { sharedQueues } from './new-run.ts'
import { makeRequestedRuns } from './requested-runs.ts'
import { loadSchedules, openSchedules } from './schedules.ts'
import { startWorker } from './worker.ts'

/** Runs a worker as a service: it may start before the database. */
export async function startBatchWorker(
  config: BatchConfig,
  context: ServiceContext
): Promise<void> {
  const database = await openWithHealth('batch-worker', config, context)
  const { log, defer } = context
  const worker = await startWorker({
    database,
    config,
    queues: sharedQueues(FLOWS),
    flows: FLOWS,
    log
  })
  defer(() => worker.stop())
}

/** Runs a beat as a service: it may start before the database. */
export async function startBatchBeat(config: BatchConfig, context: ServiceContext): Promise<void> {
  const schedules = await loadSchedules(config.batchDir)
  const database = await openWithHealth('batch-beat', config, context)
  const { log, defer } = context
  const jobOf = (name: string): Promise<Job> => findJob(name, config.batchDir)
  const makeScheduledRuns = await openSchedules({ database, schedules, jobOf, log })
  const beat = await startBeat({
    database,
    config,
    makeDueRuns: async () =>
      (await makeScheduledRuns()) + (await makeRequestedRuns(database, jobOf)),
    log
  })
  defer(() => beat.stop())
}

/** Serves health, and waits for the database. */
async function openWithHealth(
  name: string,
  { mongo, healthHost, healthPort }: BatchConfig,
  context: ServiceContext
): Promise<Database> {
  const waiting = startWait(context)
  let open: Database | undefined
  const readiness = async (): Promise<readonly string[]> => {
    await open?.ping()
    return open === undefined ? ['the database is not open yet', ...waiting.reasons()] : []
  }
  await serveHealth(name, context, readiness, { host: healthHost, port: healthPort })
  const database = await waiting.until(() => openDatabase(mongo, { appName: `tapedeck-${name}` }))
  context.defer(() => database.close())
  await waiting.until(() => ensureCollections(database))
  open = database
  return database
}

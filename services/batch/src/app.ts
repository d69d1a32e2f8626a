import { ensureCollections, openDatabase, type Database } from '@tapedeck/mongo'
import { serveHealth, startWait, type ServiceContext } from '@tapedeck/service'
import { startBeat, type BeatOptions } from './beat.ts'
import type { BatchConfig } from './config.ts'
import { FLOWS } from './flows.ts'
import { findJob, type Job } from './jobs.ts'
import { batchMetrics } from './metrics.ts'
import { sharedQueues } from './new-run.ts'
import { makeRequestedRuns } from './requested-runs.ts'
import { loadSchedules, openSchedules, runningSchedules } from './schedules.ts'
import { startWorker, type Worker } from './worker.ts'

/** Runs a worker as a service: it may start before the database. */
export async function startBatchWorker(
  config: BatchConfig,
  context: ServiceContext
): Promise<void> {
  await work(await openWithHealth('batch-worker', config, context), config, context)
}

async function work(
  database: Database,
  config: BatchConfig,
  { log, metrics, defer }: ServiceContext,
  counted = batchMetrics(metrics)
): Promise<Worker> {
  const worker = await startWorker({
    database,
    config,
    queues: sharedQueues(FLOWS),
    flows: FLOWS,
    log,
    metrics: counted
  })
  defer(() => worker.stop())
  return worker
}

/** Runs a beat as a service: it may start before the database. */
export async function startBatchBeat(config: BatchConfig, context: ServiceContext): Promise<void> {
  await checkSchedules(config)
  await keepTime(await openWithHealth('batch-beat', config, context), config, context)
}

/** Runs a beat and a worker in one service, as `npm start` does. It may start before the database. */
export async function startBatch(config: BatchConfig, context: ServiceContext): Promise<void> {
  await checkSchedules(config)
  const database = await openWithHealth('batch', config, context)
  const metrics = batchMetrics(context.metrics)
  const worker = await work(database, config, context, metrics)
  await keepTime(database, config, context, metrics, worker)
}

/** Before the database is waited for. @throws CONFIG_INVALID */
async function checkSchedules({ batchDir, schedules }: BatchConfig): Promise<void> {
  runningSchedules(await loadSchedules(batchDir), schedules)
}

async function keepTime(
  database: Database,
  config: BatchConfig,
  { log, metrics, defer }: ServiceContext,
  counted = batchMetrics(metrics),
  queue?: BeatOptions['queue']
): Promise<void> {
  const jobOf = (name: string): Promise<Job> => findJob(name, config.batchDir)
  const { batchDir, schedules: asked } = config
  const makeScheduledRuns = await openSchedules({ database, batchDir, asked, jobOf, log })
  const beat = await startBeat({
    database,
    config,
    makeDueRuns: async () =>
      (await makeScheduledRuns()) + (await makeRequestedRuns(database, jobOf)),
    log,
    metrics: counted,
    queue
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

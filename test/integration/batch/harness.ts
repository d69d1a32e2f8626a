import { createServer } from 'node:http'
import path from 'node:path'
import { createRun, findRun, findTaskRuns, type Database, type RunDocument } from '@tapedeck/mongo'
import {
  newRun,
  readConfig,
  sharedQueues,
  startBeat,
  startWorker,
  type BatchConfig,
  type Flow,
  type Job
} from '@tapedeck/batch/testing'
import { eventually } from '../../support/eventually.ts'
import { onLoopback } from '../../support/loopback.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { temporaryFolder, type Scope } from '../../support/scope.ts'
import { servers } from '../../support/servers.ts'

const SILENT = { info: () => undefined, warn: () => undefined }

/** A database of the scope's own with a worker and a beat in this process, both quick. */
export async function openHarness(
  t: Scope,
  flows: readonly Flow[],
  { concurrency = 4, leaseMs = 5000 }: { concurrency?: number; leaseMs?: number } = {}
): Promise<{
  readonly database: Database
  readonly config: BatchConfig
  /** Stores a run of a job and waits for its end. */
  run(job: Job, parameters?: Readonly<Record<string, string>>): Promise<Ended>
  ended(id: string): Promise<Ended>
}> {
  const given = servers()
  const { database } = await ownDatabase(t, given)
  const dataDir = await temporaryFolder(t)
  const config: BatchConfig = {
    ...readConfig({ ...process.env, ...given.env, TAPEDECK_DATA_DIR: path.join(dataDir, 'data') }),
    concurrency,
    leaseMs,
    pollMs: 100,
    tickMs: 100
  }
  const byName = new Map(flows.map((flow) => [flow.name, flow]))
  const queues = sharedQueues(byName)
  const worker = await startWorker({ database, config, queues, flows: byName, log: SILENT })
  const beat = await startBeat({ database, config, log: SILENT })
  t.after(async () => {
    await beat.stop()
    await worker.stop()
  })
  const ended = (id: string): Promise<Ended> => endOf(database, id)
  return {
    database,
    config,
    ended,
    async run(job, parameters = {}) {
      const made = newRun(job, { cause: 'command', parameters })
      await createRun(database, made)
      return ended(made._id)
    }
  }
}

export interface Ended {
  readonly run: RunDocument
  readonly tasks: Awaited<ReturnType<typeof findTaskRuns>>
}

/** Waits for the end of a run. */
function endOf(database: Database, id: string): Promise<Ended> {
  return eventually(async () => {
    const run = await findRun(database, id)
    if (run === undefined || run.endedAt === null) throw new Error(`run ${id} is ${run?.state}`)
    return { run, tasks: await findTaskRuns(database, [id]) }
  })
}

/** A flow as a job. */
export function jobOf(flow: Flow): Job {
  return { spec: flow, about: flow.about, errorHandler: null, commands: new Map() }
}

/** An HTTP server that answers by turns: a status, or rows of a watchlist. */
export async function watchlistServer(
  t: Pick<Scope, 'after'>,
  answers: readonly (number | object)[]
) {
  let asked = 0
  const server = createServer((_request, response) => {
    const answer = answers[Math.min(asked++, answers.length - 1)]
    if (typeof answer === 'number') response.writeHead(answer).end()
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  })
  const url = await onLoopback(t, server)
  return { url: `${url}/api/v1/watchlist`, asked: () => asked }
}

/** An answer with two prices. */
export const WATCHLIST = {
  watchlist: [
    { symbol: 'MSFT', lastPrice: 400.5, changeShare: -0.01 },
    { symbol: 'AAPL', lastPrice: 200, changeShare: 0.02 },
    { symbol: 'NEW', lastPrice: null, changeShare: null }
  ]
}

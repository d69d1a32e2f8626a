/**
 * `npm run bench:batch`: what the queue costs a task that does nothing, with a worker and a beat in this process. Exit
 * code 0 only when every task was run once.
 */
import { performance } from 'node:perf_hooks'
import { commandLine, runCommand, table } from '@tapedeck/core'
import {
  defineFlow,
  newRun,
  readConfig,
  sharedQueues,
  startBeat,
  startWorker,
  type Flow
} from '@tapedeck/batch/testing'
import { createRun, ensureCollections, openDatabase, type Database } from '@tapedeck/mongo'
import { SERVER_SETTINGS } from '@tapedeck/stack/testing'
import { databaseConfig } from '../../support/own-database.ts'
import { OwnScope, temporaryFolder } from '../../support/scope.ts'
import { servers } from '../../support/servers.ts'
import { until } from '../../support/until.ts'
import { onServers } from './on-servers.ts'

const LIMIT_MS = 600_000
const SILENT = { info: () => undefined, warn: () => undefined }

/** How the tasks depend on each other. */
const SHAPES = ['side by side', 'one after another', 'one a run'] as const
type Shape = (typeof SHAPES)[number]

const command = commandLine({
  name: 'bench:batch',
  purpose:
    'Runs tasks that do nothing with a worker and a beat in this process on a real database, and counts the commands that the database gets.',
  forms: ['-- [--tasks N] [--concurrency N] [--rounds N] [--json]'],
  options: {
    tasks: ['text', 'N', 'tasks of each shape (100)'],
    concurrency: ['text', 'N', 'tasks at a time (BATCH_CONCURRENCY)'],
    rounds: ['text', 'N', 'rounds of all shapes; the fastest counts (3)'],
    json: ['flag', 'the last line is one JSON object']
  },
  settings: SERVER_SETTINGS,
  exits: ['every task was run once', 'some were not', 'wrong arguments, or a server is missing'],
  example: '-- --tasks 500',
  read: (given) => ({
    tasks: given.whole('tasks', 1, 1000) ?? 100,
    concurrency: given.whole('concurrency', 1, 100),
    rounds: given.whole('rounds', 1, 100) ?? 3,
    isJson: given.flag('json')
  })
})

type Options = Exclude<ReturnType<typeof command.read>, 'help'>

interface ShapeRun {
  readonly shape: Shape
  readonly seconds: number
  /** CPU time of this process, s. */
  readonly cpuSeconds: number
  /** Commands by collection, as `find task_runs`. */
  readonly commands: Readonly<Record<string, number>>
  readonly isWhole: boolean
}

function flowOf(shape: Shape, tasks: number, onTask: () => null): Flow {
  const name = shape.replaceAll(' ', '-')
  return defineFlow({ name, about: '' }, (flow) => {
    let last: { readonly name: string }[] = []
    for (let number = 0; number < (shape === 'one a run' ? 1 : tasks); number++) {
      const after = shape === 'one after another' ? last : []
      last = [flow.task(`t${number}`, { after }, onTask)]
    }
  })
}

async function runShape(
  shape: Shape,
  { tasks, concurrency }: Options,
  mongoUri: string
): Promise<ShapeRun> {
  const scope = new OwnScope()
  try {
    const { env, database: name } = servers()
    const database = await openDatabase(databaseConfig(monitored(mongoUri), name))
    scope.after(async () => {
      await database.db.dropDatabase()
      await database.close()
    })
    await ensureCollections(database)
    const dataDir = await temporaryFolder(scope)
    const given = readConfig({ ...process.env, ...env, TAPEDECK_DATA_DIR: dataDir })
    const config = { ...given, concurrency: concurrency ?? given.concurrency }
    let count = 0
    const flow = flowOf(shape, tasks, () => {
      count++
      return null
    })
    const job = { spec: flow, about: '', errorHandler: null, commands: new Map() }
    const flows = new Map([[flow.name, flow]])
    const worker = await startWorker({
      database,
      config,
      queues: sharedQueues(flows),
      flows,
      log: SILENT
    })
    scope.after(() => worker.stop())
    const beat = await startBeat({ database, config, log: SILENT })
    scope.after(() => beat.stop())
    for (let number = 0; number < (shape === 'one a run' ? tasks : 1); number++) {
      await createRun(database, newRun(job, { cause: 'command', parameters: {} }))
    }
    const commands = countCommands(database)
    const cpu = process.cpuUsage()
    const beganMs = performance.now()
    await until('every task has run', () => Promise.resolve(count >= tasks), LIMIT_MS)
    const isOver = async (): Promise<boolean> =>
      (await database.runs.countDocuments({ endedAt: null })) === 0
    await until('every run is over', isOver, LIMIT_MS)
    const seconds = (performance.now() - beganMs) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const committed = await database.taskRuns.countDocuments({ state: 'succeeded', attempt: 1 })
    const isWhole = count === tasks && committed === tasks
    return { shape, seconds, cpuSeconds: (user + system) / 1e6, commands, isWhole }
  } finally {
    await scope.end()
  }
}

/** The driver tells of commands only when it is asked to. */
function monitored(uri: string): string {
  const url = new URL(uri)
  url.searchParams.set('monitorCommands', 'true')
  return url.href
}

function countCommands({ db }: Database): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  db.client.on('commandStarted', ({ commandName, command: sent }) => {
    // Sessions are ended when the database is closed.
    if (typeof sent[commandName] !== 'string') return
    const name = `${commandName} ${sent[commandName]}`
    counts[name] = (counts[name] ?? 0) + 1
  })
  return counts
}
async function main(given: Options, terminal: { write(text: string): void }): Promise<0 | 1> {
  const runs = await onServers(async ({ mongoUri, signal }) => {
    const all: ShapeRun[] = []
    for (let round = 0; round < given.rounds; round++) {
      for (const shape of SHAPES) {
        signal.throwIfAborted()
        all.push(await runShape(shape, given, mongoUri))
      }
    }
    return SHAPES.map((shape) =>
      all.filter((run) => run.shape === shape).toSorted((a, b) => a.seconds - b.seconds)
    )
  })
  const fastest = runs.map(([run]) => run!)
  const total = (commands: ShapeRun['commands']): number =>
    Object.values(commands).reduce((sum, count) => sum + count, 0)
  terminal.write(
    table([
      ['tasks', 'seconds', 'tasks/s', 'CPU ms a task', 'commands a task'],
      ...fastest.map(({ shape, seconds, cpuSeconds, commands }) => [
        `${given.tasks} ${shape}`,
        seconds.toFixed(2),
        (given.tasks / seconds).toFixed(0),
        ((cpuSeconds * 1000) / given.tasks).toFixed(1),
        (total(commands) / given.tasks).toFixed(1)
      ])
    ])
  )
  const names = new Set(fastest.flatMap(({ commands }) => Object.keys(commands)))
  terminal.write(
    table([
      ['commands a task', ...SHAPES],
      ...[...names]
        .toSorted()
        .map((name) => [
          name,
          ...fastest.map(({ commands }) => ((commands[name] ?? 0) / given.tasks).toFixed(2))
        ])
    ])
  )
  if (given.isJson) terminal.write(`${JSON.stringify(fastest)}\n`)
  return runs.flat().every(({ isWhole }) => isWhole) ? 0 : 1
}

await runCommand({ ...command, run: main })

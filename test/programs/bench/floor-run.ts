import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { TapedeckError } from '@tapedeck/core'
import { partitionEnds, type KafkaConfig } from '@tapedeck/kafka'
import { connectPreparedDatabase, type Database, type MongoConfig } from '@tapedeck/mongo'
import { startService } from '../../support/service-process.ts'
import { processCost } from '../verify-tape/process-cost.ts'
import type { Backlog } from './backlog.ts'
import { tradesNotOnce } from './stored-results.ts'

/** What stores the trades: a loop of floor-loop.ts, or the consumer with settings. */
export type Contender = { readonly name: string } & (
  | { readonly loop: 'plain' | 'bytes' }
  | { readonly loop: 'consumer'; readonly env: Readonly<Record<string, string>> }
)

/** What floor-loop.ts is given. */
export interface FloorTask {
  readonly kafka: KafkaConfig
  readonly group: string
  readonly mongo: MongoConfig
  readonly loop: 'plain' | 'bytes'
}

export interface FloorOptions {
  readonly kafka: KafkaConfig
  readonly mongoUri: string
  /** A new one, which is dropped at the end; also the name of the group. */
  readonly database: string
  readonly backlog: Backlog
  readonly mongodPid: number | undefined
  readonly signal: AbortSignal
}

/** What it took from the first stored trade to the last one. */
export interface FloorRun {
  readonly tradesPerSecond: number
  /** CPU microseconds for each trade. */
  readonly engineUs: number
  readonly mongodUs: number
  /** Trades that are not stored once. */
  readonly problems: readonly string[]
}

interface Engine {
  readonly pid: number
  /** Resolves when it ended by itself. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

const POLL_MS = 20
const LIMIT_MS = 300_000

/** Runs a contender on a topic that is full until all is stored. @throws TIMED_OUT, SERVER_FAILED when it ends before */
export async function runFloor(contender: Contender, options: FloorOptions): Promise<FloorRun> {
  const { kafka, mongoUri, database: name, backlog, mongodPid, signal } = options
  const mongo = { uri: mongoUri, database: name, username: undefined, password: undefined }
  const config = { ...mongo, tradesTtlMs: undefined }
  const database = await connectPreparedDatabase(config)
  const starting = startEngine(contender, { ...options, mongo: config })
  try {
    const ends = await partitionEnds(kafka)
    // What the contender before left to be written is not of this one.
    await database.db.admin().command({ fsync: 1 })
    const engine = await starting
    let failure: string | undefined
    void engine.ended.then((how) => (failure = how))
    const cost = async (): Promise<readonly [number, number]> => {
      const [own, mongod] = await Promise.all([
        processCost('engine', engine.pid),
        mongodPid === undefined ? undefined : processCost('mongod', mongodPid)
      ])
      return [own?.cpuSeconds ?? NaN, mongod?.cpuSeconds ?? NaN]
    }
    const wait = async (what: string, until: () => Promise<boolean>): Promise<void> => {
      const limitMs = performance.now() + LIMIT_MS
      while (!(await until())) {
        signal.throwIfAborted()
        if (failure !== undefined) {
          throw new TapedeckError('SERVER_FAILED', `${contender.name}: ended by ${failure}`)
        }
        if (performance.now() > limitMs) {
          throw new TapedeckError('TIMED_OUT', `${contender.name}: ${what} took too long`)
        }
        await sleep(POLL_MS)
      }
    }
    const stored = (): Promise<number> => database.trades.estimatedDocumentCount()
    await wait('the first trade', async () => (await stored()) > 0)
    const [before, startMs, [engine0, mongod0]] = [await stored(), performance.now(), await cost()]
    const all = [...ends.values()].reduce((sum, end) => sum + end, 0)
    await wait('the last trade', async () =>
      contender.loop === 'consumer'
        ? (await committed(database)) >= all
        : (await stored()) >= backlog.trades
    )
    const [endMs, [engine1, mongod1]] = [performance.now(), await cost()]
    await engine.stop()
    const trades = backlog.trades - before
    const problems = await tradesNotOnce(database, backlog.bySymbol, false)
    return {
      tradesPerSecond: trades / ((endMs - startMs) / 1000),
      engineUs: ((engine1 - engine0) / trades) * 1e6,
      mongodUs: ((mongod1 - mongod0) / trades) * 1e6,
      problems
    }
  } finally {
    await starting.then((engine) => engine.stop()).catch(() => undefined)
    await database.db.dropDatabase().finally(() => database.close())
  }
}

/** Records below the checkpoints of all partitions. */
async function committed({ checkpoints }: Database): Promise<number> {
  const found = await checkpoints.find().toArray()
  return found.reduce((sum, { nextOffset }) => sum + (nextOffset ?? 0), 0)
}

async function startEngine(
  contender: Contender,
  { kafka, mongoUri, database, mongo }: FloorOptions & { readonly mongo: MongoConfig }
): Promise<Engine> {
  if (contender.loop === 'consumer') {
    const service = await startService('consumer', {
      KAFKA_BROKERS: kafka.brokers.join(','),
      KAFKA_TOPIC: kafka.topic,
      KAFKA_GROUP: database,
      MONGODB_URI: mongoUri,
      MONGODB_DB: database,
      LATENESS_LIMIT: '36500d',
      ...contender.env
    })
    return { pid: service.pid, ended: service.exited, stop: () => service.stop() }
  }
  const task: FloorTask = { kafka, group: database, mongo, loop: contender.loop }
  const program = path.join(import.meta.dirname, 'floor-loop.ts')
  const child = fork(program, [JSON.stringify(task)])
  const exit = once(child, 'exit')
  return {
    pid: child.pid ?? 0,
    ended: exit.then(([code, signal]) => String(signal ?? `exit code ${code}`)),
    async stop() {
      child.kill('SIGKILL')
      await exit
    }
  }
}

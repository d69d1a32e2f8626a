import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readConfig, silentProgress, startServers, type Progress } from '@tapedeck/stack/testing'

/** The servers of a test run, as its test files are told of them. */
export interface TestServers {
  readonly brokers: readonly string[]
  readonly mongoUri: string
  /** Where the broker of the run keeps its topics; undefined for a broker of your own. */
  readonly kafkaLogDir: string | undefined
}

const BROKERS = 'TAPEDECK_TEST_BROKERS'
const MONGODB_URI = 'TAPEDECK_TEST_MONGODB_URI'
const KAFKA_LOG_DIR = 'TAPEDECK_TEST_KAFKA_LOG_DIR'
const CLOSE_LIMIT_MS = 3000

/**
 * Starts a broker and a database for a whole run, or three of each with STACK_NODES=3, in a folder that goes
 * with them; KAFKA_BROKERS and MONGODB_URI use yours instead. Test files started afterwards find them with `servers()`.
 */
export async function startTestServers({
  progress = silentProgress,
  signal = new AbortController().signal
}: { readonly progress?: Progress; readonly signal?: AbortSignal } = {}): Promise<
  TestServers & {
    /** The server processes started here; none for servers of your own. */
    readonly processes: readonly { readonly name: string; readonly pid: number }[]
    close(): Promise<void>
  }
> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'tapedeck-test-'))
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true, maxRetries: 3 })
  const config = readConfig({ ...process.env, TAPEDECK_DATA_DIR: dataDir })
  const started = await startServers(config, {
    progress,
    signal,
    heapMebibytes: 256,
    preferredPorts: false
  }).catch(async (error: unknown) => {
    await remove()
    throw error
  })
  const brokers = started.kafka.address().split(',')
  const mongoUri = started.mongod.address()
  process.env[BROKERS] = brokers.join(',')
  process.env[MONGODB_URI] = mongoUri
  const isOurs = started.kafka.nodes[0]?.current().pid !== undefined
  const kafkaLogDir = isOurs ? path.join(dataDir, 'kafka', 'data') : undefined
  if (kafkaLogDir !== undefined) process.env[KAFKA_LOG_DIR] = kafkaLogDir
  return {
    brokers,
    mongoUri,
    kafkaLogDir,
    processes: (['kafka', 'mongod'] as const)
      .flatMap((name) =>
        started[name].nodes.map((node) => ({ name: name as string, pid: node.current().pid }))
      )
      .filter((one): one is { name: string; pid: number } => one.pid !== undefined),
    async close() {
      await started.close(CLOSE_LIMIT_MS)
      await remove()
    }
  }
}

/**
 * The servers of this run with a topic and a database of the caller's own.
 * Throws when there are none: a missing server is a failure, never a skip.
 */
export function servers(): TestServers & {
  readonly topic: string
  readonly database: string
  /** What a service reads to work on them. */
  readonly env: Readonly<Record<string, string>>
} {
  const brokers = process.env[BROKERS]
  const mongoUri = process.env[MONGODB_URI]
  if (brokers === undefined || mongoUri === undefined) {
    throw new Error(
      `Cannot run without servers: ${BROKERS} and ${MONGODB_URI} are not set, ` +
        `expected a run through \`node test/run.ts integration -- FILE\``
    )
  }
  const id = randomBytes(6).toString('hex')
  const kafkaLogDir = process.env[KAFKA_LOG_DIR]
  const name = `test_${id}`
  const env = {
    KAFKA_BROKERS: brokers,
    KAFKA_TOPIC: name,
    KAFKA_GROUP: name,
    BARS_TOPIC: `${name}.bars`,
    FORECASTS_TOPIC: `${name}.forecasts`,
    MONGODB_URI: mongoUri,
    MONGODB_DB: name
  }
  const names = { topic: name, database: name, env }
  return { brokers: brokers.split(','), mongoUri, kafkaLogDir, ...names }
}

import { rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  hasCode,
  lockDataDir,
  openGuard,
  systemClock,
  TapedeckError,
  type Guard,
  type Secret
} from '@tapedeck/core'
import { ensureTopics } from '@tapedeck/kafka'
import {
  databaseIn,
  ensureCollections,
  findFeeds,
  openDatabase,
  withWarnings,
  type Database
} from '@tapedeck/mongo'
import type { StackConfig } from './config.ts'
import { checkRoom, watchDisk } from './disk.ts'
import { searchOf } from './find.ts'
import { startGrafana, type StackGrafana } from './grafana.ts'
import { KAFKA } from './kafka-broker.ts'
import { leaveMariadbUrl, MARIADB, mariadbUrl } from './mariadb.ts'
import { MONGOD } from './mongod.ts'
import { openPortMemory, reservePort, type PortMemory, type ReservedPort } from './ports.ts'
import { renderScreen, withDatabase, type Progress, type Screen } from './screen.ts'
import { withoutSecretsOfOthers } from './secrets.ts'
import { bringUp, type ServerGroup, type ServerSite } from './servers.ts'
import {
  chooseServicePorts,
  pageUrl,
  planServices,
  scrapeTargets,
  startServices,
  type ServicePlan,
  type Services
} from './services.ts'
import { Troubles } from './troubles.ts'

interface ServerOptions {
  readonly progress: Progress
  readonly signal: AbortSignal
  /** The broker's largest heap, MiB. */
  readonly heapMebibytes?: number
  /** True (default): a new data folder asks for 29092 and 27117 before any other port. */
  readonly preferredPorts?: boolean
}

/** Kafka and MongoDB, one of each or a cluster of each, running and kept running. */
export interface Servers {
  readonly kafka: ServerGroup
  readonly mongod: ServerGroup
  /** The relational database; undefined unless one is configured. */
  readonly mariadb: ServerGroup | undefined
  /** Its address with user and password. */
  readonly mariadbUrl: Secret | undefined
  readonly ports: PortMemory
  readonly guard: Guard
  readonly troubles: Troubles
  /** Stops what was started here, broker and database at the same time, and frees the data folder. */
  close(limitMs: number): Promise<void>
}

const UNWIND_LIMIT_MS = 3000

/**
 * Starts the brokers and the databases at the same time, a relational one too where the configuration asks for it.
 *
 * @throws DATA_DIR_IN_USE, SERVER_MISSING (with what to do), SERVER_FAILED, ABORTED; nothing is left
 *   running then
 */
export async function startServers(
  config: StackConfig,
  { progress, signal, heapMebibytes = 384, preferredPorts = true }: ServerOptions
): Promise<Servers> {
  await checkRoom(config.dataDir)
  const lock = await lockDataDir(config.dataDir)
  const guard = openGuard(lock, withoutSecretsOfOthers(config.env, 'guard'))
  const ports = await openPortMemory(config.dataDir)
  const failed = new AbortController()
  const troubles = new Troubles()
  const site: ServerSite = {
    config,
    search: searchOf(config, progress),
    guard,
    ports,
    troubles,
    signal: AbortSignal.any([signal, failed.signal]),
    heapMebibytes,
    preferredPorts
  }
  const closing = new AbortController()
  const close = async (servers: readonly ServerGroup[], limitMs: number): Promise<void> => {
    closing.abort()
    await Promise.all(servers.map((server) => server.stop(limitMs)))
    await guard.close()
    await lock.release()
  }
  void watchDisk(config.dataDir, { progress, troubles, signal: closing.signal })
  const { own, isEmbedded } = config.mariadb
  const starts = [
    bringUp(KAFKA, site),
    bringUp(MONGOD, site),
    // Of this one there is no cluster.
    own !== undefined || isEmbedded
      ? bringUp(MARIADB, { ...site, config: { ...config, nodes: 1 } })
      : Promise.resolve(undefined)
  ] as const
  for (const start of starts) start.catch(() => failed.abort())
  const results = await Promise.allSettled(starts)
  const started = results.flatMap((one) => (one.status === 'fulfilled' ? (one.value ?? []) : []))
  try {
    const [kafka, mongod, mariadb] = results.map(valueOf)
    if (kafka === undefined || mongod === undefined) throw new Error('a start gave nothing')
    const url = await mariadbUrl(config, mariadb)
    await leaveMariadbUrl(config.dataDir, own === undefined ? url : undefined)
    return {
      kafka,
      mongod,
      mariadb,
      mariadbUrl: url,
      ports,
      guard,
      troubles,
      async close(limitMs) {
        await close(started, limitMs)
        await leaveMariadbUrl(config.dataDir, undefined)
      }
    }
  } catch (error) {
    await close(started, UNWIND_LIMIT_MS)
    // A start that failed by itself comes before one that was aborted because of it.
    const errors = results.flatMap((one): unknown[] =>
      one.status === 'rejected' ? [one.reason] : []
    )
    throw errors.find((one) => !hasCode(one, 'ABORTED')) ?? errors[0] ?? error
  }
}

function valueOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}

interface StackContext {
  readonly progress: Progress
  /** When the start began, by `performance.now()`. */
  readonly startedMs: number
  readonly signal: AbortSignal
  /** Called with the failure of a service that is not started again; the stack should be closed then. */
  readonly onFinal: (error: TapedeckError) => void
}

interface Stack {
  /** The text for the terminal once everything runs. */
  readonly screen: string
  /** Stops the services, then the servers, each group within its limit. */
  close(): Promise<void>
}

const FIRST_BAR_LIMIT_MS = { simulated: 60_000, live: 20_000 } as const
const SERVICES_STOP_LIMIT_MS = 5000
const SERVERS_STOP_LIMIT_MS = 3000
const API_PORT_TRIES = 20

/**
 * Starts everything: servers, topics and collections, services. Then waits for the first bar.
 *
 * @throws CONFIG_INVALID, SERVER_MISSING, DATA_DIR_IN_USE, PORT_IN_USE, SERVER_FAILED, ABORTED;
 *   nothing is left running then
 */
export async function startStack(config: StackConfig, context: StackContext): Promise<Stack> {
  const { progress, startedMs, signal, onFinal } = context
  const named = databaseIn(config.mongo.uri ?? '')
  const { database: used } = config.mongo
  if (named !== undefined && named !== used) {
    progress.warn(`MONGODB_DB wins: database '${used}' is used, not '${named}' of MONGODB_URI`)
  }
  const reserved = await reserveApiPort(config)
  const servers = await startServers(config, { progress, signal }).catch(async (error: unknown) => {
    await reserved.release()
    throw error
  })
  let services: Services | undefined
  let grafana: StackGrafana | undefined
  const close = async (): Promise<void> => {
    await Promise.all([
      grafana?.stop(SERVICES_STOP_LIMIT_MS),
      services?.close(SERVICES_STOP_LIMIT_MS)
    ])
    await servers.close(SERVERS_STOP_LIMIT_MS)
  }
  try {
    const brokers = servers.kafka.address()
    const mongoUri = servers.mongod.address()
    const database = await openDatabase({ ...config.mongo, uri: mongoUri }, { maxPoolSize: 2 })
    try {
      const partitions = await prepare(config, brokers, database)
      progress.say(`Topic ${config.topic} has ${partitions} partitions; collections exist`)
      const ports = await chooseServicePorts(servers.ports, config.env, reserved.port)
      const { mariadbUrl: url } = servers
      const plans = planServices(config, { brokers, mongoUri, mariadbUrl: url }, ports)
      await writeTargets(config.dataDir, plans)
      const sinceMs = Date.now()
      await reserved.release() // as late as possible, because another stack may look for a port
      const { guard, troubles } = servers
      const site = { ...config, progress, guard, troubles }
      services = await startServices(plans, site, { signal, onFinal })
      const apiUrl = pageUrl(config.apiHost, reserved.port)
      grafana = await startGrafana(config, { ...site, ports: servers.ports, apiUrl })
      progress.say('Waiting for the first bar')
      const hasBar = await waitForBar(database, sinceMs, FIRST_BAR_LIMIT_MS[config.feed], signal)
      const first = hasBar
        ? { firstBarMs: performance.now() - startedMs }
        : { firstBarMs: undefined, feedText: await feedTextOf(database, sinceMs) }
      return {
        screen: screenOf(config, servers, services, { apiUrl, grafana: grafana.text, ...first }),
        close
      }
    } finally {
      await database.close()
    }
  } catch (error) {
    await reserved.release()
    await close()
    throw error
  }
}

/** Where a Prometheus finds the services, whose ports are chosen at the first start: grafana/prometheus. */
async function writeTargets(dataDir: string, plans: readonly ServicePlan[]): Promise<void> {
  const file = path.join(dataDir, 'prometheus-targets.json')
  await writeFile(`${file}.new`, scrapeTargets(plans))
  await rename(`${file}.new`, file)
}

/** API_PORT if it is set, otherwise the first free port from 8080 on. */
async function reserveApiPort({
  apiHost,
  apiPort,
  isApiPortGiven
}: StackConfig): Promise<ReservedPort> {
  const reserved = await reservePort(apiHost, apiPort, isApiPortGiven ? 1 : API_PORT_TRIES)
  if (reserved !== undefined) return reserved
  throw new TapedeckError(
    'PORT_IN_USE',
    `Cannot start: API_PORT ${apiPort} on ${apiHost} is in use, expected a free port`
  )
}

/** Creates topics and collections; returns the number of partitions of raw_data. */
async function prepare(config: StackConfig, brokers: string, database: Database): Promise<number> {
  const { topic, topics } = config
  const ours = { brokers: brokers.split(','), topic, topics, ssl: false, sasl: undefined }
  const [partitions] = await Promise.all([
    ensureTopics(config.kafka ?? ours),
    ensureCollections(database, config.mongo)
  ])
  return partitions
}

const LOOK_EVERY_MS = 100
const FEED_LIMIT_MS = 2000
/** New bars are among the newest documents; only so many are read, however large the collection is. */
const NEWEST = 500

/** False when no bar was stored between `sinceMs` (epoch) and the limit: a live market may be closed. */
async function waitForBar(
  { bars }: Database,
  sinceMs: number,
  limitMs: number,
  signal: AbortSignal
): Promise<boolean> {
  const deadlineMs = Date.now() + limitMs
  while (Date.now() < deadlineMs) {
    const newest = bars
      .find({}, { projection: { updatedAt: 1 } })
      .sort({ $natural: -1 })
      .limit(NEWEST)
    for await (const { updatedAt } of newest) {
      // A bar that was put in by hand may lack it.
      if (updatedAt instanceof Date && updatedAt.getTime() >= sinceMs) return true
    }
    await systemClock.delay(LOOK_EVERY_MS, signal)
  }
  return false
}

/** What a producer has said of its feed since `sinceMs` (epoch); undefined when none has, or the database is away. */
async function feedTextOf(database: Database, sinceMs: number): Promise<string | undefined> {
  const feeds = await findFeeds(database, FEED_LIMIT_MS).catch(() => [])
  const feed = feeds.find(({ updatedAt }) => updatedAt.getTime() >= sinceMs)
  return feed && withWarnings(feed.explanation, feed.warnings ?? [])
}

function screenOf(
  config: StackConfig,
  servers: Servers,
  services: Services,
  known: { readonly apiUrl: string } & Pick<Screen, 'firstBarMs' | 'feedText' | 'grafana'>
): string {
  const { apiUrl, ...rest } = known
  return renderScreen({
    feed: config.feed,
    symbols: config.symbols,
    rows: [
      ...[servers.kafka, servers.mongod, servers.mariadb].flatMap((group) =>
        (group?.nodes ?? []).map((node) => {
          const { pid, address, description } = node.current()
          return { name: node.name, pid, address, note: description }
        })
      ),
      ...services.list.map((one) => {
        const { pid, plan } = one.current()
        return { name: plan.name, pid, address: plan.address }
      })
    ],
    pageUrl: apiUrl,
    mongoUri: withDatabase(servers.mongod.address(), config.mongo.database),
    logDir: path.join(config.dataDir, 'logs'),
    ...rest
  })
}

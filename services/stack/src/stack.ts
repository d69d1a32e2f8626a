import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'
import { ensureTopics } from '@tapedeck/kafka'
import { ensureCollections, openDatabase, type Database } from '@tapedeck/mongo'
import type { StackConfig } from './config.ts'
import { kafkaConfigOf } from './external-servers.ts'
import { waitForBar } from './first-bar.ts'
import { reservePort, type PortMemory, type ReservedPort } from './ports.ts'
import type { Progress } from './progress.ts'
import { renderScreen } from './screen.ts'
import { startServers, type Servers } from './servers.ts'
import { pageUrl, planServices, type ServicePorts } from './service-plan.ts'
import { startServices, type Services } from './services.ts'

export interface StackContext {
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Hears of a service that is not started again; the stack should be closed then. */
  readonly onFinal: (error: TapedeckError) => void
}

export interface Stack {
  readonly servers: Servers
  readonly services: Services
  readonly pageUrl: string
  /** What a person is shown once all is up. */
  readonly screen: string
  /** From the call to the first stored bar, ms; undefined: none yet. */
  readonly firstBarMs: number | undefined
  /** Services first, then servers; in less than ten seconds. */
  close(): Promise<void>
}

const FIRST_BAR_LIMIT_MS = { simulated: 60_000, live: 20_000 } as const
const SERVICES_STOP_LIMIT_MS = 5000
const SERVERS_STOP_LIMIT_MS = 3000
const API_PORT_TRIES = 20

/**
 * Brings up everything: servers, topics and collections, services; then waits for the first bar.
 *
 * @throws CONFIG_INVALID, SERVER_MISSING, DATA_DIR_IN_USE, PORT_IN_USE, SERVER_FAILED, ABORTED;
 *   nothing is left running then
 */
export async function startStack(config: StackConfig, context: StackContext): Promise<Stack> {
  const { progress, signal, onFinal } = context
  const beganMs = performance.now()
  const reserved = await reserveApiPort(config)
  const apiPort = reserved.port
  const servers = await startServers(config, { progress, signal }).catch(async (error: unknown) => {
    await reserved.release()
    throw error
  })
  let services: Services | undefined
  const close = async (): Promise<void> => {
    await services?.close(SERVICES_STOP_LIMIT_MS)
    await servers.close(SERVERS_STOP_LIMIT_MS)
  }
  try {
    const brokers = servers.kafka.current().address
    const mongoUri = servers.mongod.current().address
    const database = await openDatabase({ ...config.mongo, uri: mongoUri }, { maxPoolSize: 2 })
    try {
      const partitions = await prepare(config, brokers, database)
      progress.say(`Topic ${config.topic} has ${partitions} partitions; collections are there`)
      const plans = planServices(
        config,
        { brokers, mongoUri },
        { ...(await chooseServicePorts(servers.ports, config)), api: apiPort }
      )
      const sinceMs = Date.now()
      await reserved.release() // as late as can be: another stack may be looking for a port
      const site = { ...config, progress, lock: servers.lock }
      services = await startServices(plans, site, { signal, onFinal })
      progress.say('Waiting for the first bar')
      const limitMs = FIRST_BAR_LIMIT_MS[config.feed]
      const hasBar = await waitForBar(database, sinceMs, { limitMs, signal })
      const firstBarMs = hasBar ? performance.now() - beganMs : undefined
      const screen = describe(config, servers, services, apiPort, firstBarMs)
      return {
        servers,
        services,
        pageUrl: pageUrl(config.apiHost, apiPort),
        screen,
        firstBarMs,
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

async function prepare(config: StackConfig, brokers: string, database: Database): Promise<number> {
  const [partitions] = await Promise.all([
    ensureTopics(kafkaConfigOf(config, brokers)),
    ensureCollections(database, config.mongo)
  ])
  return partitions
}

/** The port asked for, or the first free one from 8080 on when none was asked for. */
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

async function chooseServicePorts(
  ports: PortMemory,
  { env }: StackConfig
): Promise<Omit<ServicePorts, 'api'>> {
  const choose = async (name: string, variable: string): Promise<number> => {
    const given = Number(env[variable] ?? 0)
    return Number.isInteger(given) && given > 0 ? given : ports.choose(name)
  }
  return {
    simulator: await choose('simulator', 'SIMULATOR_PORT'),
    simulatorHealth: await choose('simulator-health', 'SIMULATOR_HEALTH_PORT'),
    producer: await choose('producer', 'PRODUCER_PORT'),
    consumer: await choose('consumer', 'CONSUMER_PORT')
  }
}

function describe(
  config: StackConfig,
  servers: Servers,
  services: Services,
  apiPort: number,
  firstBarMs: number | undefined
): string {
  const kafka = servers.kafka.current()
  const mongod = servers.mongod.current()
  return renderScreen({
    feed: config.feed,
    symbols: config.symbols,
    rows: [
      { name: 'Kafka', pid: kafka.pid, address: kafka.address, note: kafka.description },
      { name: 'MongoDB', pid: mongod.pid, address: mongod.address, note: mongod.description },
      ...services.list.map((one) => {
        const { name, pid, plan } = one.current()
        return { name, pid, address: plan.address }
      })
    ],
    pageUrl: pageUrl(config.apiHost, apiPort),
    mongoUri: withDatabase(mongod.address, config.mongo.database),
    logDir: path.join(config.dataDir, 'logs'),
    firstBarMs
  })
}

/** The URI with the database's name as its path, unless it has one. */
export function withDatabase(uri: string, database: string): string {
  const match = /^(mongodb(?:\+srv)?:\/\/[^/?]+)\/?([^?]*)(\?.*)?$/.exec(uri)
  if (match === null || match[2] !== '') return uri
  return `${match[1]}/${database}${match[3] ?? ''}`
}

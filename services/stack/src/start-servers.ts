import { hasCode } from '@tapedeck/core'
import type { StackConfig } from './config.ts'
import { dockerStep, startKafkaContainer, startMongoContainer, type Docker } from './docker.ts'
import { externalKafka, externalMongo } from './external-servers.ts'
import { kafkaSteps, type KafkaProgram } from './find-kafka.ts'
import { mongodSteps, type Mongod } from './find-mongod.ts'
import { firstFound } from './first-found.ts'
import { startKafka } from './kafka-server.ts'
import { startMongod } from './mongod-server.ts'
import { isFree } from './ports.ts'
import type { RunningServer } from './running-server.ts'
import type { Search } from './search.ts'
import type { ServerSite } from './server-site.ts'

const PORT_TRIES = 3

/** Starts a server for the first time, and knows how to start it again at the same address. */
export interface StartedServer {
  readonly server: RunningServer
  readonly again: (signal: AbortSignal) => Promise<RunningServer>
}

/**
 * The broker to use: the user's own, or one found or fetched and started here.
 *
 * @throws SERVER_MISSING with every reason and the remedy; SERVER_FAILED when it does not start
 */
export async function bringUpKafka(
  config: StackConfig,
  search: Search,
  site: ServerSite
): Promise<StartedServer> {
  const { progress } = search
  if (config.kafka !== undefined) return sameAgain(await externalKafka(config.kafka))
  const found = await firstFound<KafkaProgram | Docker>(
    'a Kafka broker',
    [
      ...(config.mode === 'docker' ? [] : kafkaSteps(search)),
      ...(config.mode === 'embedded' ? [] : [dockerStep])
    ],
    { signal: site.signal, remedy: KAFKA_REMEDY, progress }
  )
  const program = found.value
  if (program.kind === 'docker') {
    progress.say('Starting Kafka in Docker')
    return { server: await startKafkaContainer(), again: () => startKafkaContainer() }
  }
  progress.say(`Starting Kafka ${program.version} (${found.from})`)
  const { value: ports, server } = await onFreePorts(
    async () => ({
      broker: await site.ports.choose('kafka', site.preferredPorts ? 29092 : undefined),
      controller: await site.ports.choose(
        'kafka-controller',
        site.preferredPorts ? 29093 : undefined
      )
    }),
    (chosen) => startKafka(program, chosen, site),
    async ({ broker, controller }) => {
      if (!(await isFree(broker))) site.ports.forget('kafka')
      else if (!(await isFree(controller))) site.ports.forget('kafka-controller')
      else return false
      return true
    }
  )
  progress.say(`Kafka answers at ${server.address}`)
  return { server, again: (signal) => startKafka(program, ports, { ...site, signal }) }
}

/** The database to use; as bringUpKafka. */
export async function bringUpMongod(
  config: StackConfig,
  search: Search,
  site: ServerSite
): Promise<StartedServer> {
  const { progress } = search
  if (config.mongo.uri !== undefined) {
    return sameAgain(await externalMongo({ ...config.mongo, uri: config.mongo.uri }))
  }
  const found = await firstFound<Mongod | Docker>(
    'a MongoDB server',
    [
      ...(config.mode === 'docker' ? [] : mongodSteps(search)),
      ...(config.mode === 'embedded' ? [] : [dockerStep])
    ],
    { signal: site.signal, remedy: MONGOD_REMEDY, progress }
  )
  const program = found.value
  if (program.kind === 'docker') {
    progress.say('Starting MongoDB in Docker')
    return { server: await startMongoContainer(), again: () => startMongoContainer() }
  }
  progress.say(`Starting MongoDB ${program.version} (${found.from})`)
  const { value: port, server } = await onFreePorts(
    () => site.ports.choose('mongod', site.preferredPorts ? 27117 : undefined),
    (chosen) => startMongod(program, chosen, site),
    async (chosen) => {
      if (await isFree(chosen)) return false
      site.ports.forget('mongod')
      return true
    }
  )
  progress.say(`MongoDB answers at ${server.address}`)
  return { server, again: (signal) => startMongod(program, port, { ...site, signal }) }
}

const KAFKA_REMEDY =
  'Set KAFKA_BROKERS to a broker of yours, or install Java 17 and Maven (apt-get install openjdk-17-jre-headless maven), or start Docker'
const MONGOD_REMEDY =
  'Set MONGODB_URI to a server of yours, or MONGOD_BIN to a mongod 5.0 or later, or install Python 3 with pip, or start Docker'

/** A port that is free when chosen may be taken before the server has it: then another is chosen. */
async function onFreePorts<P>(
  choose: () => Promise<P>,
  start: (ports: P) => Promise<RunningServer>,
  forgetTaken: (ports: P) => Promise<boolean>
): Promise<{ value: P; server: RunningServer }> {
  for (let attempt = 1; ; attempt++) {
    const value = await choose()
    try {
      return { value, server: await start(value) }
    } catch (error) {
      const isWorthARetry = hasCode(error, 'SERVER_FAILED') && attempt < PORT_TRIES
      if (!isWorthARetry || !(await forgetTaken(value))) throw error
    }
  }
}

function sameAgain(server: RunningServer): StartedServer {
  return { server, again: () => Promise.resolve(server) }
}

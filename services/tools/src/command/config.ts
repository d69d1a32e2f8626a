import { readFileSync } from 'node:fs'
import path from 'node:path'
import { hasCode, optional, readEnv, secret, TapedeckError, text, type Env } from '@tapedeck/core'
import { RULE_VARIABLES, rulesOf, type Rules } from '@tapedeck/domain'
import { KAFKA_VARIABLES, kafkaConfig, pingBroker, type KafkaConfig } from '@tapedeck/kafka'
import {
  ensureCollections,
  MONGO_VARIABLES,
  mongoConfig,
  openDatabase,
  type UnreadableDocument,
  type Database,
  type MongoConfig
} from '@tapedeck/mongo'

/** A server that a command uses, by its name in `ports.json`. */
type Server = 'kafka' | 'mongod'

/** The variable with the address of each server, and those that belong to that address. */
const ADDRESSES = {
  kafka: {
    name: 'Kafka',
    variable: 'KAFKA_BROKERS',
    scheme: '',
    credentials: ['KAFKA_SSL', 'KAFKA_USERNAME', 'KAFKA_PASSWORD']
  },
  mongod: {
    name: 'MongoDB',
    variable: 'MONGODB_URI',
    scheme: 'mongodb://',
    credentials: ['MONGODB_USERNAME', 'MONGODB_PASSWORD']
  }
} as const

/** The settings of a command that uses the database, for its help. */
export const DATABASE_SETTINGS = {
  MONGODB_URI: 'your own server; without it that of the running npm start',
  MONGODB_DB: 'the database',
  TAPEDECK_DATA_DIR: 'the data folder of that npm start'
} as const

/** For commands that use the database, under the rules of the consumer. */
export interface DatabaseConfig {
  readonly rules: Rules
  readonly mongo: MongoConfig
  /** Where the address was found, for messages. */
  readonly mongoFrom: string
}

/** For commands that use the topics alone. */
export interface TopicConfig {
  readonly kafka: KafkaConfig
  /** Where the address was found, for messages. */
  readonly kafkaFrom: string
  /** What the producer would write as the feed's name. */
  readonly feed: string
}

/** @throws CONFIG_INVALID with every mistake; SERVER_MISSING when no address is found */
export function readDatabaseConfig(env: Env): DatabaseConfig {
  const located = locate('mongod', env)
  const values = readEnv(located.env, { ...MONGO_VARIABLES, ...RULE_VARIABLES })
  return { rules: rulesOf(values), mongo: mongoConfig(values), mongoFrom: located.from }
}

/** @throws CONFIG_INVALID with every mistake; SERVER_MISSING when no address is found */
export function readTopicConfig(env: Env): TopicConfig {
  const located = locate('kafka', env)
  const values = readEnv(located.env, {
    ...KAFKA_VARIABLES,
    FEED_NAME: optional(text()),
    FINNHUB_TOKEN: optional(secret())
  })
  const feed = values.FEED_NAME ?? (values.FINNHUB_TOKEN === undefined ? 'simulated' : 'finnhub')
  return { kafka: kafkaConfig(values), kafkaFrom: located.from, feed }
}

const REACH_LIMIT_MS = 5000

/** @throws SERVER_MISSING when no broker answers; the message says where the address came from */
export async function reachBroker({ kafka, kafkaFrom }: TopicConfig): Promise<void> {
  try {
    await pingBroker(kafka, REACH_LIMIT_MS)
  } catch (cause) {
    throw new TapedeckError(
      'SERVER_MISSING',
      `Cannot reach Kafka at ${kafka.brokers.join(', ')} (from ${kafkaFrom}), expected a broker: is npm start running?`,
      { cause }
    )
  }
}

/**
 * Opens the database for `work`, and closes it afterwards.
 * @throws SERVER_MISSING when it cannot be reached; the message says where the address came from
 */
export async function withDatabase<T>(
  { mongo, mongoFrom }: DatabaseConfig,
  work: (database: Database) => Promise<T>
): Promise<T> {
  const database = await openDatabase(mongo, {
    appName: 'tapedeck-tools',
    unreadable: warn()
  }).catch((cause: unknown) => {
    if (!hasCode(cause, 'DATABASE_UNREACHABLE')) throw cause
    throw new TapedeckError(
      'SERVER_MISSING',
      `${cause.message} (from ${mongoFrom}): is npm start running?`,
      { cause }
    )
  })
  try {
    await ensureCollections(database)
    return await work(database)
  } finally {
    await database.close()
  }
}

const MOST_WARNED = 20

/** Warns of the first documents that cannot be read. */
function warn(): (found: UnreadableDocument) => void {
  let count = 0
  return ({ collection, id, problem }) => {
    count++
    if (count > MOST_WARNED) return
    const more = count === MOST_WARNED ? '; further ones are not named' : ''
    process.stderr.write(`left out: ${collection} '${id}': ${problem}${more}\n`)
  }
}

/**
 * The environment with the address of a server. Where it has none, the server of the `npm start` that
 * runs from TAPEDECK_DATA_DIR is used. That one has no credentials, so those for other servers are
 * removed.
 */
function locate(server: Server, env: Env): { readonly env: Env; readonly from: string } {
  const { name, variable, scheme, credentials } = ADDRESSES[server]
  if ((env[variable] ?? '').trim() !== '') return { env, from: variable }
  const { TAPEDECK_DATA_DIR } = readEnv(env, { TAPEDECK_DATA_DIR: text('./.data', 'a folder') })
  const file = path.join(TAPEDECK_DATA_DIR, 'ports.json')
  const port = portOf(server, file)
  if (port === undefined) {
    throw new TapedeckError(
      'SERVER_MISSING',
      `Cannot find ${name}: ${variable} is not set and ${file} names no port, ` +
        `expected ${variable}, or the TAPEDECK_DATA_DIR of a running npm start`
    )
  }
  const without = Object.fromEntries(credentials.map((one) => [one, undefined]))
  return { env: { ...env, ...without, [variable]: `${scheme}127.0.0.1:${port}` }, from: file }
}

function portOf(server: Server, file: string): number | undefined {
  try {
    const port = (JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<Server, unknown>>)[
      server
    ]
    return typeof port === 'number' ? port : undefined
  } catch {
    return undefined // no file, or a damaged one: no stack has run from this folder
  }
}

import {
  hasCode,
  locateServer,
  optional,
  readEnv,
  secret,
  TapedeckError,
  text,
  type Env
} from '@tapedeck/core'
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
  const located = locateServer('mongod', env)
  const values = readEnv(located.env, { ...MONGO_VARIABLES, ...RULE_VARIABLES })
  return { rules: rulesOf(values), mongo: mongoConfig(values), mongoFrom: located.from }
}

/** @throws CONFIG_INVALID with every mistake; SERVER_MISSING when no address is found */
export function readTopicConfig(env: Env): TopicConfig {
  const located = locateServer('kafka', env)
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

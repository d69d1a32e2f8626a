import path from 'node:path'
import {
  about,
  choice,
  duration,
  optional,
  readEnv,
  secret,
  TapedeckError,
  text,
  whole,
  url,
  type Env,
  type Secret
} from '@tapedeck/core'
import { FREE_PLAN_SYMBOLS, planLimit, symbolsVariable } from '@tapedeck/domain'
import {
  brokersVariable,
  KAFKA_VARIABLES,
  kafkaConfig,
  topicSettings,
  type KafkaConfig,
  type TopicSettings
} from '@tapedeck/kafka'
import { ALERT_VARIABLES } from '@tapedeck/grafana/contact-point'
import { MARIADB_VARIABLES, type MariadbConfig } from '@tapedeck/mariadb'
import { MONGO_VARIABLES, mongoConfig, type MongoConfig } from '@tapedeck/mongo'
import { cacheDirOf, cachesCompiled, withoutEmpty } from './cache-dir.ts'

type StackMode = 'auto' | 'external' | 'embedded' | 'docker'

export interface StackConfig {
  readonly mode: StackMode
  /** How many brokers and how many databases are started here: 1, or 3 that replicate. */
  readonly nodes: number
  /** Absolute. Downloads, shared by all checkouts of a user. */
  readonly cacheDir: string
  /** Absolute. Everything one stack writes. */
  readonly dataDir: string
  /** The user's own broker; undefined: one is found and started. */
  readonly kafka: KafkaConfig | undefined
  readonly topic: string
  /** How the stack creates the topics on its own brokers. */
  readonly topics: TopicSettings
  /** The user's own database when `uri` is set. */
  readonly mongo: Omit<MongoConfig, 'uri'> & { readonly uri: string | undefined }
  /** The relational database: the user's own, or one that is started here; neither unless it is asked for. */
  readonly mariadb: { readonly own: MariadbConfig | undefined; readonly isEmbedded: boolean }
  readonly symbols: readonly string[]
  readonly feed: 'simulated' | 'live'
  /** How long a process may do nothing before its start counts as failed; see StartLimit. */
  readonly startLimitMs: number
  readonly apiHost: string
  readonly apiPort: number
  /** Whether the user set the port. */
  readonly isApiPortGiven: boolean
  readonly grafana: {
    /** Its home folder; `off`: none is started; undefined: it is looked for. */
    readonly home: string | undefined
    /** Undefined: 3000, or another that is free. */
    readonly port: number | undefined
    /** With which it asks the api. */
    readonly apiToken: Secret | undefined
    /** Where its alerts are posted. */
    readonly alertWebhook: Secret | undefined
  }
  /** The environment of every child process: that of the stack, with Node's compile cache, which saves time and memory. */
  readonly env: Env
}

export const STACK_VARIABLES = {
  STACK: about(
    'Where servers come from: auto, external (yours), embedded (downloaded) or docker',
    choice('auto', ['auto', 'external', 'embedded', 'docker'])
  ),
  STACK_NODES: about(
    'Brokers and databases that `npm start` runs: 1, or 3 that replicate one another',
    choice('1', ['1', '3'])
  ),
  STACK_MARIADB: about(
    'Whether `npm start` runs a MariaDB for positions (149 MB to fetch): off or embedded',
    choice('off', ['off', 'embedded'])
  ),
  TAPEDECK_CACHE_DIR: about(
    'Folder of downloads, shared by all checkouts',
    optional(text(undefined, 'a folder')),
    "the user's cache folder"
  ),
  TAPEDECK_DATA_DIR: text('./.data', 'a folder'),
  ...KAFKA_VARIABLES,
  KAFKA_BROKERS: optional(brokersVariable()),
  ...MONGO_VARIABLES,
  MONGODB_URI: optional(MONGO_VARIABLES.MONGODB_URI),
  ...MARIADB_VARIABLES,
  FINNHUB_TOKEN: optional({ ...text(undefined, 'a token'), secret: true }),
  FINNHUB_URL: optional(url(undefined, ['ws:', 'wss:'])),
  FINNHUB_MAX_SYMBOLS: whole(FREE_PLAN_SYMBOLS, 1, 10_000),
  KAFKA_HOME: about("Kafka's folder with libs/, if it is installed", optional(text())),
  MONGOD_BIN: about('The mongod program, if it is installed', optional(text())),
  START_LIMIT: about(
    'How long a server or service may do nothing before its start counts as failed; ten times that in all',
    duration(60_000, 1000)
  ),
  JAVA_HOME: about('A Java 17 or newer, if it is not on PATH', optional(text())),
  GRAFANA_HOME: about(
    "Grafana's home folder, for `npm start`, if it is not a usual one; `off`: none is started",
    optional(text(undefined, 'a folder'))
  ),
  GRAFANA_PORT: optional(whole(undefined, 1, 65_535)),
  TAPEDECK_API_TOKEN: optional(secret()),
  ...ALERT_VARIABLES,
  API_HOST: text('127.0.0.1', 'a host name or address'),
  API_PORT: optional(whole(undefined, 1, 65_535))
} as const

/** The settings that decide which servers are used, for the help of the commands. */
export const SERVER_SETTINGS = {
  KAFKA_BROKERS: 'your own broker, host:port; without it one is found and started',
  MONGODB_URI: 'your own database, mongodb://host:port; the same',
  STACK: 'where servers come from: auto, external (yours), embedded (downloaded) or docker',
  STACK_NODES: 'brokers and databases: 1, or 3 that replicate one another',
  STACK_MARIADB: 'embedded: a MariaDB for positions too (off)',
  TAPEDECK_CACHE_DIR: "where downloads go (the user's cache folder)",
  TAPEDECK_DATA_DIR: 'where data, logs and ports go (./.data)'
} as const

const DEFAULT_API_PORT = 8080

/**
 * What the stack itself reads; the services read the rest from the same environment.
 * @throws CONFIG_INVALID with every mistake at once
 */
export function readConfig(env: Env): StackConfig {
  const values = readEnv(env, {
    ...STACK_VARIABLES,
    SYMBOLS: symbolsVariable(planLimit(env['FINNHUB_MAX_SYMBOLS']))
  })
  const { KAFKA_BROKERS, MONGODB_URI, STACK } = values
  if (STACK === 'external' && (KAFKA_BROKERS === undefined || MONGODB_URI === undefined)) {
    const missing = [
      ...(KAFKA_BROKERS === undefined ? ['KAFKA_BROKERS'] : []),
      ...(MONGODB_URI === undefined ? ['MONGODB_URI'] : [])
    ]
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot start: STACK is external and ${missing.join(' and ')} not set, expected the addresses of your servers`
    )
  }
  return Object.freeze({
    mode: STACK,
    nodes: Number(values.STACK_NODES),
    cacheDir: cacheDirOf(env),
    dataDir: path.resolve(values.TAPEDECK_DATA_DIR),
    kafka: KAFKA_BROKERS === undefined ? undefined : kafkaConfig({ ...values, KAFKA_BROKERS }),
    topic: values.KAFKA_TOPIC,
    topics: topicSettings(values),
    mongo: { ...mongoConfig({ ...values, MONGODB_URI: MONGODB_URI ?? '' }), uri: MONGODB_URI },
    mariadb: { own: values.MARIADB_URL, isEmbedded: values.STACK_MARIADB === 'embedded' },
    symbols: values.SYMBOLS,
    feed: feedOf(env),
    startLimitMs: values.START_LIMIT,
    apiHost: values.API_HOST,
    apiPort: values.API_PORT ?? DEFAULT_API_PORT,
    isApiPortGiven: values.API_PORT !== undefined,
    grafana: {
      home: values.GRAFANA_HOME,
      port: values.GRAFANA_PORT,
      apiToken: values.TAPEDECK_API_TOKEN,
      alertWebhook: values.GRAFANA_ALERT_WEBHOOK
    },
    env: cachesCompiled(withoutEmpty(env))
  })
}

/** Simulated unless a key, another address or another vendor is set. */
export function feedOf(env: Env): StackConfig['feed'] {
  const isSet = (name: string): boolean => (env[name] ?? '').trim() !== ''
  const isAlpaca = env['FEED']?.trim().toLowerCase() === 'alpaca'
  return isAlpaca || isSet('FINNHUB_TOKEN') || isSet('FINNHUB_URL') ? 'live' : 'simulated'
}

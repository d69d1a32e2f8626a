import {
  about,
  duration,
  durations,
  hasCode,
  messageOf,
  optional,
  secret,
  TapedeckError,
  text,
  withTimeout,
  type Secret,
  type Values,
  type Variable
} from '@tapedeck/core'
import { timeframeProblem, type Timeframe } from '@tapedeck/domain'
import {
  MongoClient,
  MongoError,
  MongoServerError,
  type Db,
  type TopologyDescription
} from 'mongodb'
import { AMENDMENTS } from './amendments.ts'
import { BARS } from './bars.ts'
import { CHECKPOINTS } from './checkpoint.ts'
import { DECISIVE_READS } from './collection.ts'
import { translated } from './failure.ts'
import { FEED_GAPS } from './feed-gaps.ts'
import { FEED_STATUS } from './feed-status.ts'
import { FORECAST_ABSENCES, FORECAST_EVENTS } from './forecast-events.ts'
import { FORECAST_SCORES } from './forecast-scores.ts'
import { FORECAST_SERIES } from './forecast-series.ts'
import { FORECASTS } from './forecasts.ts'
import { REST_SNAPSHOTS } from './rest-snapshots.ts'
import { RUN_REQUESTS } from './run-requests.ts'
import { SCHEDULES } from './schedules.ts'
import type { HasReport } from './shape.ts'
import { IMPORTS } from './imports.ts'
import { LATE_TRADES } from './late-trades.ts'
import { LEASES } from './lease.ts'
import { RUNS } from './runs.ts'
import { SUBSCRIPTIONS, SYMBOLS } from './symbols.ts'
import { TASK_RUNS } from './task-runs.ts'
import { applyRetention, type Retention } from './retention.ts'
import { TRADES } from './trades.ts'

function mongoUri(): Variable<string> {
  return {
    fallback: undefined,
    required: true,
    secret: true,
    expected: 'mongodb://[user:password@]host:port[/…] or mongodb+srv://…',
    parse: (found) => (/^mongodb(\+srv)?:\/\/[^\s]+$/.test(found) ? found : undefined)
  }
}

const DAY_MS = 86_400_000

/** A bar that may still change must stay, so a day is the least. */
function barsTtl(): Variable<ReadonlyMap<Timeframe, number>> {
  const expected = 'timeframe=duration[,…] such as 1s=7d,5s=30d, each at least 1d'
  return durations((name) => timeframeProblem(name) === undefined, expected, DAY_MS)
}

/** The environment variables of every service that connects to MongoDB. */
export const MONGO_VARIABLES = {
  MONGODB_URI: about('Your own MongoDB server', mongoUri(), '`npm start` runs one'),
  MONGODB_DB: about('Database', optional(databaseName()), 'the one in MONGODB_URI, or tapedeck'),
  MONGODB_USERNAME: about('User of your server', optional(text())),
  MONGODB_PASSWORD: about('Password of that user', optional(secret())),
  TRADES_TTL: about(
    'MongoDB removes trades older than this, such as `30d`',
    optional(duration(undefined, 60_000)),
    'kept permanently'
  ),
  LATE_TRADES_TTL: about(
    'The same for trades that are in no bar, by the time they were received',
    optional(duration(undefined, 60_000)),
    'kept permanently'
  ),
  BARS_TTL: about(
    'The same for bars by timeframe, such as `1s=7d,5s=30d`; the others are kept',
    optional(barsTtl()),
    'kept permanently'
  ),
  FORECASTS_TTL: about(
    'The same for forecasts, by the end of the bar that they forecast',
    optional(duration(undefined, DAY_MS)),
    'kept permanently'
  ),
  SNAPSHOTS_TTL: about(
    'The same for answers of APIs, such as quotes; the lake keeps them',
    duration(2 * DAY_MS, 60_000)
  )
} as const

export interface MongoConfig {
  readonly uri: string
  readonly database: string
  readonly username: string | undefined
  readonly password: Secret | undefined
  readonly tradesTtlMs: number | undefined
  readonly lateTradesTtlMs?: number | undefined
  readonly barsTtlMs?: ReadonlyMap<Timeframe, number> | undefined
  readonly forecastsTtlMs?: number | undefined
  readonly snapshotsTtlMs?: number | undefined
}

const DEFAULT_DATABASE = 'tapedeck'
/** Databases of the server itself: in an address they say where users are kept. */
const SYSTEM_DATABASES: readonly string[] = ['admin', 'local', 'config']

/** MONGODB_DB wins over the database that the address names. */
export function mongoConfig(values: Values<typeof MONGO_VARIABLES>): MongoConfig {
  return {
    uri: values.MONGODB_URI,
    database: values.MONGODB_DB ?? databaseIn(values.MONGODB_URI) ?? DEFAULT_DATABASE,
    username: values.MONGODB_USERNAME,
    password: values.MONGODB_PASSWORD,
    tradesTtlMs: values.TRADES_TTL,
    lateTradesTtlMs: values.LATE_TRADES_TTL,
    barsTtlMs: values.BARS_TTL,
    forecastsTtlMs: values.FORECASTS_TTL,
    snapshotsTtlMs: values.SNAPSHOTS_TTL
  }
}

/** The database that an address names for data; undefined when it names none, or one of the server's own. */
export function databaseIn(uri: string): string | undefined {
  const name = /^mongodb(?:\+srv)?:\/\/[^/?]+\/([^?]+)/.exec(uri)?.[1]
  return name === undefined || SYSTEM_DATABASES.includes(name) ? undefined : name
}

function databaseName(): Variable<string> {
  const expected = 'a database name without blanks and / \\ . " $, 63 characters at most'
  const name = text(undefined, expected)
  return { ...name, parse: (found) => (/^[^\s/\\."$\0]{1,63}$/.test(found) ? found : undefined) }
}

/** Every collection but those that one run of a tool makes; each file declares its own. */
const COLLECTIONS = {
  trades: TRADES,
  lateTrades: LATE_TRADES,
  amendments: AMENDMENTS,
  bars: BARS,
  forecasts: FORECASTS,
  forecastSeries: FORECAST_SERIES,
  forecastScores: FORECAST_SCORES,
  forecastEvents: FORECAST_EVENTS,
  forecastAbsences: FORECAST_ABSENCES,
  symbols: SYMBOLS,
  subscriptions: SUBSCRIPTIONS,
  checkpoints: CHECKPOINTS,
  leases: LEASES,
  feedGaps: FEED_GAPS,
  feedStatus: FEED_STATUS,
  imports: IMPORTS,
  runs: RUNS,
  taskRuns: TASK_RUNS,
  schedules: SCHEDULES,
  runRequests: RUN_REQUESTS,
  restSnapshots: REST_SNAPSHOTS
} as const

type Collections = {
  readonly [Name in keyof typeof COLLECTIONS]: ReturnType<(typeof COLLECTIONS)[Name]['in']>
}

/** The collections by name, each of its document type. */
export interface Database extends Collections, HasReport {
  readonly db: Db
  /** A round trip to the server. @throws DATABASE_UNREACHABLE */
  ping(timeoutMs?: number): Promise<void>
  close(): Promise<void>
}

const ANSWER_MARGIN_MS = 500

/** A primary that answers no more is noticed after this and the connect timeout; the default is 10 s. */
const HEARTBEAT_MS = 2000

/**
 * Connects and checks that the server answers.
 * @throws DATABASE_UNREACHABLE after `timeoutMs`
 */
export async function openDatabase(
  config: MongoConfig,
  {
    appName = 'tapedeck',
    timeoutMs = 5000,
    maxPoolSize = 10,
    unreadable = () => undefined
  }: Partial<HasReport> & {
    readonly appName?: string
    readonly timeoutMs?: number
    readonly maxPoolSize?: number
  } = {}
): Promise<Database> {
  const client = new MongoClient(config.uri, {
    appName,
    maxPoolSize,
    serverSelectionTimeoutMS: timeoutMs,
    connectTimeoutMS: timeoutMs,
    heartbeatFrequencyMS: HEARTBEAT_MS,
    ...(config.username !== undefined && {
      auth: { username: config.username, password: config.password?.reveal() ?? '' }
    })
  })
  let nodes: TopologyDescription | undefined
  client.on('topologyDescriptionChanged', ({ newDescription }) => (nodes = newDescription))
  const db = client.db(config.database, DECISIVE_READS)
  const collections = Object.fromEntries(
    Object.entries(COLLECTIONS).map(([name, spec]) => [name, spec.in(db)])
  ) as unknown as Collections
  const database: Database = {
    ...collections,
    db,
    unreadable,
    async ping(pingTimeoutMs = timeoutMs) {
      try {
        // The driver's own failure says more than this limit, so it may come first.
        await withTimeout(db.command({ ping: 1 }), pingTimeoutMs + ANSWER_MARGIN_MS, 'The answer')
      } catch (cause) {
        const members = nodes !== undefined && nodes.servers.size > 1 ? ` (${wordsOf(nodes)})` : ''
        throw new TapedeckError(
          'DATABASE_UNREACHABLE',
          `Cannot reach MongoDB: ${messageOf(cause)}${members}, expected a server at MONGODB_URI`,
          { cause }
        )
      }
    },
    close: () => client.close()
  }
  try {
    await database.ping(timeoutMs)
  } catch (error) {
    await client.close().catch(() => undefined)
    throw error
  }
  return database
}

const NODE_WORDS: Readonly<Record<string, string>> = {
  RSPrimary: 'primary',
  RSSecondary: 'secondary',
  Unknown: 'does not answer'
}

/** The members of a replica set and what each is. */
function wordsOf({ servers }: TopologyDescription): string {
  return [...servers.values()]
    .map(({ address, type }) => `${address} ${NODE_WORDS[type] ?? type}`)
    .join(', ')
}

/**
 * Creates the collections and indexes that do not exist; it may run at every start.
 * @param retention brings what expires, and when, to these settings; unless given, it stays as it is
 */
export async function ensureCollections(
  { db }: Pick<Database, 'db'>,
  retention?: Retention
): Promise<void> {
  const found = await db.listCollections({}, { nameOnly: true }).toArray()
  const existing = new Set(found.map(({ name }) => name))
  for (const spec of Object.values(COLLECTIONS)) {
    if (!existing.has(spec.name)) await spec.create(db)
    await spec.createIndexes(db)
  }
  if (retention !== undefined) await applyRetention(db, retention)
}

/** Error codes of refused credentials: MongoDB's and Atlas's. */
const CREDENTIALS_REFUSED: readonly unknown[] = [18, 8000]

/**
 * Opens the database like `openDatabase` and gives a mistake in the settings a code of its own.
 * @throws CONFIG_INVALID when the address is wrong or the credentials are refused; DATABASE_UNREACHABLE
 */
export async function connectDatabase(
  config: MongoConfig,
  options: Parameters<typeof openDatabase>[1] = {}
): Promise<Database> {
  try {
    return await openDatabase(config, options)
  } catch (error) {
    const problem = mistakeIn(error)
    if (problem === undefined) throw error
    throw new TapedeckError('CONFIG_INVALID', `Cannot use MongoDB: ${problem}`, { cause: error })
  }
}

/** Connects like `connectDatabase`, creates the collections and indexes that do not exist, and sets what expires. */
export async function connectPreparedDatabase(
  config: MongoConfig,
  options: Parameters<typeof openDatabase>[1] = {}
): Promise<Database> {
  const database = await connectDatabase(config, options)
  try {
    await translated('Cannot create the collections', () => ensureCollections(database, config))
    return database
  } catch (error) {
    await database.close().catch(() => undefined)
    throw error
  }
}

function mistakeIn(error: unknown): string | undefined {
  // The client parses the address before it connects.
  if (error instanceof MongoError) return `${error.message}, expected another MONGODB_URI`
  if (!hasCode(error, 'DATABASE_UNREACHABLE')) return undefined
  const { cause } = error
  const isRefused = cause instanceof MongoServerError && CREDENTIALS_REFUSED.includes(cause.code)
  return isRefused
    ? `${messageOf(cause)}, expected other credentials in MONGODB_URI, or MONGODB_USERNAME and MONGODB_PASSWORD`
    : undefined
}

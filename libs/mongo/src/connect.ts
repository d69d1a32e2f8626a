import {
  about,
  duration,
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
import { LATE_TRADES } from './late-trades.ts'
import { LEASES } from './lease.ts'
import { SUBSCRIPTIONS, SYMBOLS } from './symbols.ts'
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

/** The environment variables of every service that connects to MongoDB. */
export const MONGO_VARIABLES = {
  MONGODB_URI: about('Your own MongoDB server', mongoUri(), '`npm start` runs one'),
  MONGODB_DB: about('Database', text('tapedeck', 'a database name')),
  MONGODB_USERNAME: about('User of your server', optional(text())),
  MONGODB_PASSWORD: about('Password of that user', optional(secret())),
  TRADES_TTL: about(
    'MongoDB removes trades older than this, such as `30d`',
    optional(duration(undefined, 60_000)),
    'kept permanently'
  )
} as const

export interface MongoConfig {
  readonly uri: string
  readonly database: string
  readonly username: string | undefined
  readonly password: Secret | undefined
  readonly tradesTtlMs: number | undefined
}

export function mongoConfig(values: Values<typeof MONGO_VARIABLES>): MongoConfig {
  return {
    uri: values.MONGODB_URI,
    database: values.MONGODB_DB,
    username: values.MONGODB_USERNAME,
    password: values.MONGODB_PASSWORD,
    tradesTtlMs: values.TRADES_TTL
  }
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
  feedStatus: FEED_STATUS
} as const

type Collections = {
  readonly [Name in keyof typeof COLLECTIONS]: ReturnType<(typeof COLLECTIONS)[Name]['in']>
}

/** The collections by name, each of its document type. */
export interface Database extends Collections {
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
  { appName = 'tapedeck', timeoutMs = 5000, maxPoolSize = 10 } = {}
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

/** Creates the collections and indexes that do not exist; it may run at every start. */
export async function ensureCollections(
  { db }: Database,
  { tradesTtlMs }: Partial<Pick<MongoConfig, 'tradesTtlMs'>> = {}
): Promise<void> {
  const found = await db.listCollections({}, { nameOnly: true }).toArray()
  const existing = new Set(found.map(({ name }) => name))
  for (const spec of Object.values(COLLECTIONS)) {
    if (!existing.has(spec.name)) await spec.create(db)
    await spec.createIndexes(db, spec === TRADES ? tradesTtlMs : undefined)
  }
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

/** Connects like `connectDatabase` and creates the collections and indexes that do not exist. */
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

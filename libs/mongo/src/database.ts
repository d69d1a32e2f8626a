import {
  about,
  duration,
  messageOf,
  optional,
  secret,
  TapedeckError,
  text,
  type Secret,
  type Values,
  type Variable
} from '@tapedeck/core'
import { MongoClient, type Collection, type Db } from 'mongodb'
import {
  COLLECTIONS,
  type BarDocument,
  type CheckpointDocument,
  type LateTradeDocument,
  type SymbolDocument,
  type TradeDocument
} from './documents.ts'
import type {
  AmendmentDocument,
  FeedGapDocument,
  FeedStatusDocument,
  LeaseDocument,
  SubscriptionDocument
} from './feed-documents.ts'
import type {
  ForecastAbsenceDocument,
  ForecastDocument,
  ForecastEventDocument,
  ForecastScoreDocument,
  ForecastSeriesDocument
} from './forecast-documents.ts'

function mongoUri(): Variable<string> {
  return {
    fallback: undefined,
    required: true,
    secret: true,
    expected: 'mongodb://[user:password@]host:port[/…] or mongodb+srv://…',
    parse: (found) => (/^mongodb(\+srv)?:\/\/[^\s]+$/.test(found) ? found : undefined)
  }
}

/** What every service that speaks to MongoDB reads from its environment. */
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

/** The collections with their document types; only libs/mongo sees the driver behind them. */
export interface Database {
  readonly db: Db
  readonly trades: Collection<TradeDocument>
  readonly bars: Collection<BarDocument>
  readonly forecasts: Collection<ForecastDocument>
  readonly forecastSeries: Collection<ForecastSeriesDocument>
  readonly forecastScores: Collection<ForecastScoreDocument>
  readonly forecastEvents: Collection<ForecastEventDocument>
  readonly forecastAbsences: Collection<ForecastAbsenceDocument>
  readonly lateTrades: Collection<LateTradeDocument>
  readonly symbols: Collection<SymbolDocument>
  readonly checkpoints: Collection<CheckpointDocument>
  readonly amendments: Collection<AmendmentDocument>
  readonly feedGaps: Collection<FeedGapDocument>
  readonly feedStatus: Collection<FeedStatusDocument>
  readonly subscriptions: Collection<SubscriptionDocument>
  readonly leases: Collection<LeaseDocument>
  /** Round trip to the server; rejects with DATABASE_UNREACHABLE. */
  ping(timeoutMs?: number): Promise<void>
  close(): Promise<void>
}

/**
 * Connects and checks that the server answers. With `journal` every write is on disk before it is
 * acknowledged: a server that is killed and started again has lost none that its client believes in.
 * @throws DATABASE_UNREACHABLE after `timeoutMs`
 */
export async function openDatabase(
  config: MongoConfig,
  { appName = 'tapedeck', timeoutMs = 5000, maxPoolSize = 10, journal = false } = {}
): Promise<Database> {
  const client = new MongoClient(config.uri, {
    appName,
    maxPoolSize,
    journal,
    serverSelectionTimeoutMS: timeoutMs,
    connectTimeoutMS: timeoutMs,
    ...(config.username !== undefined && {
      auth: { username: config.username, password: config.password?.reveal() ?? '' }
    })
  })
  const db = client.db(config.database)
  const database: Database = {
    db,
    trades: db.collection(COLLECTIONS.trades),
    bars: db.collection(COLLECTIONS.bars),
    forecasts: db.collection(COLLECTIONS.forecasts),
    forecastSeries: db.collection(COLLECTIONS.forecastSeries),
    forecastScores: db.collection(COLLECTIONS.forecastScores),
    forecastEvents: db.collection(COLLECTIONS.forecastEvents),
    forecastAbsences: db.collection(COLLECTIONS.forecastAbsences),
    lateTrades: db.collection(COLLECTIONS.lateTrades),
    symbols: db.collection(COLLECTIONS.symbols),
    checkpoints: db.collection(COLLECTIONS.checkpoints),
    amendments: db.collection(COLLECTIONS.amendments),
    feedGaps: db.collection(COLLECTIONS.feedGaps),
    feedStatus: db.collection(COLLECTIONS.feedStatus),
    subscriptions: db.collection(COLLECTIONS.subscriptions),
    leases: db.collection(COLLECTIONS.leases),
    async ping(pingTimeoutMs = timeoutMs) {
      try {
        await db.command({ ping: 1 }, { timeoutMS: pingTimeoutMs })
      } catch (cause) {
        throw new TapedeckError(
          'DATABASE_UNREACHABLE',
          `Cannot reach MongoDB: ${messageOf(cause)}, expected a server at MONGODB_URI`,
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

/** Creates collections (zstd) and indexes that do not exist yet; safe to call at every start. */
export async function ensureCollections(
  { db }: Database,
  { tradesTtlMs }: Pick<MongoConfig, 'tradesTtlMs'> = { tradesTtlMs: undefined }
): Promise<void> {
  const present = new Set(
    (await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name)
  )
  const zstd = { storageEngine: { wiredTiger: { configString: 'block_compressor=zstd' } } }
  for (const name of Object.values(COLLECTIONS)) {
    if (!present.has(name)) await createUnlessThere(db, name, zstd)
  }
  await db.collection(COLLECTIONS.trades).createIndex({ symbol: 1, tradedAt: 1 })
  if (tradesTtlMs !== undefined) {
    await db
      .collection(COLLECTIONS.trades)
      .createIndex({ tradedAt: 1 }, { expireAfterSeconds: Math.ceil(tradesTtlMs / 1000) })
  }
  await db.collection(COLLECTIONS.bars).createIndex({ symbol: 1, timeframe: 1, start: 1 })
  await db
    .collection(COLLECTIONS.bars)
    .createIndex(
      { 'source.log': 1, start: 1 },
      { name: 'open_bars', partialFilterExpression: { status: 'provisional' } }
    )
  await db.collection(COLLECTIONS.forecasts).createIndex({ symbol: 1, timeframe: 1, target: 1 })
  await db
    .collection(COLLECTIONS.forecasts)
    .createIndex(
      { 'source.log': 1, target: 1 },
      { name: 'open_forecasts', partialFilterExpression: { status: 'open' } }
    )
  await db
    .collection(COLLECTIONS.forecastSeries)
    .createIndex({ 'source.log': 1, 'source.offset': 1 })
  await db.collection(COLLECTIONS.feedGaps).createIndex({ from: 1 })
  await db.collection(COLLECTIONS.lateTrades).createIndex({ symbol: 1, tradedAt: 1 })
  await db.collection(COLLECTIONS.lateTrades).createIndex({ symbol: 1, receivedAt: 1 })
}

const NAMESPACE_EXISTS = 48

async function createUnlessThere(db: Db, name: string, options: object): Promise<void> {
  try {
    await db.createCollection(name, options)
  } catch (error) {
    // Another service created it in between.
    if ((error as { code?: number }).code !== NAMESPACE_EXISTS) throw error
  }
}

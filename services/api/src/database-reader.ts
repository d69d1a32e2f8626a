import {
  fullJitter,
  hasCode,
  messageOf,
  retry,
  systemClock,
  TapedeckError,
  type Clock
} from '@tapedeck/core'
import {
  barReader,
  connectDatabase,
  feedReader,
  forecastReader,
  lateReader,
  marketReader,
  type BarReader,
  type FeedReader,
  type ForecastReader,
  type LateReader,
  type MarketReader,
  type MongoConfig
} from '@tapedeck/mongo'
import type { ServiceContext } from '@tapedeck/service'

/** Both limits together keep an answer without a database below three seconds. */
const SELECT_TIMEOUT_MS = 2000
const READ_TIMEOUT_MS = 2500
/** Counting all trades of a day's bar takes longer than any other read. */
const SCAN_TIMEOUT_MS = 15_000

/** Everything the api asks of the database. */
export type Reader = MarketReader & FeedReader & BarReader & LateReader & ForecastReader

const delayMs = fullJitter({ baseMs: 500, capMs: 5000 })

/**
 * A reader that exists before the database can be reached: the api starts without it, says so on
 * /readyz, and connects in the background. Once connected the driver itself reconnects.
 */
export function databaseReader(
  config: MongoConfig,
  context: ServiceContext,
  clock: Clock = systemClock
): Reader {
  let reader: Reader | undefined
  let close: (() => Promise<void>) | undefined
  // Registered before the server's own closer, so that it runs after it.
  context.defer(() => close?.())
  let failure: unknown = new TapedeckError(
    'DATABASE_UNREACHABLE',
    'Cannot read: not connected to MongoDB yet, expected a server at MONGODB_URI'
  )

  async function connect(): Promise<void> {
    const options = { appName: 'tapedeck-api', timeoutMs: SELECT_TIMEOUT_MS }
    const database = await connectDatabase(config, options)
    close = database.close
    const limits = { timeoutMs: READ_TIMEOUT_MS, scanTimeoutMs: SCAN_TIMEOUT_MS }
    reader = {
      ...marketReader(database, limits),
      ...feedReader(database, limits),
      ...barReader(database, limits),
      ...lateReader(database, limits),
      ...forecastReader(database, limits)
    }
    context.log.info({ database: config.database }, 'connected to MongoDB')
  }
  retry(connect, {
    delayMs,
    signal: context.signal,
    clock,
    onRetry(error) {
      failure = error
      context.log.warn({ err: error }, messageOf(error))
    }
  }).catch((error: unknown) => {
    if (!hasCode(error, 'ABORTED')) context.fail(error)
  })

  async function use<T>(read: (connected: Reader) => Promise<T>): Promise<T> {
    if (reader === undefined) throw failure
    return read(reader)
  }
  return {
    ping: () => use((connected) => connected.ping()),
    symbols: () => use((connected) => connected.symbols()),
    trades: (query) => use((connected) => connected.trades(query)),
    bars: (query) => use((connected) => connected.bars(query)),
    bar: (id) => use((connected) => connected.bar(id)),
    nextFirstTrade: (bar) => use((connected) => connected.nextFirstTrade(bar)),
    tape: (query, visit) => use((connected) => connected.tape(query, visit)),
    lateTrades: (query) => use((connected) => connected.lateTrades(query)),
    lateAges: (query) => use((connected) => connected.lateAges(query)),
    forecasts: (query) => use((connected) => connected.forecasts(query)),
    forecastScores: (query) => use((connected) => connected.forecastScores(query)),
    forecastEvents: (query) => use((connected) => connected.forecastEvents(query)),
    forecastAbsences: (query) => use((connected) => connected.forecastAbsences(query)),
    feeds: () => use((connected) => connected.feeds()),
    gaps: (query) => use((connected) => connected.gaps(query)),
    subscriptions: () => use((connected) => connected.subscriptions()),
    setWanted: (symbols, wanted, by) => use((connected) => connected.setWanted(symbols, wanted, by))
  }
}

import { AsyncLocalStorage } from 'node:async_hooks'
import {
  fullJitter,
  hasCode,
  messageOf,
  retry,
  systemClock,
  TapedeckError,
  type Clock
} from '@tapedeck/core'
import type { BarFields, Timeframe } from '@tapedeck/domain'
import {
  abortable,
  cancelRun,
  connectDatabase,
  countLateAges,
  findBar,
  findBars,
  findFeeds,
  findForecastAbsences,
  findForecastEvents,
  findForecasts,
  findForecastScores,
  findGaps,
  findQuotes,
  findLateTrades,
  findRun,
  findRunRequests,
  findRuns,
  findRunsInMotion,
  findRunsOfAlerts,
  findSchedules,
  findSymbols,
  findTaskRuns,
  findTaskStates,
  findTrades,
  findStoredOffsets,
  nextFirstTrade,
  readSubscriptions,
  readBarHistory,
  readBarsAsOf,
  readComposedBars,
  readFilledBars,
  readForecastHistory,
  readTape,
  readTradeHistory,
  requestRun,
  secondsFrom,
  setWanted,
  storedUntil,
  type BarsAsOfQuery,
  type ComposedQuery,
  type Database,
  type FeedGapDocument,
  type FilledQuery,
  type FeedStatusDocument,
  type ForecastAbsenceDocument,
  type ForecastEventDocument,
  type ForecastQuery,
  type ForecastRow,
  type ForecastScoreRow,
  type GapQuery,
  type HistoryQuery,
  type KnownSymbol,
  type LateAge,
  type LateTradeDocument,
  type MongoConfig,
  type RangeQuery,
  type RunDocument,
  type RunQuery,
  type RunRequestDocument,
  type RunStanding,
  type ScheduleRead,
  type StoredQuote,
  type SeriesQuery,
  type SubscriptionDocument,
  type TapeQuery,
  type TapeTrade,
  type TaskStates,
  type TradeDocument,
  type UnreadableDocument,
  type WindowQuery
} from '@tapedeck/mongo'
import type { LoadCache } from './load-cache.ts'
import { unreadableReport, type ServiceContext } from '@tapedeck/service'

/** Limits of finding a server and of a read. */
const SELECT_TIMEOUT_MS = 2000
const PING_TIMEOUT_MS = 2500
/** Longer, because it counts what this process takes to decode the rows too, however busy the machine is. */
const READ_TIMEOUT_MS = 5000
/** For counting all trades of a day's bar, the longest read. */
const SCAN_TIMEOUT_MS = 15_000

/**
 * Every read and write of the api. Rows are ascending in time. Each call rejects with
 * DATABASE_UNREACHABLE when the server is away or does not answer in time.
 */
export interface Reader {
  ping(): Promise<void>
  symbols(): Promise<readonly KnownSymbol[]>
  trades(query: RangeQuery): Promise<readonly TradeDocument[]>
  bars(query: WindowQuery): Promise<readonly BarFields[]>
  bar(id: string): Promise<BarFields | undefined>
  nextFirstTrade(bar: BarFields): Promise<string | undefined>
  tape(query: TapeQuery, visit: (trade: TapeTrade) => boolean): Promise<void>
  /** Rows in batches, of a range of any size. */
  tradeHistory(
    query: HistoryQuery,
    fields?: readonly (keyof TradeDocument)[]
  ): AsyncGenerator<readonly TradeDocument[]>
  barHistory(
    query: HistoryQuery & { readonly timeframe: Timeframe }
  ): AsyncGenerator<readonly BarFields[]>
  /** Bars as they were stored at a time. */
  barsAsOf(query: BarsAsOfQuery): AsyncGenerator<readonly BarFields[]>
  /** Bars of any window, made of those of one second. */
  composedBars(query: ComposedQuery): AsyncGenerator<readonly BarFields[]>
  /** The same and those of a timeframe, with a row for each window without a trade. */
  filledBars(query: FilledQuery): AsyncGenerator<readonly BarFields[]>
  /** The begin of a range of such windows; see secondsFrom of libs/mongo. */
  secondsFrom(...asked: SecondsAsked): Promise<number>
  forecastHistory(
    query: Parameters<typeof readForecastHistory>[1]
  ): AsyncGenerator<readonly ForecastRow[]>
  lateTrades(query: RangeQuery): Promise<readonly LateTradeDocument[]>
  lateAges(query: Omit<RangeQuery, 'limit'>): Promise<readonly LateAge[]>
  forecasts(query: ForecastQuery): Promise<readonly ForecastRow[]>
  forecastScores(query: SeriesQuery): Promise<readonly ForecastScoreRow[]>
  forecastEvents(query: SeriesQuery & RangeQuery): Promise<readonly ForecastEventDocument[]>
  forecastAbsences(query: SeriesQuery & RangeQuery): Promise<readonly ForecastAbsenceDocument[]>
  feeds(): Promise<readonly FeedStatusDocument[]>
  gaps(query: GapQuery): Promise<readonly FeedGapDocument[]>
  storedUntil(): Promise<number | undefined>
  quotes(): Promise<readonly StoredQuote[]>
  subscriptions(): Promise<readonly SubscriptionDocument[]>
  setWanted(symbols: readonly string[], wanted: boolean, by: string): Promise<void>
  /** Up to where each partition of a topic is stored. */
  storedOffsets(topic: string): Promise<ReadonlyMap<number, number>>
  runs(query: RunQuery): Promise<readonly RunDocument[]>
  /** Those that may have changed within so many milliseconds, without their tasks. */
  runsInMotion(lookBackMs: number): Promise<readonly RunStanding[]>
  runsOfAlerts(): Promise<readonly RunDocument[]>
  run(id: string): Promise<RunDocument | undefined>
  taskRuns(run: string): Promise<Awaited<ReturnType<typeof findTaskRuns>>>
  taskStates(runs: readonly string[]): Promise<TaskStates>
  runRequests(limit: number): Promise<readonly RunRequestDocument[]>
  requestRun(request: Parameters<typeof requestRun>[1]): Promise<void>
  cancelRun(id: string, reason: string): Promise<boolean>
  schedules(): Promise<readonly ScheduleRead[]>
}

type SecondsAsked = Parameters<typeof secondsFrom> extends [unknown, ...infer Asked] ? Asked : never

const delayMs = fullJitter({ baseMs: 500, capMs: 5000 })

/**
 * A reader that works before the database can be reached: the api starts without it, reports that on
 * /readyz, and connects in the background. Once connected, the driver reconnects by itself.
 */
export function databaseReader(
  config: MongoConfig,
  context: ServiceContext,
  clock: Clock = systemClock
): Reader {
  let database: Database | undefined
  let failure: unknown = new TapedeckError(
    'DATABASE_UNREACHABLE',
    'Cannot read: not connected to MongoDB yet, expected a server at MONGODB_URI'
  )

  const report = unreadableReport(context)
  const unreadable = (found: UnreadableDocument): void => {
    report(found)
    noteUnreadable(found.collection)
  }

  async function connect(): Promise<void> {
    const options = { appName: 'tapedeck-api', timeoutMs: SELECT_TIMEOUT_MS, unreadable }
    database = await connectDatabase(config, options)
    context.log.info({ database: config.database }, 'connected to MongoDB')
  }
  const connecting = retry(connect, {
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
  // Registered before the server's own closer, so that it runs after it.
  context.defer(async () => {
    await connecting
    await database?.close()
  })

  async function use<T>(read: (connected: Database) => Promise<T>): Promise<T> {
    if (database === undefined) throw failure
    const connected = database
    return abortable(current.getStore()?.signal, () => read(connected))
  }
  async function* each<T>(
    read: (connected: Database) => AsyncGenerator<readonly T[]>
  ): AsyncGenerator<readonly T[]> {
    if (database === undefined) throw failure
    yield* read(database)
  }
  const limit = READ_TIMEOUT_MS
  return {
    ping: () => use((connected) => connected.ping(PING_TIMEOUT_MS)),
    symbols: () => use((connected) => findSymbols(connected, limit)),
    trades: (query) => use((connected) => findTrades(connected, query, limit)),
    bars: (query) => use((connected) => findBars(connected, query, limit)),
    bar: (id) => use((connected) => findBar(connected, id, limit)),
    nextFirstTrade: (bar) => use((connected) => nextFirstTrade(connected, bar, limit)),
    tape: (query, visit) => use((connected) => readTape(connected, query, SCAN_TIMEOUT_MS, visit)),
    tradeHistory: (query, fields) =>
      each((connected) => readTradeHistory(connected, query, fields)),
    barHistory: (query) => each((connected) => readBarHistory(connected, query)),
    barsAsOf: (query) => each((connected) => readBarsAsOf(connected, query)),
    composedBars: (query) => each((connected) => readComposedBars(connected, query)),
    filledBars: (query) => each((connected) => readFilledBars(connected, query)),
    secondsFrom: (...asked) => use((connected) => secondsFrom(connected, ...asked)),
    forecastHistory: (query) => each((connected) => readForecastHistory(connected, query)),
    lateTrades: (query) => use((connected) => findLateTrades(connected, query, limit)),
    lateAges: (query) => use((connected) => countLateAges(connected, query, limit)),
    forecasts: (query) => use((connected) => findForecasts(connected, query, limit)),
    forecastScores: (query) => use((connected) => findForecastScores(connected, query, limit)),
    forecastEvents: (query) => use((connected) => findForecastEvents(connected, query, limit)),
    forecastAbsences: (query) => use((connected) => findForecastAbsences(connected, query, limit)),
    feeds: () => use((connected) => findFeeds(connected, limit)),
    gaps: (query) => use((connected) => findGaps(connected, query, limit)),
    quotes: () => use((connected) => findQuotes(connected, limit)),
    storedUntil: () => use((connected) => storedUntil(connected, limit)),
    subscriptions: () => use((connected) => readSubscriptions(connected, limit)),
    setWanted: (symbols, wanted, by) =>
      use((connected) => setWanted(connected, symbols, wanted, by, limit)),
    storedOffsets: (topic) => use((connected) => findStoredOffsets(connected, topic, limit)),
    runs: (query) => use((connected) => findRuns(connected, query)),
    runsInMotion: (lookBackMs) => use((connected) => findRunsInMotion(connected, lookBackMs)),
    runsOfAlerts: () => use(findRunsOfAlerts),
    run: (id) => use((connected) => findRun(connected, id)),
    taskRuns: (run) => use((connected) => findTaskRuns(connected, [run])),
    taskStates: (runs) => use((connected) => findTaskStates(connected, runs)),
    runRequests: (most) => use((connected) => findRunRequests(connected, most)),
    requestRun: (request) => use((connected) => requestRun(connected, request)),
    cancelRun: (id, reason) => use((connected) => cancelRun(connected, id, reason)),
    schedules: () => use(findSchedules)
  }
}

/** How many documents, or values of them, a read left out because they do not fit, by collection. */
export type ReadNotes = ReadonlyMap<string, number>

interface Read {
  readonly notes: Map<string, number>
  readonly signal: AbortSignal | undefined
}

const current = new AsyncLocalStorage<Read>()

/**
 * Runs reads and collects what they leave out. Reads within it that are collected already count there alone.
 * @param signal ends the reads; that of the reads around them unless given
 */
export async function withReadNotes<T>(
  work: () => Promise<T>,
  signal = current.getStore()?.signal
): Promise<{ readonly value: T; readonly notes: ReadNotes }> {
  const notes = new Map<string, number>()
  return { value: await current.run({ notes, signal }, work), notes }
}

/** Loads what several reads share; it goes on until all of them have been given up. */
export function loadShared<T>(
  cache: LoadCache<T>,
  key: string,
  load: () => Promise<T>
): Promise<T> {
  const read = current.getStore()
  const { value, leave } = cache.get(key, (signal) =>
    current.run({ notes: read?.notes ?? new Map<string, number>(), signal }, load)
  )
  if (read?.signal?.aborted === true) leave()
  read?.signal?.addEventListener('abort', leave, { once: true })
  return value
}

/** Notes a document of a collection that the present read left out. */
export function noteUnreadable(collection: string, count = 1): void {
  const notes = current.getStore()?.notes
  notes?.set(collection, (notes.get(collection) ?? 0) + count)
}

/** Adds what a shared read left out to the present one. */
export function addReadNotes(notes: ReadNotes): void {
  for (const [collection, count] of notes) noteUnreadable(collection, count)
}

/** The header of an answer that lacks documents, such as `trades=2, symbols=1`; empty when it lacks none. */
export function notesHeader(notes: ReadNotes): Readonly<Record<string, string>> {
  if (notes.size === 0) return {}
  const text = [...notes].map(([collection, count]) => `${collection}=${count}`).join(', ')
  return { 'tapedeck-unreadable': text }
}

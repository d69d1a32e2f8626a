export { amendmentDocuments, insertAmendments, type AmendmentDocument } from './amendments.ts'
export { barDocument, storeBars, type BarDocument } from './bar-document.ts'
export {
  eachBarOfGap,
  eachBars,
  findBar,
  findBars,
  loadBars,
  loadHead,
  loadOpenBars,
  logOfSymbol,
  newestStartBefore,
  nextFirstTrade,
  storedTimeframes
} from './bars.ts'
export {
  BATCH_QUEUE,
  clearHandled,
  ensureQueue,
  lockQueued,
  queueAttempts,
  queuedAmong,
  removeQueued,
  touchQueued,
  type Enqueued,
  type QueuedTask
} from './batch-queue.ts'
export type { BarVersion } from './bar-versions.ts'
export { whyNotAsBytes } from './document-sequence.ts'
export { abortable, translated } from './failure.ts'
export {
  CAPTURED_TIME,
  captureLines,
  countCaptured,
  type CapturedCollection,
  type CaptureRange
} from './capture.ts'
export {
  acquirePartition,
  announceFlush,
  commitCheckpoint,
  findStoredOffsets,
  keepPartition,
  loadCheckpoints,
  partitionOwners,
  rulesHash,
  storedUntil,
  type Acquired,
  type CheckpointDocument,
  type KnownRecord,
  type LostRecords
} from './checkpoint.ts'
export { readComposedBars, secondsFrom, type ComposedQuery } from './composed-history.ts'
export {
  connectDatabase,
  connectPreparedDatabase,
  databaseIn,
  ensureCollections,
  MONGO_VARIABLES,
  mongoConfig,
  openDatabase,
  type Database,
  type MongoConfig
} from './connect.ts'
export { readFilledBars, type FilledQuery } from './filled-history.ts'
export {
  findGaps,
  findOpenGap,
  loadGaps,
  storeGaps,
  type FeedGapDocument,
  type GapQuery,
  type StoredGap
} from './feed-gaps.ts'
export {
  findFeeds,
  withWarnings,
  type FeedStatusDocument,
  type SymbolStanding
} from './feed-status.ts'
export {
  eventDocument,
  findForecastAbsences,
  findForecastEvents,
  insertForecastEvents,
  storeAbsences,
  type ForecastAbsenceDocument,
  type ForecastEventDocument
} from './forecast-events.ts'
export {
  findForecastScores,
  scoreDocuments,
  storeScores,
  type ForecastScoreDocument,
  type ForecastScoreRow
} from './forecast-scores.ts'
export {
  loadSeries,
  seriesToRestore,
  storeSeries,
  type ForecastSeriesDocument,
  type SeriesQuery
} from './forecast-series.ts'
export {
  findForecasts,
  forecastDocument,
  loadScores,
  publishedForecast,
  storeForecasts,
  type ForecastDocument,
  type ForecastQuery,
  type ForecastRow
} from './forecasts.ts'
export type { Writes } from './guard.ts'
export {
  readBarHistory,
  readBarsAsOf,
  readForecastHistory,
  readTradeHistory,
  type BarsAsOfQuery,
  type HistoryPosition,
  type HistoryQuery
} from './history.ts'
export {
  beginImport,
  countImported,
  findImport,
  noteImport,
  type ImportDocument
} from './imports.ts'
export {
  countLateAges,
  findLateTrades,
  insertLateTrades,
  LATE_AGES_MS,
  loadExcludedIds,
  type ExcludedTrade,
  type LateAge,
  type LateTradeDocument
} from './late-trades.ts'
export {
  holdLease,
  releaseLease,
  removeLease,
  type LeaseDocument,
  type LeaseProcess,
  type LeaseNote
} from './lease.ts'
export type { RangeQuery, WindowQuery } from './newest-rows.ts'
export { ensureReplicaSet } from './replica-set.ts'
export {
  BAR_COLUMNS,
  barRow,
  FILLED_BAR_COLUMNS,
  filledBarRow,
  completeBar,
  TRADE_COLUMNS,
  TRADE_FIELDS,
  tradeRow,
  tradeRowMaker
} from './rows.ts'
export {
  findRunRequests,
  fulfilRunRequest,
  refuseRunRequest,
  requestRun,
  type RunRequestDocument
} from './run-requests.ts'
export {
  advanceSchedule,
  failSchedule,
  findSchedules,
  registerSchedules,
  type ScheduleRead
} from './schedules.ts'
export {
  ACTIVE_RUN_STATES,
  cancelRun,
  createRun,
  endRun,
  findActiveRuns,
  findRun,
  findRuns,
  findRunsInMotion,
  findRunsOfAlerts,
  removeOldRuns,
  resumeRun,
  shareRun,
  startRun,
  type NewRun,
  type RunDocument,
  type RunQuery,
  type RunStanding
} from './runs.ts'
export { findQuotes, storeSnapshot, type StoredQuote } from './rest-snapshots.ts'
export {
  clearShadowBars,
  eachSwap,
  insertShadowBars,
  swapBars,
  type ShadowBarDocument,
  type SwapAction
} from './shadow-bars.ts'
export {
  clearShadowTrades,
  dropShadowTrades,
  eachTrade,
  insertShadowTrades,
  storedSymbols,
  type ShadowTradeDocument,
  type StoredTrade,
  type TradeCollection,
  type TradeRange
} from './shadow-trades.ts'
export type { UnreadableDocument } from './shape.ts'
export {
  desiredSymbols,
  findSymbols,
  mergeSymbols,
  readSubscriptions,
  setWanted,
  storeSymbols,
  type KnownSymbol,
  type SubscriptionDocument,
  type SymbolDocument
} from './symbols.ts'
export {
  claimTaskRun,
  commitTaskRun,
  expireTaskRuns,
  extendTaskRun,
  findLostClaims,
  findOutputs,
  findTaskRuns,
  findTaskStandings,
  findTaskStates,
  releaseTaskRun,
  releaseWaiting,
  type TaskClaim,
  type TaskResult,
  type TaskRunDocument,
  type TaskStanding,
  type TaskStates
} from './task-runs.ts'
export { readTape, type TapePosition, type TapeQuery, type TapeTrade } from './tape.ts'
export {
  findTrades,
  insertTrades,
  loadTradesWithVendorId,
  tradeDocument,
  type TradeDocument
} from './trades.ts'

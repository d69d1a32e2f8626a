export {
  acquirePartition,
  announceFlush,
  commitCheckpoint,
  partitionOwners,
  rulesHash,
  type Acquired,
  type AcquireOptions
} from './checkpoint-store.ts'
export { barBytes, forecastBytes, tradeBytes, weighed } from './document-weights.ts'
export { connectDatabase, connectPreparedDatabase } from './connect.ts'
export {
  ensureCollections,
  MONGO_VARIABLES,
  mongoConfig,
  openDatabase,
  type Database,
  type MongoConfig
} from './database.ts'
export {
  COLLECTIONS,
  type BarDocument,
  type BarStatus,
  type CheckpointDocument,
  type LateTradeDocument,
  type PartitionOwner,
  type Source,
  type SymbolDocument,
  type TradeDocument
} from './documents.ts'
export type {
  AmendmentDocument,
  FeedGapDocument,
  FeedStatusDocument,
  LeaseDocument,
  SubscriptionDocument,
  SymbolStanding
} from './feed-documents.ts'
export {
  marketReader,
  type BarRow,
  type MarketReader,
  type RangeQuery,
  type WindowQuery
} from './market-reader.ts'
export {
  forecastReader,
  type ForecastQuery,
  type ForecastReader,
  type ForecastRow,
  type ForecastScoreRow,
  type SeriesQuery,
  type SeriesRangeQuery
} from './forecast-reader.ts'
export { barReader, type BarReader } from './bar-reader.ts'
export { LATE_AGES_MS, lateReader, type LateAge, type LateReader } from './late-reader.ts'
export type { TapePosition, TapeQuery, TapeTrade } from './tape-reader.ts'
export {
  amendmentDocuments,
  barDocument,
  storedBarOf,
  tradeDocument,
  type BarFrame
} from './document-mapping.ts'
export { loadGaps, storeGaps } from './feed-gaps.ts'
export { feedReader, type FeedReader, type GapQuery } from './feed-status.ts'
export type {
  ForecastAbsenceDocument,
  ForecastDocument,
  ForecastEventDocument,
  ForecastScoreDocument,
  ForecastSeriesDocument
} from './forecast-documents.ts'
export { loadScores, loadSeries, seriesToTakeUp } from './forecast-history.ts'
export { eventDocument, forecastDocument, scoreDocuments } from './forecast-mapping.ts'
export {
  insertForecastEvents,
  storeAbsences,
  storeForecasts,
  storeScores,
  storeSeries
} from './forecast-store.ts'
export type { Writes } from './guarded-store.ts'
export {
  insertAmendments,
  insertLateTrades,
  insertTrades,
  storeBars,
  storeSymbols
} from './result-store.ts'
export {
  loadBars,
  loadBarsWithin,
  loadHead,
  loadNamedTrades,
  loadOpenBars,
  type NamedTrade
} from './stored-bars.ts'
export { holdLease, releaseLease, type LeaseAnswer, type LeaseNote } from './lease.ts'
export {
  desiredSymbols,
  mergeSymbols,
  readSubscriptions,
  setWanted,
  type DesiredSymbols
} from './subscriptions.ts'
export {
  BARS_SHADOW,
  clearShadowBars,
  eachBars,
  eachSwap,
  insertShadowBars,
  loadCheckpoints,
  logOfSymbol,
  newestStartBefore,
  storedTimeframes,
  swapBars,
  type BarGuard,
  type BarsQuery,
  type ShadowBarDocument,
  type SwapAction
} from './shadow-bars.ts'
export {
  clearShadowTrades,
  dropShadowTrades,
  eachTrade,
  insertShadowTrades,
  loadAsideIds,
  storedSymbols,
  TRADES_SHADOW,
  type AsideTrade,
  type ShadowTradeDocument,
  type StoredTrade,
  type TradeCollection,
  type TradeRange
} from './stored-trades.ts'

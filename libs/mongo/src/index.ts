export {
  acquirePartition,
  announceFlush,
  commitCheckpoint,
  partitionOwners,
  type Acquired,
  type AcquireOptions
} from './checkpoint-store.ts'
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
  type ForecastDocument,
  type ForecastStatus,
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
  type ForecastRow,
  type ForecastScore,
  type MarketReader,
  type RangeQuery,
  type WindowQuery
} from './market-reader.ts'
export {
  amendmentDocuments,
  barDocument,
  forecastDocument,
  storedBarOf,
  tradeDocument,
  type BarFrame
} from './document-mapping.ts'
export { loadGaps, storeGaps } from './feed-gaps.ts'
export { feedReader, type FeedReader, type GapQuery } from './feed-status.ts'
export { loadForecastHistory } from './forecast-history.ts'
export {
  insertAmendments,
  insertLateTrades,
  insertTrades,
  storeBars,
  storeForecasts,
  storeSymbols,
  type Writes
} from './result-store.ts'
export {
  loadBars,
  loadBarsWithin,
  loadHead,
  loadNamedTrades,
  loadOpenBars,
  type NamedTrade
} from './stored-bars.ts'
export { holdLease, releaseLease, type LeaseAnswer } from './lease.ts'
export {
  desiredSymbols,
  mergeSymbols,
  readSubscriptions,
  setWanted,
  type DesiredSymbols
} from './subscriptions.ts'

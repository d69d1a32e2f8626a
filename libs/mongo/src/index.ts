export {
  COLLECTIONS,
  type BarDocument,
  type BarStatus,
  type CheckpointDocument,
  type ForecastDocument,
  type ForecastStatus,
  type LateTradeDocument,
  type Source,
  type SymbolDocument,
  type TradeDocument
} from './documents.ts'

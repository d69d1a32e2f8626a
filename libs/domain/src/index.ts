export {
  DEFAULT_SYMBOLS,
  FREE_PLAN_SYMBOLS,
  symbolProblems,
  symbolsVariable,
  tradesRoundTheClock
} from './symbols.ts'
export {
  DEFAULT_TIMEFRAMES,
  isTimeframe,
  PANE_MS,
  TIMEFRAMES,
  timeframesVariable,
  WINDOW_MS,
  type IntradayTimeframe,
  type Timeframe
} from './timeframe.ts'
export {
  MAX_FRAME_INDEX,
  MAX_RECORD_TRADES,
  RECORD_VERSION,
  recordProblem,
  tradeId,
  tradeProblem,
  type FeedTrade,
  type TradeRecord
} from './trade-record.ts'

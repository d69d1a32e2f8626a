export { Bar, barId, type BarStatus, type RevisionCause, type StoredBar } from './bar.ts'
export { BarAggregator, type BarAggregatorOptions } from './bar-book.ts'
export { holidayName, tradingDayOf, type TradingDay } from './calendar.ts'
export { addDays, isoDate, type CalendarDate } from './calendar-date.ts'
export {
  CONDITION_POLICIES,
  CONDITION_TABLE_VERSION,
  eligibilityOf,
  eligibilityText,
  hinderingRules,
  MAY,
  type ConditionPolicy,
  type HinderingRule
} from './conditions.ts'
export {
  ActivityBarAggregator,
  type ActivityBar,
  type ActivitySpan,
  type HeadRequest,
  type StoredActivityBar,
  type TapePlace
} from './counted-book.ts'
export { coverageOf, GapList, knownGap, type GapSpan, type KnownGap } from './coverage.ts'
export { ExactSum, type StoredSum } from './exact-sum.ts'
export {
  rawOf,
  type FeedErrorMeaning,
  type FeedProtocol,
  type Frame,
  type RefusedTrade
} from './feed-protocol.ts'
export * from './forecast/index.ts'
export { FrameDeduplicator, type SeenConnection } from './frame-ledger.ts'
export { GAP_KEY, gapProblem, type GapRecord } from './gap-record.ts'
export {
  PartitionFold,
  type AsideReason,
  type FoldedTrade,
  type FoldOptions,
  type FoldState
} from './partition-fold.ts'
export { precedes, type Print } from './print.ts'
export { VendorIdDeduplicator } from './redelivery.ts'
export { RULE_VARIABLES, rulesOf, type Rules } from './rules.ts'
export {
  sessionAt,
  sessionOfTrade,
  tradingDateAt,
  type Session,
  type TradingDate
} from './sessions.ts'
export { marketState, type MarketState } from './market-hours.ts'
export { studentT975 } from './student-t.ts'
export {
  DEFAULT_SYMBOLS,
  FREE_PLAN_SYMBOLS,
  planLimit,
  symbolProblems,
  symbolsVariable,
  tradesRoundTheClock
} from './symbols.ts'
export {
  BarAccumulator,
  ACCUMULATOR_SUMS,
  type ExactParts,
  type StoredAccumulator,
  type BarTrade
} from './tally.ts'
export { TickRule, type Tick, type TickState } from './tick-rule.ts'
export {
  DEFAULT_TIMEFRAMES,
  lengthOf,
  PANE_MS,
  stepOf,
  TIMEFRAME_FORMS,
  timeframeProblem,
  timeframesVariable,
  windowSpec,
  type Measure,
  type Timeframe,
  type WindowSpec
} from './timeframe.ts'
export {
  decodeRecord,
  encodeGapRecord,
  encodeTradeRecord,
  MAX_FRAME_INDEX,
  MAX_RECORD_TRADES,
  parseTradeId,
  RECORD_VERSION,
  recordProblem,
  recordsOf,
  tradeId,
  tradePlace,
  tradeProblem,
  type DecodedRecord,
  type FeedTrade,
  type FrameAmendment,
  type FrameOrigin,
  type FrameTrade,
  type KeyedText,
  type RecordAmendment,
  type TradePlace,
  type TradeRecord
} from './trade-record.ts'
export { Watermark, type WatermarkState } from './watermark.ts'
export { settlesAt, windowAt, windowsAt, type Window } from './window.ts'

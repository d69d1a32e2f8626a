export {
  ACCUMULATOR_SUMS,
  BarAccumulator,
  precedes,
  type BarTrade,
  type ExactParts,
  type Print
} from './bars/accumulator.ts'
export type {
  ActivityBar,
  ActivitySpan,
  HeadRequest,
  StoredActivityBar,
  TapePlace
} from './bars/activity-bars.ts'
export {
  anyWindowAt,
  SECONDS,
  WINDOW_LENGTHS,
  windowLength,
  WindowComposer,
  type AnyWindow,
  type PartitionFacts,
  type StoredSecond
} from './bars/any-window.ts'
export {
  BAR_FIELDS,
  BAR_ROW,
  objectMaker,
  PUBLISHED_BAR,
  STORED_BAR,
  type BarContext,
  type BarFieldKind,
  type BarFields
} from './bars/bar-fields.ts'
export type { Bar, StoredBar } from './bars/bar.ts'
export {
  closeBatch,
  type BarStore,
  type BatchForecasts,
  type ClosedBatch
} from './bars/close-fold.ts'
export { FrameDeduplicator, VendorIdDeduplicator } from './bars/deduplication.ts'
export { ExactSum, type StoredSum } from './bars/exact-sum.ts'
export { PartitionFold, type FoldedTrade, type FoldOptions, type FoldState } from './bars/fold.ts'
export {
  closedSpanAt,
  filledBar,
  nameOfWindows,
  sessionWindows,
  stepOfWindows,
  type FilledBar,
  type TimeWindows
} from './bars/missing-windows.ts'
export { MemoryBars, MemoryForecasts } from './bars/memory-store.ts'
export { TickRule, type TickState } from './bars/tick-rule.ts'
export { Watermark } from './bars/watermark.ts'
export {
  DEFAULT_TIMEFRAMES,
  finalAt,
  isActivity,
  lengthOf,
  stepOf,
  TIMEFRAME_FORMS,
  timeframeProblem,
  timeframesVariable,
  windowAt,
  windowsAt,
  windowSpec,
  type Timeframe
} from './bars/window.ts'
export {
  BATCH_NAME,
  BATCH_NAME_RULE,
  checkGraph,
  drawGraph,
  readyTasks,
  retryDelayOf,
  runStateOf,
  tasksToSkip,
  type JobSpec,
  type RunState,
  type TaskSpec,
  type TaskState,
  type TaskStates
} from './batch/graph.ts'
export { holidayDifferences, type ListedHoliday } from './holiday-check.ts'
export { dueOccurrences, nextOccurrences, readSchedules, type Schedule } from './batch/schedule.ts'
export {
  commandFor,
  readSequence,
  type ModuleCommand,
  type ModuleParameters,
  type Sequence
} from './batch/sequence.ts'
export { amountProblem } from './record-limits.ts'
export { addDays, holidayName, isoDate, tradingDayOf, type CalendarDate } from './calendar.ts'
export { ClockOffset } from './clock-offset.ts'
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
  affects,
  coverageOf,
  GAP_KEY,
  GapList,
  knownGap,
  type GapRecord,
  type GapSpan,
  type KnownGap,
  type SymbolFeed
} from './feed-gaps.ts'
export {
  rawOf,
  type FeedErrorMeaning,
  type FeedProtocol,
  type Frame,
  type RefusedTrade
} from './feed-protocol.ts'
export { ForecastEngine, MIN_COVERAGE, type SeriesScores } from './forecast/engine.ts'
export type { FinalBar } from './forecast/final-bar.ts'
export { isScored, UNCOUNTED_TIMINGS, VOID_REASONS, type LedgerEntry } from './forecast/ledger.ts'
export { FORECAST_MODELS, type LineParameters } from './forecast/models.ts'
export {
  ABSENCE_REASONS,
  type AbsenceReason,
  type ChangedSeries,
  type ForecastAbsence,
  type ForecastResult,
  type ModelEvent,
  type SeriesState
} from './forecast/results.ts'
export { minScored, SCORE_LABELS, type ScoreLabel } from './forecast/label.ts'
export {
  contributionOf,
  LONG_WINDOW,
  type ScoreParts,
  type ScoreReport,
  type Scores,
  type TestedScores
} from './forecast/scores.ts'
export type { SeriesHistory, SeriesRequest } from './forecast/series.ts'
export { dieboldMariano, type DieboldMariano } from './forecast/significance.ts'
export {
  DEFAULT_FORECASTS,
  forecastsVariable,
  MAX_HORIZON,
  seriesId,
  seriesOfId,
  specName,
  type ForecastSpec
} from './forecast/spec.ts'
export { checkQuote, isQuoteAlarm, type QuoteLimits } from './quote-check.ts'
export { RULE_VARIABLES, ruleProblems, rulesOf, type Rules } from './rules.ts'
export {
  marketState,
  sessionAt,
  sessionOfTrade,
  tradingDateAt,
  type Session,
  type TradingDate
} from './sessions.ts'
export {
  DEFAULT_SYMBOLS,
  FREE_PLAN_SYMBOLS,
  planLimit,
  requestProblems,
  symbolProblem,
  symbolProblems,
  symbolsVariable,
  tradesRoundTheClock
} from './symbols.ts'
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
  type FeedTrade,
  type FrameAmendment,
  type FrameTrade,
  type TradeRecord
} from './trade-record.ts'

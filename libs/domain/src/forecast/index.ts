export {
  AdaptiveBand,
  MISS_RATE,
  type BandGround,
  type BandStart,
  type BandState,
  type EarlierBandState
} from './adaptive-band.ts'
export {
  CHANGE_THRESHOLD,
  ChangeDetector,
  independentEvery,
  type DetectorState,
  type FoundChange
} from './change-detector.ts'
export { CloseRing, type CloseAt } from './close-ring.ts'
export { dieboldMariano, type DieboldMariano } from './diebold-mariano.ts'
export { coverageBy, forecastBars, type FinalBar } from './final-bar.ts'
export {
  ForecastEngine,
  MIN_COVERAGE,
  type ForecastEngineOptions,
  type ForecastInput
} from './forecast-desk.ts'
export { FORECAST_MODELS, type ForecastModel, type ModelContext } from './forecast-models.ts'
export {
  ABSENCE_REASONS,
  type AbsenceReason,
  type ChangedSeries,
  type ForecastAbsence,
  type ForecastResult,
  type ModelEvent
} from './forecast-outbox.ts'
export {
  DEFAULT_FORECASTS,
  forecastsVariable,
  hasWindows,
  MAX_HORIZON,
  MAX_LOOKBACK,
  MIN_LOOKBACK,
  type ForecastSpec
} from './forecast-spec.ts'
export { targetWindow, windowLengthMs, type TargetWindow } from './forecast-target.ts'
export {
  isScored,
  VOID_REASONS,
  type Correction,
  type EntryStatus,
  type LedgerEntry,
  type ScoredEntry
} from './ledger-entry.ts'
export { fitLine, intervalHalf, MIN_LINE_POINTS, type FittedLine } from './line-fit.ts'
export { LineSums } from './line-sums.ts'
export {
  labelOf,
  LONG_WINDOW,
  MIN_SCORED,
  SCORE_LABELS,
  RollingScores,
  SHORT_WINDOW,
  SIGNIFICANCE,
  type ScoreBoardState,
  type ScoreLabel,
  type ScoreReport,
  type TestedScores
} from './score-board.ts'
export { contributionOf, type Contribution, type ScoreParts, type Scores } from './scores.ts'
export { shiftedIntervalHalf } from './shifted-interval.ts'
export {
  seriesOfId,
  seriesId,
  type ModelState,
  type SeriesHistory,
  type SeriesRequest,
  type SeriesScores,
  type SeriesState
} from './series-history.ts'
export { StepPace, type StepPaceState } from './step-pace.ts'
export { StepSums } from './step-sums.ts'
export { studentTTwoSided } from './student-t-tail.ts'

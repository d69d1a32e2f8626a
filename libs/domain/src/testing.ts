/** Exports for tests and test programs only; product code must not import it. */

export { AHEAD_LIMIT_MS, BEHIND_LIMIT_MS, RECORDED_MS } from './clock-offset.ts'
export { AdaptiveBand, shiftedIntervalHalf, StepPace } from './forecast/band.ts'
export { Bounce } from './forecast/bounce.ts'
export { Closes, Lookback } from './forecast/closes.ts'
export { LossTest } from './forecast/label.ts'
export type { Fit, ForecastModel } from './forecast/models.ts'
export { fitLine, intervalHalf, type Point } from './forecast/regression.ts'
export { SHORT_WINDOW } from './forecast/scores.ts'
export {
  ChangeDetector,
  studentT975,
  studentTTwoSided,
  type DetectorState
} from './forecast/significance.ts'
export { targetWindow, windowLengthMs } from './forecast/spec.ts'

import type { FittedLine } from './line-fit.ts'

/** What a model may use beside its line. */
export interface ModelContext {
  readonly horizon: number
  readonly lastClose: number
  /** Mean square of the price's change per window over the lookback. */
  readonly stepVariance: number
}

/** One way to continue the price. All are lines through the last closes of one ring. */
export interface ForecastModel {
  readonly name: string
  /** Weight of a close relative to the one a window later. */
  decay(lookback: number): number
  /** The price `horizon` windows after the newest close. */
  forecast(line: FittedLine, context: ModelContext): number
}

/** Ordinary least squares on the last `lookback` closes, continued. */
const linearRegression: ForecastModel = {
  name: 'linear-regression',
  decay: () => 1,
  forecast: ({ slope, intercept }, { horizon }) => intercept + slope * horizon
}

/**
 * Least squares with weights that decay by age, cut off at the lookback: the oldest close weighs
 * about e^-2, so about 0.76 x lookback closes count effectively. The same estimate as recursive least
 * squares with forgetting, without its blow-up.
 */
const exponential: ForecastModel = {
  name: 'exponential',
  decay: (lookback) => (lookback - 1) / (lookback + 1),
  forecast: ({ slope, intercept }, { horizon }) => intercept + slope * horizon
}

/**
 * The last close plus the slope, shrunk by max(0, 1 - 1/t^2) (positive-part James-Stein for one
 * coefficient). t is the slope over its standard error if the price were a random walk,
 * sqrt(6/5 x step variance / n): the usual standard error takes residuals for independent and finds
 * trends in every walk. Source: Durlauf & Phillips, Trends versus random walks in time series
 * analysis, Econometrica 56 (1988).
 */
const shrunk: ForecastModel = {
  name: 'shrunk',
  decay: () => 1,
  forecast({ slope, n }, { horizon, lastClose, stepVariance }) {
    const squared = (1.2 * stepVariance) / n
    const shrink = Math.max(0, 1 - squared / (slope * slope))
    return slope === 0 ? lastClose : lastClose + horizon * slope * shrink
  }
}

export const FORECAST_MODELS: readonly ForecastModel[] = [linearRegression, exponential, shrunk]

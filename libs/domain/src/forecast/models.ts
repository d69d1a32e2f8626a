import type { Lookback } from './closes.ts'
import { fitLine, intervalHalf, type FittedLine } from './regression.ts'
import type { ForecastSpec } from './spec.ts'

/** The forecast of one target by one model; prices in quote currency. */
export interface Fit {
  readonly forecast: number
  /**
   * The model's own 95 % interval. A model without one gets that of a random walk, which is also the start of
   * the adaptive band.
   */
  readonly interval?: { readonly lower: number; readonly upper: number }
  /**
   * What explains the forecast, by name. The four of a line are fields of the stored document, the
   * others are in its field `parameters`.
   */
  readonly parameters: Readonly<Record<string, number>>
}

/** The parameters of a line; prices in quote currency. */
export type LineParameters = {
  /** Per window. */
  readonly slope: number
  /** Height of the line at the newest close. */
  readonly intercept: number
  /** Share of the variance explained; 1 for a flat price, which the line fits fully. */
  readonly r2: number
  /** Standard deviation of the residuals. */
  readonly standardError: number
}

/** One way to forecast a close. docs/recipes.md lists the steps to add one. */
export interface ForecastModel {
  /** Part of the id of every forecast: never to be changed. */
  readonly name: string
  /** The forecast `spec.horizon` windows after the newest close; undefined: too few points. */
  fit(closes: Lookback, spec: ForecastSpec): Fit | undefined
}

/** Ordinary least squares on the last `lookback` closes, continued. */
const linearRegression: ForecastModel = {
  name: 'linear-regression',
  fit: (closes, spec) => continued(closes.line, closes, spec)
}

/**
 * Least squares with weights that decay by age, cut off at the lookback: the oldest close weighs
 * about e^-2, so about 0.76 x lookback closes count effectively. The same estimate as recursive least
 * squares with forgetting, without its instability.
 */
const exponential: ForecastModel = {
  name: 'exponential',
  fit(closes, spec) {
    const growth = Math.log((spec.lookback + 1) / (spec.lookback - 1))
    const weights = closes.points.map((point) => Math.exp(growth * point[0]))
    return continued(fitLine(closes.points, weights), closes, spec)
  }
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
  fit(closes, spec) {
    const { line, lastClose, stepVariance } = closes
    if (line === undefined) return undefined
    const { slope, n } = line
    const share = slope === 0 ? 0 : Math.max(0, 1 - (1.2 * stepVariance) / n / (slope * slope))
    return lineFit(line, closes, spec, lastClose + spec.horizon * slope * share)
  }
}

/** Every model that the engine runs; the first is the headline. */
export const FORECAST_MODELS: readonly [ForecastModel, ...ForecastModel[]] = [
  linearRegression,
  exponential,
  shrunk
]

function continued(
  line: FittedLine | undefined,
  closes: Lookback,
  spec: ForecastSpec
): Fit | undefined {
  if (line === undefined) return undefined
  const forecast = closes.lastClose + line.intercept + line.slope * spec.horizon
  return lineFit(line, closes, spec, forecast)
}

function lineFit(
  line: FittedLine,
  { lastClose }: Lookback,
  { horizon }: ForecastSpec,
  forecast: number
): Fit {
  const { slope, intercept, r2, standardError } = line
  const half = intervalHalf(line, horizon)
  const parameters: LineParameters = { slope, intercept: lastClose + intercept, r2, standardError }
  return {
    forecast,
    interval: { lower: forecast - half, upper: forecast + half },
    parameters
  }
}

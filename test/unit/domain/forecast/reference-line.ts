import { linearRegression } from 'simple-statistics'
import { studentT975 } from '@tapedeck/domain'

/** x in bars relative to the last one (0, and negative before it), y a price. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** A fitted line and what it says of one x; prices in the currency of y, slope per bar. */
export interface LineForecast {
  readonly n: number
  readonly slope: number
  /** Height of the line at the last bar, x = 0. */
  readonly intercept: number
  /** Share of the variance explained; 1 for a flat price, which the line fits fully. */
  readonly r2: number
  /** Standard deviation of the residuals, n - 2 degrees of freedom. */
  readonly standardError: number
  readonly forecast: number
  /** 95 % prediction interval of ordinary least squares (Student's t). */
  readonly lower: number
  readonly upper: number
}

/** Fewer points leave no degree of freedom for the residuals. */
export const MIN_POINTS = 3

/**
 * Ordinary least squares through the points and its forecast at `atX`, or undefined with fewer than
 * three points. x is relative, never an epoch: raw epochs lose the slope to rounding.
 * Source: Draper & Smith, Applied Regression Analysis, ch. 1 (prediction of a new observation).
 */
export function forecastLine(points: readonly Point[], atX: number): LineForecast | undefined {
  const n = points.length
  if (n < MIN_POINTS) return undefined
  const { m: slope, b: intercept } = linearRegression(points.map(({ x, y }) => [x, y]))
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / n
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / n
  let sxx = 0
  let syy = 0
  let sse = 0
  for (const { x, y } of points) {
    sxx += (x - meanX) ** 2
    syy += (y - meanY) ** 2
    sse += (y - (intercept + slope * x)) ** 2
  }
  const standardError = Math.sqrt(sse / (n - 2))
  const forecast = intercept + slope * atX
  const half = studentT975(n - 2) * standardError * Math.sqrt(1 + 1 / n + (atX - meanX) ** 2 / sxx)
  return {
    n,
    slope,
    intercept,
    r2: syy === 0 ? 1 : Math.max(0, 1 - sse / syy),
    standardError,
    forecast,
    lower: forecast - half,
    upper: forecast + half
  }
}

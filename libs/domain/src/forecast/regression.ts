import {
  linearRegression,
  linearRegressionLine,
  rSquared,
  weightedLinearRegression
} from 'simple-statistics'
import { studentT975 } from './significance.ts'

/**
 * A close relative to the newest one: x in windows (0, and negative before it), y its price less the
 * newest price. Raw epochs and prices would cost the slope precision.
 */
export type Point = [x: number, y: number]

/** A line through points; its slope is in price per window. */
export interface FittedLine {
  /** Points used. */
  readonly n: number
  /** The number of points of equal weight with the same information: n for equal weights. Source: Kish. */
  readonly effectiveN: number
  readonly slope: number
  /** Height of the line at the newest close, x = 0. */
  readonly intercept: number
  /** Share of the variance explained; 1 for a flat price, which the line fits fully. */
  readonly r2: number
  /** Standard deviation of the residuals, effectiveN - 2 degrees of freedom. */
  readonly standardError: number
  readonly meanX: number
  /** Sum of squares of x about its mean, scaled to effectiveN points of equal weight. */
  readonly sxx: number
}

/** With fewer points the residuals have no degree of freedom. */
export const MIN_LINE_POINTS = 3
/** Old closes across long quiet spells have almost no weight; two effective points give no line with an error. */
const MIN_EFFECTIVE = 2.4

/**
 * The least-squares line by simple-statistics, undefined with fewer than three points.
 * @param weights of the points; undefined: all equal
 */
export function fitLine(
  points: readonly Point[],
  weights?: readonly number[]
): FittedLine | undefined {
  const n = points.length
  if (n < MIN_LINE_POINTS) return undefined
  let w = 0
  let w2 = 0
  let wx = 0
  let wy = 0
  let i = 0
  for (const point of points) {
    const weight = weights?.[i++] ?? 1
    w += weight
    w2 += weight * weight
    wx += weight * point[0]
    wy += weight * point[1]
  }
  const effectiveN = (w * w) / w2
  if (effectiveN < MIN_EFFECTIVE) return undefined
  const fit =
    weights === undefined ? linearRegression(points) : weightedLinearRegression(points, weights)
  const line = linearRegressionLine(fit)
  const meanX = wx / w
  const meanY = wy / w
  let sxx = 0
  let syy = 0
  let sse = 0
  i = 0
  for (const point of points) {
    const weight = weights?.[i++] ?? 1
    sxx += weight * (point[0] - meanX) ** 2
    syy += weight * (point[1] - meanY) ** 2
    sse += weight * (point[1] - line(point[0])) ** 2
  }
  const r2 = weights === undefined ? rSquared(points, line) : 1 - sse / syy
  return {
    n,
    effectiveN,
    slope: fit.m,
    intercept: fit.b,
    r2: syy === 0 ? 1 : Math.max(0, r2),
    standardError: Math.sqrt(((sse / w) * effectiveN) / (effectiveN - 2)),
    meanX,
    sxx: (sxx * effectiveN) / w
  }
}

/**
 * Half the width of the 95 % prediction interval of a new close at x:
 * t(0.975, n - 2) s sqrt(1 + 1/n + (x - mean x)^2 / Sxx). For weighted lines n is the effective one.
 * Too narrow on prices, whose residuals are not independent: kept as the reference.
 * Source: Draper & Smith, Applied Regression Analysis, ch. 1 and 9 (weighted).
 */
export function intervalHalf(line: FittedLine, x: number): number {
  const { effectiveN, standardError, meanX, sxx } = line
  const degrees = Math.max(1, Math.floor(effectiveN - 2 + 1e-9))
  return (
    studentT975(degrees) * standardError * Math.sqrt(1 + 1 / effectiveN + (x - meanX) ** 2 / sxx)
  )
}

import { studentT975 } from '../student-t.ts'
import type { LineSums } from './line-sums.ts'

/** A line fitted by (weighted) least squares; prices in quote currency, slope per window. */
export interface FittedLine {
  /** Closes used. */
  readonly n: number
  /** As many closes of equal weight say as much: n for equal weights. */
  readonly effectiveN: number
  readonly slope: number
  /** Height of the line at the newest close, x = 0. */
  readonly intercept: number
  /** Share of the variance explained; 1 for a flat price, which the line fits fully. */
  readonly r2: number
  /** Standard deviation of the residuals, effectiveN - 2 degrees of freedom. */
  readonly standardError: number
  readonly meanX: number
  /** Sum of squares of x about its mean, as effectiveN closes of equal weight would have it. */
  readonly sxx: number
}

/** Fewer points leave no degree of freedom for the residuals. */
export const MIN_LINE_POINTS = 3
/** Old closes across long quiet spells weigh next to nothing: two left are no line with an error. */
const MIN_EFFECTIVE = 2.4

/**
 * The least-squares line of the sums, or undefined with fewer than three closes.
 * Source: Draper & Smith, Applied Regression Analysis, ch. 1 and 9 (weighted); effective n: Kish.
 */
export function fitLine(sums: LineSums): FittedLine | undefined {
  const { count: n, anchor, w, wx, wy, wxx, wxy, wyy, w2 } = sums
  const effectiveN = sums.decay === 1 ? n : (w * w) / w2
  if (n < MIN_LINE_POINTS || effectiveN < MIN_EFFECTIVE) return undefined
  const meanX = wx / w
  const meanY = wy / w
  const sxx = wxx - wx * meanX
  const sxy = wxy - wx * meanY
  const syy = Math.max(0, wyy - wy * meanY)
  const slope = sxy / sxx
  const sse = Math.max(0, syy - slope * sxy)
  return {
    n,
    effectiveN,
    slope,
    intercept: anchor + (meanY - slope * meanX),
    r2: syy === 0 ? 1 : Math.max(0, 1 - sse / syy),
    standardError: Math.sqrt(((sse / w) * effectiveN) / (effectiveN - 2)),
    meanX,
    sxx: (sxx * effectiveN) / w
  }
}

/**
 * Half the width of the 95 % prediction interval of a new close at x:
 * t(0.975, n - 2) s sqrt(1 + 1/n + (x - mean x)^2 / Sxx). For weighted lines n is the effective one.
 * Too narrow on prices, whose residuals are not independent: kept as the reference.
 */
export function intervalHalf(line: FittedLine, x: number): number {
  const { effectiveN, standardError, meanX, sxx } = line
  const degrees = Math.max(1, Math.floor(effectiveN - 2 + 1e-9))
  return (
    studentT975(degrees) * standardError * Math.sqrt(1 + 1 / effectiveN + (x - meanX) ** 2 / sxx)
  )
}

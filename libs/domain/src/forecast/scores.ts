import type { ScoredEntry } from './ledger-entry.ts'

/** What one scored forecast adds to the sums; a late revision takes it out and puts in another. */
export interface Contribution {
  readonly targetMs: number
  readonly error: number
  readonly naiveError: number
  readonly driftError: number
  /** 0: no scale. */
  readonly scale: number
  readonly olsWidth: number
  readonly bandWidth: number
  readonly inOls: boolean
  readonly inBand: boolean
}

/** What of an entry the scores are made from. */
export type ScoreParts = Pick<
  ScoredEntry,
  | 'targetMs'
  | 'error'
  | 'naiveError'
  | 'driftError'
  | 'scale'
  | 'lower'
  | 'upper'
  | 'bandLower'
  | 'bandUpper'
  | 'inOls'
  | 'inBand'
>

export function contributionOf(entry: ScoreParts): Contribution {
  const { targetMs, error, naiveError, driftError, inOls, inBand } = entry
  return {
    targetMs,
    error,
    naiveError,
    driftError,
    scale: entry.scale ?? 0,
    olsWidth: entry.upper - entry.lower,
    bandWidth: entry.bandUpper - entry.bandLower,
    inOls,
    inBand
  }
}

const FIELDS = [
  'n',
  'absolute',
  'squared',
  'naiveAbsolute',
  'driftAbsolute',
  'scaled',
  'scaledCount',
  'hits',
  'directions',
  'inOls',
  'inBand',
  'olsWidth',
  'bandWidth',
  'olsWinkler',
  'bandWinkler'
] as const
type Field = (typeof FIELDS)[number]

/** Sums from which every score is derived: a stored mean could not be corrected. */
export type ScoreSums = Record<Field, number>

/** A literal on purpose: an object built from entries is a hash table, four times as slow to add to. */
export function noScores(): ScoreSums {
  return {
    n: 0,
    absolute: 0,
    squared: 0,
    naiveAbsolute: 0,
    driftAbsolute: 0,
    scaled: 0,
    scaledCount: 0,
    hits: 0,
    directions: 0,
    inOls: 0,
    inBand: 0,
    olsWidth: 0,
    bandWidth: 0,
    olsWinkler: 0,
    bandWinkler: 0
  }
}

export function sumsFrom(stored: readonly number[]): ScoreSums {
  const sums = noScores()
  for (const [index, field] of FIELDS.entries()) sums[field] = stored[index] ?? 0
  return sums
}

export function storedSums(sums: ScoreSums): readonly number[] {
  return FIELDS.map((field) => sums[field])
}

/** @param sign 1 puts the contribution in, -1 takes it out again */
export function addScore(sums: ScoreSums, one: Contribution, sign: 1 | -1 = 1): void {
  const absolute = Math.abs(one.error)
  sums.n += sign
  sums.absolute += sign * absolute
  sums.squared += sign * one.error * one.error
  sums.naiveAbsolute += sign * Math.abs(one.naiveError)
  sums.driftAbsolute += sign * Math.abs(one.driftError)
  if (one.scale > 0) {
    sums.scaled += (sign * absolute) / one.scale
    sums.scaledCount += sign
  }
  const moved = one.naiveError
  const said = one.naiveError - one.error
  if (moved !== 0 && said !== 0) {
    sums.directions += sign
    if (moved > 0 === said > 0) sums.hits += sign
  }
  if (one.inOls) sums.inOls += sign
  if (one.inBand) sums.inBand += sign
  sums.olsWidth += sign * one.olsWidth
  sums.bandWidth += sign * one.bandWidth
  sums.olsWinkler += sign * winkler(absolute, one.olsWidth, one.inOls)
  sums.bandWinkler += sign * winkler(absolute, one.bandWidth, one.inBand)
}

/**
 * Width of the interval plus 2/alpha times the distance by which it missed, alpha = 0.05; the bands
 * lie evenly about the forecast. Source: Winkler, J. American Statistical Association 67 (1972).
 */
function winkler(absolute: number, width: number, isInside: boolean): number {
  return isInside ? width : width + (2 / 0.05) * Math.max(0, absolute - width / 2)
}

/** Scores over some scored forecasts; null where they are not defined. Prices in quote currency. */
export interface Scores {
  readonly n: number
  /** Mean absolute error. */
  readonly mae: number | null
  /** Root of the mean squared error. */
  readonly rmse: number | null
  readonly maeNaive: number | null
  readonly maeDrift: number | null
  /**
   * Mean of |error| over the h-step naive error inside the lookback; those without such a scale (flat
   * price, lookback not above the horizon) are left out.
   * Source: Hyndman & Koehler, Int. J. Forecasting 22 (2006).
   */
  readonly mase: number | null
  /** 1 - MAE / MAE of "the price stays put"; above 0 is better. */
  readonly skill: number | null
  /** 1 - MAE / MAE of the drift forecast. */
  readonly skillDrift: number | null
  /** Share of forecasts with the direction right, ties left out. */
  readonly hitRate: number | null
  /** 95 % band of the hit rate. Source: Wilson, J. American Statistical Association 22 (1927). */
  readonly hitLower: number | null
  readonly hitUpper: number | null
  /** Forecast or outcome equal to the last close: no direction. */
  readonly ties: number
  readonly coverageOls: number | null
  readonly coverageBand: number | null
  readonly widthOls: number | null
  readonly widthBand: number | null
  readonly winklerOls: number | null
  readonly winklerBand: number | null
}

export function scoresOf(sums: ScoreSums): Scores {
  const { n, directions } = sums
  const mean = (sum: number): number | null => (n > 0 ? sum / n : null)
  const [hitLower, hitUpper] = wilson(sums.hits, directions)
  return {
    n,
    mae: mean(sums.absolute),
    rmse: n > 0 ? Math.sqrt(Math.max(0, sums.squared) / n) : null,
    maeNaive: mean(sums.naiveAbsolute),
    maeDrift: mean(sums.driftAbsolute),
    mase: sums.scaledCount > 0 ? sums.scaled / sums.scaledCount : null,
    skill: sums.naiveAbsolute > 0 ? 1 - sums.absolute / sums.naiveAbsolute : null,
    skillDrift: sums.driftAbsolute > 0 ? 1 - sums.absolute / sums.driftAbsolute : null,
    hitRate: directions > 0 ? sums.hits / directions : null,
    hitLower,
    hitUpper,
    ties: n - directions,
    coverageOls: mean(sums.inOls),
    coverageBand: mean(sums.inBand),
    widthOls: mean(sums.olsWidth),
    widthBand: mean(sums.bandWidth),
    winklerOls: mean(sums.olsWinkler),
    winklerBand: mean(sums.bandWinkler)
  }
}

const Z = 1.959963984540054

function wilson(hits: number, n: number): [number, number] | [null, null] {
  if (n === 0) return [null, null]
  const rate = hits / n
  const centre = rate + (Z * Z) / (2 * n)
  const half = Z * Math.sqrt((rate * (1 - rate)) / n + (Z * Z) / (4 * n * n))
  const whole = 1 + (Z * Z) / n
  return [Math.max(0, (centre - half) / whole), Math.min(1, (centre + half) / whole)]
}

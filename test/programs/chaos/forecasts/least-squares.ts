/** A close `x` windows before the newest, which has 0. */
export interface PlacedClose {
  readonly x: number
  readonly close: number
}

export interface Line {
  readonly slope: number
  /** At the newest close. */
  readonly intercept: number
  readonly standardError: number
  /** As many closes of equal weight say as much. */
  readonly effectiveN: number
}

/** The weighted least-squares line, from sums about the means: not from sums kept up step by step. */
export function leastSquares(closes: readonly PlacedClose[], decay: number): Line {
  const weighted = closes.map(({ x, close }) => ({ x, y: close, w: decay ** -x }))
  const total = sum(weighted, ({ w }) => w)
  const meanX = sum(weighted, ({ w, x }) => w * x) / total
  const meanY = sum(weighted, ({ w, y }) => w * y) / total
  const sxx = sum(weighted, ({ w, x }) => w * (x - meanX) ** 2)
  const sxy = sum(weighted, ({ w, x, y }) => w * (x - meanX) * (y - meanY))
  const slope = sxy / sxx
  const intercept = meanY - slope * meanX
  const squared = sum(weighted, ({ w, x, y }) => w * (y - intercept - slope * x) ** 2)
  const effectiveN = decay === 1 ? closes.length : total ** 2 / sum(weighted, ({ w }) => w * w)
  const standardError = Math.sqrt(((squared / total) * effectiveN) / (effectiveN - 2))
  return { slope, intercept, standardError, effectiveN }
}

/** Mean square of the change per window. @param closes newest first */
export function stepVariance(closes: readonly PlacedClose[]): number {
  const squares = sum(closes.slice(1), ({ close }, i) => (close - (closes[i]?.close ?? 0)) ** 2)
  return squares / -(closes.at(-1)?.x ?? 0)
}

/** Mean absolute change over `horizon` closes; null without such a pair. @param closes newest first */
export function scaleOver(closes: readonly PlacedClose[], horizon: number): number | null {
  const older = closes.slice(horizon)
  if (older.length === 0) return null
  return sum(older, ({ close }, i) => Math.abs(close - (closes[i]?.close ?? 0))) / older.length
}

function sum<T>(items: readonly T[], of: (item: T, index: number) => number): number {
  return items.reduce((total, item, index) => total + of(item, index), 0)
}

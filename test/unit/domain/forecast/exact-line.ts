/** A close x windows from the newest one, which has 0; x is whole. */
export interface PlacedClose {
  readonly x: number
  readonly close: number
}

/** The least-squares line through closes and what it says; prices in the closes' currency. */
export interface ExactLine {
  readonly slope: number
  /** Height of the line at x = 0. */
  readonly intercept: number
  readonly r2: number
  readonly standardError: number
  readonly forecast: number
}

/**
 * Ordinary least squares in whole numbers: every double is a whole multiple of 2^-1074, so all sums are
 * exact, and each result is rounded once, at the end.
 * Source: Draper & Smith, Applied Regression Analysis, ch. 1.
 */
export function exactLine(closes: readonly PlacedClose[], horizon: number): ExactLine {
  const n = BigInt(closes.length)
  const xs = closes.map(({ x }) => BigInt(x))
  const ys = closes.map(({ close }) => scaled(close))
  const sum = (values: readonly bigint[]): bigint => values.reduce((a, b) => a + b, 0n)
  const products = (a: readonly bigint[], b: readonly bigint[]): bigint =>
    n * sum(a.map((one, i) => one * (b[i] ?? 0n))) - sum(a) * sum(b)
  // n times the sums of squares about the means.
  const [sxx, sxy, syy] = [products(xs, xs), products(xs, ys), products(ys, ys)]
  const lineAt = (x: bigint): number =>
    quotient(sum(ys) * sxx + sxy * (n * x - sum(xs)), n * sxx * ONE)
  return {
    slope: quotient(sxy, sxx * ONE),
    intercept: lineAt(0n),
    r2: syy === 0n ? 1 : quotient(sxy * sxy, sxx * syy),
    standardError: Math.sqrt(quotient(syy * sxx - sxy * sxy, n * (n - 2n) * sxx * ONE * ONE)),
    forecast: lineAt(BigInt(horizon))
  }
}

/** Finer than any price of the tests. */
const ONE = 1n << 200n

function scaled(value: number): bigint {
  // A double times 2^k is exact; 150 bits at a time keep it within range.
  const high = BigInt(Math.trunc(value))
  const rest = value - Math.trunc(value)
  return high * ONE + BigInt(rest * 2 ** 200)
}

/** a / b, rounded from 120 significant bits. */
function quotient(a: bigint, b: bigint): number {
  if (a === 0n) return 0
  const shift = BigInt(Math.max(0, 120 + b.toString(2).length - a.toString(2).length))
  return Number((a << shift) / b) / 2 ** Number(shift)
}

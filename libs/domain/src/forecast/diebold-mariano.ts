import { studentTTwoSided } from './student-t-tail.ts'

/** Whether two forecasts differ in accuracy beyond chance. Negative statistics favour the first. */
export interface DieboldMariano {
  readonly n: number
  /** Null when the differences do not vary. */
  readonly statistic: number | null
  readonly p: number
}

/**
 * Test of equal accuracy on differences of losses (here |error| - |naive error|), in order of time.
 * Forecasts h ahead overlap, so their errors are correlated up to lag h - 1: the variance of the mean is
 * (g0 + 2 sum g_k, k < h) / n with autocovariances g_k (rectangular window; Newey-West's weights
 * 1 - k/h where that is not positive), the statistic is scaled by
 * sqrt((n + 1 - 2h + h (h - 1) / n) / n) and read against Student's t with n - 1 degrees of freedom.
 * Undefined with too few differences for the lag.
 * Sources: Diebold & Mariano, J. Business & Economic Statistics 13 (1995); Harvey, Leybourne &
 * Newbold, Int. J. Forecasting 13 (1997); Newey & West, Econometrica 55 (1987).
 */
export function dieboldMariano(
  differences: ArrayLike<number>,
  horizon: number
): DieboldMariano | undefined {
  const n = differences.length
  const factor = (n + 1 - 2 * horizon + (horizon * (horizon - 1)) / n) / n
  if (n <= horizon || n < 2 || factor <= 0) return undefined
  const { mean, covariances } = autocovariances(differences, horizon)
  const [own = 0, ...lagged] = covariances
  if (own <= 1e-24 * mean * mean) return { n, statistic: null, p: mean === 0 ? 1 : 0 }
  let variance = own + 2 * lagged.reduce((sum, one) => sum + one, 0)
  if (variance <= 0) {
    variance =
      own + 2 * lagged.reduce((sum, one, index) => sum + (1 - (index + 1) / horizon) * one, 0)
  }
  if (variance <= 0) return undefined
  const statistic = (mean / Math.sqrt(variance / n)) * Math.sqrt(factor)
  return { n, statistic, p: studentTTwoSided(statistic, n - 1) }
}

function autocovariances(
  values: ArrayLike<number>,
  lags: number
): { mean: number; covariances: number[] } {
  const n = values.length
  let sum = 0
  for (let index = 0; index < n; index++) sum += values[index] ?? 0
  const mean = sum / n
  const centred = new Float64Array(n)
  for (let index = 0; index < n; index++) centred[index] = (values[index] ?? 0) - mean
  const covariances: number[] = []
  for (let lag = 0; lag < lags; lag++) {
    let products = 0
    for (let index = lag; index < n; index++) {
      products += (centred[index] ?? 0) * (centred[index - lag] ?? 0)
    }
    covariances.push(products / n)
  }
  return { mean, covariances }
}

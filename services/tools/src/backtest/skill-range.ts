import type { Outcome } from './outcomes.ts'

const RESAMPLES = 1000
/** Fewer scored forecasts give no range. */
const MIN_OUTCOMES = 30

/**
 * The 95 % range of skill = 1 - sum |error| / sum |naive error| by a circular block bootstrap: blocks of
 * successive forecasts are drawn again, so that overlapping targets (horizon) and calm and wild hours
 * keep together. Blocks of max(2 horizon, cube root of n). Undefined with too few, or when the naive
 * forecast never errs.
 * Source: Politis & Romano, A circular block-resampling procedure for stationary data (1992).
 */
export function skillRange(
  outcomes: readonly Outcome[],
  horizon: number,
  random: () => number
): readonly [lower: number, upper: number] | undefined {
  const n = outcomes.length
  if (n < MIN_OUTCOMES) return undefined
  const length = Math.min(n, Math.max(2 * horizon, Math.ceil(Math.cbrt(n))))
  // Sums up to each place of the series, twice around: a block is one subtraction.
  const errors = new Float64Array(2 * n + 1)
  const naive = new Float64Array(2 * n + 1)
  for (let i = 0; i < 2 * n; i++) {
    const one = outcomes[i % n]
    errors[i + 1] = (errors[i] ?? 0) + Math.abs(one?.error ?? 0)
    naive[i + 1] = (naive[i] ?? 0) + Math.abs(one?.naiveError ?? 0)
  }
  const skills = new Float64Array(RESAMPLES)
  for (let resample = 0; resample < RESAMPLES; resample++) {
    let error = 0
    let naiveError = 0
    for (let taken = 0; taken < n; taken += length) {
      const from = Math.floor(random() * n)
      const to = from + Math.min(length, n - taken)
      error += (errors[to] ?? 0) - (errors[from] ?? 0)
      naiveError += (naive[to] ?? 0) - (naive[from] ?? 0)
    }
    if (naiveError <= 0) return undefined
    skills[resample] = 1 - error / naiveError
  }
  skills.sort()
  return [skills[Math.floor(RESAMPLES * 0.025)] ?? 0, skills[Math.ceil(RESAMPLES * 0.975) - 1] ?? 0]
}

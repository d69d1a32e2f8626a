import { minScored, SCORE_LABELS } from '@tapedeck/domain'
import { LossTest } from '@tapedeck/domain/testing'

/**
 * Scores after which a row is labelled for the first time among `most`; undefined: it never is. Looks after
 * every block of 8 scores or two horizons, for nothing changes within one.
 */
export function firstLabel(horizon: number, next: () => number, most: number): number | undefined {
  const test = new LossTest(horizon)
  const block = minScored(horizon) / 16
  for (let scores = 1; scores <= most; scores++) {
    test.add(next())
    if (scores % block !== 0) continue
    const { label } = test
    if (label === SCORE_LABELS.better || label === SCORE_LABELS.worse) return scores
  }
  return undefined
}

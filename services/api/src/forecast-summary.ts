import type { ForecastScore } from '@tapedeck/mongo'

export type SkillLabel =
  | 'no scored forecast yet'
  | 'better than the last price'
  | 'worse than the last price'
  | 'equal to the last price'

export interface ForecastSummary {
  readonly symbol: string
  readonly timeframe: string
  readonly scored: number
  readonly mae: number | null
  readonly naiveMae: number | null
  /** 1 - mae / naiveMae: the share of the naive forecast's error that the model saves. */
  readonly skill: number | null
  readonly label: SkillLabel
}

/** Means of equal errors differ in their last digits by the order of summation. */
const SAME = 1e-9

/** How a symbol's forecasts did against "the price stays put"; pure. */
export function forecastSummary(
  symbol: string,
  timeframe: string,
  score: ForecastScore | undefined
): ForecastSummary {
  if (score === undefined || score.scored === 0) {
    const label = 'no scored forecast yet'
    return { symbol, timeframe, scored: 0, mae: null, naiveMae: null, skill: null, label }
  }
  const { scored, mae, naiveMae } = score
  const skill = naiveMae > 0 ? 1 - mae / naiveMae : null
  return { symbol, timeframe, scored, mae, naiveMae, skill, label: labelOf(mae, naiveMae) }
}

function labelOf(mae: number, naiveMae: number): SkillLabel {
  if (Math.abs(mae - naiveMae) <= SAME * Math.max(mae, naiveMae)) return 'equal to the last price'
  return mae < naiveMae ? 'better than the last price' : 'worse than the last price'
}

import { minScored, SCORE_LABELS } from '@tapedeck/domain'

/** A label and the numbers behind it. */
export interface LabelledScore {
  readonly label: string
  /** Bars ahead. */
  readonly horizon: number
  /** Scored forecasts. */
  readonly n: number
  /** Mean absolute errors, in quote currency; null while nothing is scored. */
  readonly mae: number | null
  readonly maeNaive: number | null
  readonly p: number | null
}

const DIGITS = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3, useGrouping: false })
/** The digits of a smaller p-value have no meaning. */
const LEAST_P = 0.001

/** The label with its numbers in one sentence: the score of a model against "the price stays put". */
export function verdictText({ label, horizon, n, mae, maeNaive, p }: LabelledScore): string {
  const errors =
    mae === null || maeNaive === null
      ? ''
      : `MAE ${DIGITS.format(mae)} against ${DIGITS.format(maeNaive)}`
  if (label === SCORE_LABELS.tooFew) {
    return `${label}: ${n} of ${minScored(horizon)}${errors === '' ? '' : `, ${errors} so far`}`
  }
  return `${label}: ${errors} over ${n} forecasts${p === null ? '' : `, p ${probabilityText(p)}`}`
}

function probabilityText(p: number): string {
  return p < LEAST_P ? `below ${LEAST_P}` : DIGITS.format(Math.round(p * 1000) / 1000)
}

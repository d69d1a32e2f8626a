import { SCORE_LABELS, type ForecastSpec } from '@tapedeck/domain'
import type { ForecastScoreRow } from '@tapedeck/mongo'
import { headline, numbersOf } from './forecast-scores.ts'
import { verdictText } from './forecast-verdict.ts'

/** The label where no forecast is made; the others are SCORE_LABELS. */
const NO_FORECAST = 'no forecast'

export interface SummaryFacts {
  readonly symbol: string
  readonly timeframe: string
  /** Undefined: every horizon. */
  readonly horizon: number | undefined
  readonly model: string
  /** The configured forecasts. */
  readonly forecasts: readonly ForecastSpec[]
  /** Scores of this symbol and model, of any timeframe. */
  readonly scores: readonly ForecastScoreRow[]
}

export interface SummaryRow {
  readonly symbol: string
  readonly timeframe: string
  /** Null where no forecast is made and the request names no horizon. */
  readonly horizon: number | null
  readonly model: string
  readonly label: string
  readonly verdict: string
  /** Scored forecasts that the label and the numbers rest on: all. */
  readonly scored: number
  readonly mae: number | null
  readonly naiveMae: number | null
  readonly skill: number | null
  readonly p: number | null
  readonly hitRate: number | null
  readonly coverageBand: number | null
}

/**
 * The score of a model on a symbol, one row for each horizon. There is always a row: a missing forecast is one too.
 */
export function forecastSummary({
  symbol,
  timeframe,
  horizon: asked,
  model,
  forecasts,
  scores
}: SummaryFacts): readonly SummaryRow[] {
  const own = scores.filter((score) => score.timeframe === timeframe)
  const made = forecasts.filter((spec) => spec.timeframe === timeframe)
  const horizons = new Set([...made, ...own].map(({ horizon }) => horizon))
  const shown = [...horizons].filter((one) => asked === undefined || one === asked)
  const row = { symbol, timeframe, model }
  if (shown.length === 0) {
    const ahead = `${asked} bar${asked === 1 ? '' : 's'} ahead`
    const which = horizons.size === 0 ? 'for this timeframe' : ahead
    const verdict = `no forecast ${which} (FORECASTS)`
    return [{ ...row, horizon: asked ?? null, label: NO_FORECAST, verdict, ...NOTHING }]
  }
  return shown
    .toSorted((a, b) => a - b)
    .map((horizon) => {
      const score = own.find((one) => one.horizon === horizon)
      if (score === undefined) return { ...row, horizon, ...unscored(horizon), ...NOTHING }
      const { label, verdict, labelN, skill, p } = headline(score)
      const { mae, maeNaive, hitRate, coverageBand } = numbersOf(score, 'total')
      return {
        ...row,
        horizon,
        label,
        verdict,
        scored: labelN,
        mae,
        naiveMae: maeNaive,
        skill,
        p,
        hitRate,
        coverageBand
      }
    })
}

const NOTHING = {
  scored: 0,
  mae: null,
  naiveMae: null,
  skill: null,
  p: null,
  hitRate: null,
  coverageBand: null
} as const

function unscored(horizon: number) {
  const label = SCORE_LABELS.tooFew
  const verdict = verdictText({ label, horizon, n: 0, mae: null, maeNaive: null, p: null })
  return { label, verdict }
}

import {
  dieboldMariano,
  FORECAST_MODELS,
  labelOf,
  type DieboldMariano,
  type ScoreLabel,
  type Scores
} from '@tapedeck/domain'
import type { ModelResult } from './engine.ts'
import type { Outcome } from './outcomes.ts'
import { randomFrom, seedOf } from './random.ts'
import { skillRange } from './skill-range.ts'

/** Scores in which a band has hardly learnt yet. */
const EARLY = 30

/** How one model did on one series over the whole run; the scores are those of `Scores`. */
export interface ScoreRow extends Scores {
  readonly symbol: string
  readonly timeframe: string
  readonly lookback: number
  readonly horizon: number
  readonly model: string
  /** Forecasts whose target had no trade or was not covered by the feed. */
  readonly voids: number
  /** 95 % range of skill by resampling; null with too few scores. */
  readonly skillLower: number | null
  readonly skillUpper: number | null
  /** Coverage of the adaptive band over the first EARLY scores, or as many as there are. */
  readonly coverageEarly: number | null
  /** Against naive over all scored; null where it is not defined. */
  readonly dieboldMariano: DieboldMariano | null
  readonly label: ScoreLabel
  /** The label that a reader of the live system would see now: of the last 500. */
  readonly labelNow: ScoreLabel
  readonly changePoints: number
}

/** The rows by symbol, timeframe, lookback, horizon and model. */
export function scoreRows(results: readonly ModelResult[], seed: number): ScoreRow[] {
  return results.map((result) => scoreRow(result, seed)).sort(byName)
}

function scoreRow({ outcomes, report }: ModelResult, seed: number): ScoreRow {
  const { symbol, timeframe, lookback, horizon, model, voids, changePoints } = outcomes
  const scored = outcomes.scored()
  const test = dieboldMariano(Float64Array.from(scored, lossDifference), horizon) ?? null
  const name = `${symbol}|${timeframe}|${lookback}|${horizon}|${model}`
  const range = skillRange(scored, horizon, randomFrom(seedOf(seed, name)))
  const early = scored.slice(0, EARLY)
  const { total } = report
  return {
    symbol,
    timeframe,
    lookback,
    horizon,
    model,
    ...total,
    voids,
    skillLower: range?.[0] ?? null,
    skillUpper: range?.[1] ?? null,
    coverageEarly:
      early.length === 0 ? null : early.filter(({ inBand }) => inBand).length / early.length,
    dieboldMariano: test,
    label: labelOf(total.n, total.skill, test?.p ?? null),
    labelNow: report.label,
    changePoints
  }
}

function lossDifference({ error, naiveError }: Outcome): number {
  return Math.abs(error) - Math.abs(naiveError)
}

const MODELS = FORECAST_MODELS.map(({ name }) => name)

function byName(a: ScoreRow, b: ScoreRow): number {
  if (a.symbol !== b.symbol) return a.symbol < b.symbol ? -1 : 1
  if (a.timeframe !== b.timeframe) return a.timeframe < b.timeframe ? -1 : 1
  return (
    a.lookback - b.lookback ||
    a.horizon - b.horizon ||
    MODELS.indexOf(a.model) - MODELS.indexOf(b.model)
  )
}

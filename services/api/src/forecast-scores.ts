import type { ForecastScoreRow } from '@tapedeck/mongo'
import { verdictText } from './forecast-verdict.ts'

/** The windows of the stored scores. */
export const SCORE_WINDOWS = ['last50', 'last500', 'day', 'total'] as const
/** Numbers of each window; for formulas see libs/domain/src/forecast/scores.ts. */
export const SCORE_NUMBERS = [
  'n',
  'mae',
  'rmse',
  'maeNaive',
  'maeDrift',
  'mase',
  'skill',
  'skillDrift',
  'hitRate',
  'hitLower',
  'hitUpper',
  'ties',
  'coverageOls',
  'coverageBand',
  'widthOls',
  'widthBand',
  'winklerOls',
  'winklerBand'
] as const
/** The share of outcomes that should lie inside the bands. */
const NOMINAL_COVERAGE = 0.95

type Window = (typeof SCORE_WINDOWS)[number]
export type ScoreNumbers = Readonly<Record<(typeof SCORE_NUMBERS)[number], number | null>>

/** The name of a number in a flat row: last500Mae. */
export function flatName(window: Window, name: string): string {
  return `${window}${name.charAt(0).toUpperCase()}${name.slice(1)}`
}

/** Scores of one model on one series in one flat row, for Grafana. */
export function scoreRow(one: ForecastScoreRow) {
  const flat = SCORE_WINDOWS.flatMap((window) => {
    const numbers = Object.entries(numbersOf(one, window))
    return numbers.map(([name, value]) => [flatName(window, name), value] as const)
  })
  const { symbol, timeframe, horizon, model } = one
  return {
    id: one._id,
    symbol,
    timeframe,
    horizon,
    horizonText: String(horizon),
    model,
    name: `${timeframe} +${horizon} ${model}`,
    ...headline(one),
    nominalCoverage: NOMINAL_COVERAGE,
    ...Object.fromEntries(flat)
  }
}

/** The same scores for people: one object for each window, with its test. */
export function scoreTree(one: ForecastScoreRow) {
  const { timeframe, horizon, model } = one
  const windows = SCORE_WINDOWS.map((window) => [
    window,
    { ...numbersOf(one, window), dieboldMariano: testOf(one[window]['dieboldMariano']) }
  ])
  return { timeframe, horizon, model, ...headline(one), ...Object.fromEntries(windows) }
}

export function numbersOf(one: ForecastScoreRow, window: Window): ScoreNumbers {
  const fields = SCORE_NUMBERS.map((name) => [name, numberOrNull(one[window][name])])
  return Object.fromEntries(fields) as ScoreNumbers
}

/** The label and the numbers behind it. */
export function headline(one: ForecastScoreRow) {
  const { label, labelN, skill, p, horizon, tradeDate, updatedAt } = one
  const { mae, maeNaive } = numbersOf(one, 'total')
  return {
    label,
    verdict: verdictText({ label, horizon, n: labelN, mae, maeNaive, p }),
    labelN,
    skill,
    p,
    tradeDate,
    updatedAt: updatedAt.getTime()
  }
}

function testOf(found: unknown) {
  if (typeof found !== 'object' || found === null) return null
  const { n, statistic, p } = found as Record<string, unknown>
  return { n: numberOrNull(n), statistic: numberOrNull(statistic), p: numberOrNull(p) }
}

function numberOrNull(value: unknown): number | null {
  return Number.isFinite(value) ? (value as number) : null
}

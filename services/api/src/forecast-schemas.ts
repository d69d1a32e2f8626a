/** The JSON schemas of forecasts, scores, change points and absences; see schemas.ts. */

import { flatName, SCORE_NUMBERS, SCORE_WINDOWS } from './forecast-scores.ts'
import {
  list,
  number,
  numberOrNull,
  object,
  rows,
  text,
  textOrNull,
  whole,
  wholeOrNull,
  type Schema
} from './schema-parts.ts'

const flagOrNull = { type: 'boolean', nullable: true } as const
const SERIES = { symbol: text, timeframe: text, horizon: whole } as const

export const FORECASTS_SCHEMA = list('forecasts', {
  id: text,
  ...SERIES,
  time: whole,
  targetEnd: whole,
  tradeDate: textOrNull,
  madeFrom: whole,
  createdAt: whole,
  leadSeconds: number,
  timing: textOrNull,
  madeAtOffset: wholeOrNull,
  model: text,
  modelVersion: wholeOrNull,
  lookback: wholeOrNull,
  n: whole,
  slope: numberOrNull,
  intercept: numberOrNull,
  r2: numberOrNull,
  standardError: numberOrNull,
  forecast: number,
  bandLower: numberOrNull,
  bandUpper: numberOrNull,
  bandFrom: textOrNull,
  lower: number,
  upper: number,
  lastClose: number,
  naive: numberOrNull,
  drift: numberOrNull,
  scale: numberOrNull,
  status: { type: 'string', enum: ['open', 'scored', 'void'] },
  reason: textOrNull,
  actual: numberOrNull,
  actualRevision: wholeOrNull,
  error: numberOrNull,
  absError: numberOrNull,
  naiveForecast: number,
  naiveError: numberOrNull,
  absNaiveError: numberOrNull,
  driftError: numberOrNull,
  absDriftError: numberOrNull,
  inOls: flagOrNull,
  inBand: flagOrNull,
  scoreRevision: wholeOrNull,
  corrections: rows({ rewrite: whole, was: numberOrNull, wasRevision: whole, reason: textOrNull }),
  scoredAt: wholeOrNull,
  feed: text
})

export const FORECAST_SUMMARY_SCHEMA = list('summary', {
  symbol: text,
  timeframe: text,
  horizon: wholeOrNull,
  model: text,
  label: text,
  verdict: text,
  scored: whole,
  mae: numberOrNull,
  naiveMae: numberOrNull,
  skill: numberOrNull,
  p: numberOrNull,
  hitRate: numberOrNull,
  coverageBand: numberOrNull
})

const HEADLINE = {
  label: text,
  verdict: text,
  labelN: whole,
  skill: numberOrNull,
  p: numberOrNull,
  tradeDate: text,
  updatedAt: whole
} as const

function all<T>(
  keys: readonly string[],
  schemaOf: (key: string) => T
): Readonly<Record<string, T>> {
  return Object.fromEntries(keys.map((key) => [key, schemaOf(key)]))
}

const FLAT = SCORE_WINDOWS.flatMap((window) => SCORE_NUMBERS.map((name) => flatName(window, name)))

export const FORECAST_SCORES_SCHEMA = list('scores', {
  id: text,
  ...SERIES,
  horizonText: text,
  model: text,
  name: text,
  ...HEADLINE,
  nominalCoverage: number,
  ...all<Schema>(FLAT, () => numberOrNull)
})

const TEST = { n: wholeOrNull, statistic: numberOrNull, p: numberOrNull }
const WINDOW = object({
  ...all<Schema>(SCORE_NUMBERS, () => numberOrNull),
  dieboldMariano: { ...object(TEST), nullable: true }
})

export const SYMBOL_SCORES_SCHEMA = object({
  symbol: text,
  scores: rows({
    timeframe: text,
    horizon: whole,
    model: text,
    ...HEADLINE,
    ...all<Schema>(SCORE_WINDOWS, () => WINDOW)
  })
})

export const FORECAST_EVENTS_SCHEMA = list('events', {
  id: text,
  time: whole,
  kind: text,
  ...SERIES,
  model: text,
  modelVersion: whole,
  statistic: number,
  threshold: number,
  text
})

export const FORECAST_ABSENCES_SCHEMA = list('absences', {
  id: text,
  time: whole,
  timeEnd: whole,
  ...SERIES,
  reason: text,
  tradeDate: text,
  text
})

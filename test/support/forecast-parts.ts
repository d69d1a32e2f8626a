import { SCORE_LABELS } from '@tapedeck/domain'
import type { ForecastEventDocument, ForecastScoreDocument } from '@tapedeck/mongo'

const SOURCE = { log: 'raw_data/0', offset: 1, epoch: 1 } as const

/** Scores over some forecasts, as the consumer stores them. */
export function someScores(n: number, parts: Readonly<Record<string, unknown>> = {}) {
  return {
    n,
    mae: n === 0 ? null : 0.021,
    rmse: n === 0 ? null : 0.03,
    maeNaive: n === 0 ? null : 0.015,
    maeDrift: n === 0 ? null : 0.02,
    mase: n === 0 ? null : 1.2,
    skill: n === 0 ? null : -0.4,
    skillDrift: n === 0 ? null : -0.05,
    hitRate: n === 0 ? null : 0.5,
    hitLower: n === 0 ? null : 0.45,
    hitUpper: n === 0 ? null : 0.55,
    ties: n === 0 ? 0 : 2,
    coverageOls: n === 0 ? null : 0.9,
    coverageBand: n === 0 ? null : 0.952,
    widthOls: n === 0 ? null : 0.08,
    widthBand: n === 0 ? null : 0.1,
    winklerOls: n === 0 ? null : 0.16,
    winklerBand: n === 0 ? null : 0.14,
    ...parts
  }
}

/** A model that is worse than naive on a series; others by `parts`. */
export function aScore(
  symbol: string,
  timeframe: string,
  horizon: number,
  parts: Partial<ForecastScoreDocument> = {}
): ForecastScoreDocument {
  const model = parts.model ?? 'linear-regression'
  const test = { dieboldMariano: { n: 500, statistic: 3.3, p: 0.001 } }
  return {
    _id: `${symbol}|${timeframe}|${horizon}|${model}`,
    symbol,
    timeframe,
    horizon,
    model,
    label: SCORE_LABELS.worse,
    labelN: 700,
    skill: -0.4,
    p: 0.001,
    last50: someScores(50, test),
    last500: someScores(500, test),
    day: someScores(300),
    tradeDate: '2025-01-31',
    total: someScores(700),
    updatedAt: new Date('2025-01-31T16:00:00Z'),
    source: SOURCE,
    ...parts
  }
}

/** A change point of linear regression at a moment. */
export function aChange(
  symbol: string,
  timeframe: string,
  horizon: number,
  at: Date
): ForecastEventDocument {
  const model = 'linear-regression'
  return {
    _id: `${symbol}|${timeframe}|${horizon}|${model}|2`,
    kind: 'change point',
    symbol,
    timeframe,
    horizon,
    model,
    modelVersion: 2,
    at,
    statistic: 21.5,
    threshold: 20
  }
}

/** The fields of a forecast of which only the errors matter. */
export function forecastParts(lastClose: number, forecast: number, actual: number | null) {
  return {
    modelVersion: 1,
    tradeDate: '2025-01-31',
    bandLower: forecast - 0.1,
    bandUpper: forecast + 0.1,
    bandFrom: 'adaptive',
    naive: lastClose,
    drift: lastClose,
    scale: 0.05,
    actualRevision: actual === null ? -1 : 0,
    driftError: actual === null ? null : actual - lastClose,
    inOls: actual === null ? null : true,
    inBand: actual === null ? null : Math.abs(actual - forecast) <= 0.1,
    scoreRevision: 0,
    corrections: [],
    madeAtOffset: 9,
    timing: 'prompt'
  } as const
}

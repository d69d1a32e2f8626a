import { FORECAST_MODELS } from '@tapedeck/domain'
import type { Database, ForecastScoreDocument } from '@tapedeck/mongo'
import { COUNTED, countScores } from '../../../support/count-scores.ts'
import type { Findings } from '../findings.ts'
import type { SeriesFacts } from './series-facts.ts'

/** Relative; sums in another order differ in their last digits. */
const TOLERANCE = 1e-9
/** In sums that were taken out again after late trades, and differences of nearly equal ones. */
const ABSOLUTE_TOLERANCE = 1e-9

/** Scores seen: a model of a series each. */
export interface ScoreCheck {
  readonly scores: number
  readonly equal: number
}

/** What `forecast_scores` says of each model of a series equals what MongoDB counts over its entries. */
export async function checkScores(
  database: Database,
  { id, symbol, spec }: SeriesFacts,
  kind: string,
  findings: Findings
): Promise<ScoreCheck> {
  let scores = 0
  let equal = 0
  for (const { name: model } of FORECAST_MODELS) {
    const { timeframe, horizon } = spec
    const series = { symbol, timeframe, horizon, model }
    const stored = await database.forecastScores.findOne({ _id: `${id}|${model}` })
    if (stored === null) {
      const count = await database.forecasts.countDocuments({ ...series, ...COUNTED })
      if (count > 0) findings.add(kind, `scores ${id}|${model}: not stored, expected ${count}`)
      continue
    }
    scores++
    const problems: string[] = []
    for (const [field, tradeDate, newest] of [
      ['total', undefined, undefined],
      ['day', stored.tradeDate, undefined],
      ['last500', undefined, 500],
      ['last50', undefined, 50]
    ] as const) {
      const of = tradeDate === undefined ? series : { ...series, tradeDate }
      const counted = await countScores(database, of, newest)
      problems.push(...problemsOf(field, stored[field], counted ?? { n: 0 }))
      if (field === 'total' && stored.labelN !== (counted?.n ?? 0)) {
        problems.push(`labelN ${stored.labelN}, expected ${counted?.n ?? 0}`)
      }
    }
    if (problems.length > 0) findings.add(kind, `scores ${id}|${model}: ${problems.join(', ')}`)
    else equal++
  }
  return { scores, equal }
}

function problemsOf(
  field: string,
  stored: ForecastScoreDocument['total'],
  counted: object
): string[] {
  return Object.entries(counted)
    .filter(([name, expected]) => !isClose(stored[name], expected))
    .map(([name, expected]) => `${field} ${name} ${String(stored[name])}, expected ${expected}`)
}

function isClose(found: unknown, expected: unknown): boolean {
  if (typeof found !== 'number' || typeof expected !== 'number') return found === expected
  const size = Math.max(Math.abs(found), Math.abs(expected))
  return Math.abs(found - expected) <= TOLERANCE * size + ABSOLUTE_TOLERANCE
}

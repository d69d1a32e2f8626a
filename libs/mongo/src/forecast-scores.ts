import type { ChangedSeries, TestedScores } from '@tapedeck/domain'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { reading } from './failure.ts'
import { ofSeries, type SeriesQuery } from './forecast-series.ts'
import { storeDocuments, type Owner, type Source } from './guard.ts'
import { compareTexts } from './newest-rows.ts'
import { orNull, readable, shapeOf, type HasReport } from './shape.ts'

/** Scores over some forecasts of a series; libs/domain/src/forecast/scores.ts has the formulas. */
type ScoreFields = Readonly<Record<string, unknown>>

/** The scores of a model on a series; `_id` is `<symbol>|<timeframe>|<horizon>|<model>`. */
export interface ForecastScoreDocument {
  readonly _id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly model: string
  /** `better than naive`, `not distinguishable`, `worse than naive` or `too few scores`. */
  readonly label: string
  /** The number of scored forecasts behind the label, skill and p: all of the row. */
  readonly labelN: number
  readonly skill: number | null
  readonly p: number | null
  readonly last50: ScoreFields
  readonly last500: ScoreFields
  readonly day: ScoreFields
  readonly tradeDate: string
  readonly total: ScoreFields
  readonly updatedAt: Date
  readonly source: Source
}

export const FORECAST_SCORES = new CollectionSpec<ForecastScoreDocument>('forecast_scores', {
  writeConcern: DURABLE
})

const SCORES_SHAPE = shapeOf({
  _id: 'text',
  symbol: 'text',
  timeframe: 'text',
  horizon: 'whole',
  model: 'text',
  label: 'text',
  labelN: 'whole',
  skill: orNull('number'),
  p: orNull('number'),
  last50: 'object',
  last500: 'object',
  day: 'object',
  total: 'object',
  tradeDate: 'text',
  updatedAt: 'date'
})

type HasForecastScores = Has<'forecastScores', ForecastScoreDocument>

/** The scores of each model of a series as they are stored. */
export function scoreDocuments(
  series: ChangedSeries,
  source: Source,
  updatedAt: Date
): ForecastScoreDocument[] {
  const { id, symbol, timeframe, horizon } = series
  return [...series.scores()].map(([model, report]) => {
    const { last50, last500, day, total, ...headline } = report
    return {
      _id: `${id}|${model}`,
      symbol,
      timeframe,
      horizon,
      model,
      ...headline,
      last50: fieldsOf(last50),
      last500: fieldsOf(last500),
      day: fieldsOf(day),
      total: fieldsOf(total),
      updatedAt,
      source
    }
  })
}

function fieldsOf(scores: TestedScores): ScoreFields {
  return { ...scores }
}

/** Stores scores under the guard. Returns how many stored scores were newer and stayed. */
export async function storeScores(
  { forecastScores }: HasForecastScores,
  owner: Owner,
  changed: readonly ForecastScoreDocument[]
): Promise<number> {
  return storeDocuments(forecastScores, owner, { fresh: [], changed })
}

/** Scores without what only the consumer needs. */
export type ForecastScoreRow = Omit<ForecastScoreDocument, 'source'>

/** More rows (symbols x forecasts x models) than this are not read. */
const MOST_SCORES = 10_000

/** The scores of series by symbol, timeframe, horizon and model. */
export function findForecastScores(
  { forecastScores, unreadable }: HasForecastScores & HasReport,
  query: SeriesQuery,
  timeoutMs: number
): Promise<ForecastScoreRow[]> {
  return reading('forecast_scores', timeoutMs, async () => {
    const rows = await forecastScores
      .find(ofSeries(query), { projection: { source: 0 }, timeoutMS: timeoutMs })
      .limit(MOST_SCORES)
      .toArray()
    return readable('forecast_scores', SCORES_SHAPE, rows, { unreadable }).toSorted(bySeries)
  })
}

function bySeries(a: ForecastScoreRow, b: ForecastScoreRow): number {
  return (
    compareTexts(a.symbol, b.symbol) ||
    compareTexts(a.timeframe, b.timeframe) ||
    a.horizon - b.horizon ||
    compareTexts(a.model, b.model)
  )
}

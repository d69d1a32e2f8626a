import type { Database } from '@tapedeck/mongo'

/** Scores counted by MongoDB alone from forecasts and outcomes: what forecast_scores must say. */
export interface CountedScores {
  readonly n: number
  readonly mae: number
  readonly rmse: number
  readonly maeNaive: number
  readonly maeDrift: number
  readonly mase: number | null
  readonly skill: number | null
  readonly skillDrift: number | null
  readonly hitRate: number | null
  readonly ties: number
  readonly coverageOls: number
  readonly coverageBand: number
  readonly widthOls: number
  readonly widthBand: number
  readonly winklerOls: number
  readonly winklerBand: number
}

export interface Series {
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly model: string
  /** Only targets of this trading date. */
  readonly tradeDate?: string
}

/** Scored, and not stored too late. */
export const COUNTED = { status: 'scored', timing: { $nin: ['during', 'after'] } } as const

const distance = (from: string): object => ({ $abs: { $subtract: ['$actual', from] } })
const share = (condition: object): object => ({ $avg: { $cond: [condition, 1, 0] } })
const width = (lower: string, upper: string): object => ({ $subtract: [upper, lower] })
const inside = (lower: string, upper: string): object => ({
  $and: [{ $gte: ['$actual', lower] }, { $lte: ['$actual', upper] }]
})
/** Width, and 2 / 0.05 for each unit that the outcome lies outside. */
const winkler = (lower: string, upper: string): object => ({
  $add: [
    width(lower, upper),
    {
      $multiply: [
        40,
        { $max: [0, { $subtract: [lower, '$actual'] }, { $subtract: ['$actual', upper] }] }
      ]
    }
  ]
})
const saved = (against: string): object => ({
  $cond: [{ $eq: [against, 0] }, null, { $subtract: [1, { $divide: ['$mae', against] }] }]
})

/**
 * Takes the outcome and what was forecast, none of the stored errors or flags. Undefined when nothing
 * is scored.
 * @param newest how many of the newest scored forecasts by target; all unless told
 */
export async function countScores(
  { forecasts }: Database,
  series: Series,
  newest?: number
): Promise<CountedScores | undefined> {
  const moved = { $cmp: ['$actual', '$naive'] }
  const said = { $cmp: ['$forecast', '$naive'] }
  const product = { $multiply: [moved, said] }
  const [found] = await forecasts
    .aggregate<CountedScores>([
      { $match: { ...series, ...COUNTED } },
      { $sort: { target: -1 } },
      ...(newest === undefined ? [] : [{ $limit: newest }]),
      {
        $group: {
          _id: null,
          n: { $sum: 1 },
          mae: { $avg: distance('$forecast') },
          squared: { $avg: { $pow: [distance('$forecast'), 2] } },
          maeNaive: { $avg: distance('$naive') },
          maeDrift: { $avg: distance('$drift') },
          mase: {
            // Those without a scale are null, which an average leaves out.
            $avg: {
              $cond: [{ $gt: ['$scale', 0] }, { $divide: [distance('$forecast'), '$scale'] }, null]
            }
          },
          hits: { $sum: { $cond: [{ $eq: [product, 1] }, 1, 0] } },
          ties: { $sum: { $cond: [{ $eq: [product, 0] }, 1, 0] } },
          coverageOls: share(inside('$lower', '$upper')),
          coverageBand: share(inside('$bandLower', '$bandUpper')),
          widthOls: { $avg: width('$lower', '$upper') },
          widthBand: { $avg: width('$bandLower', '$bandUpper') },
          winklerOls: { $avg: winkler('$lower', '$upper') },
          winklerBand: { $avg: winkler('$bandLower', '$bandUpper') }
        }
      },
      {
        $set: {
          rmse: { $sqrt: '$squared' },
          skill: saved('$maeNaive'),
          skillDrift: saved('$maeDrift'),
          hitRate: {
            $cond: [
              { $eq: ['$ties', '$n'] },
              null,
              { $divide: ['$hits', { $subtract: ['$n', '$ties'] }] }
            ]
          }
        }
      },
      { $unset: ['_id', 'squared', 'hits'] }
    ])
    .toArray()
  return found
}

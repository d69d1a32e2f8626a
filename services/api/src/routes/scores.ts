import { minScored, SCORE_LABELS, type ForecastSpec } from '@tapedeck/domain'
import type { ForecastScoreRow } from '@tapedeck/mongo'
import { Type, type Static } from 'typebox'
import {
  answers,
  number,
  numberOrNull,
  object,
  orNull,
  rows,
  text,
  whole,
  wholeOrNull,
  type Routes,
  type RouteTools
} from '../http.ts'
import {
  ANY_TIMEFRAME,
  FIELDS,
  FIRST_MODEL,
  HORIZON,
  MODEL,
  path,
  query,
  SYMBOL_IN_PATH,
  SYMBOLS,
  TIMEFRAME_OR_AUTO
} from '../query.ts'
import { forecastTimeframe } from './chart.ts'

/** The windows of the stored scores. */
const SCORE_WINDOWS = ['last50', 'last500', 'day', 'total'] as const
/** Numbers of each window; for formulas see libs/domain/src/forecast/scores.ts. */
const SCORE_NUMBERS = [
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
type ScoreNumbers = Readonly<Record<(typeof SCORE_NUMBERS)[number], number | null>>

/** The name of a number in a flat row: last500Mae. */
function flatName(window: Window, name: string): string {
  return `${window}${name.charAt(0).toUpperCase()}${name.slice(1)}`
}

const HEADLINE = {
  label: text,
  verdict: text,
  labelN: whole,
  skill: numberOrNull,
  p: numberOrNull,
  tradeDate: text,
  updatedAt: whole
}

function all<T>(keys: readonly string[], schema: T): Readonly<Record<string, T>> {
  return Object.fromEntries(keys.map((key) => [key, schema]))
}

const SUMMARY = object({
  summary: rows({
    symbol: text,
    timeframe: text,
    /** Null where no forecast is made and the request names no horizon. */
    horizon: wholeOrNull,
    model: text,
    label: text,
    verdict: text,
    /** Scored forecasts that the label and the numbers rest on: all. */
    scored: whole,
    mae: numberOrNull,
    naiveMae: numberOrNull,
    skill: numberOrNull,
    p: numberOrNull,
    hitRate: numberOrNull,
    coverageBand: numberOrNull
  })
})

/** The answer of GET /api/v1/forecast-summary. */
export type SummaryAnswer = Static<typeof SUMMARY>

const FLAT = SCORE_WINDOWS.flatMap((window) => SCORE_NUMBERS.map((name) => flatName(window, name)))
const SCORED = object({
  id: text,
  symbol: text,
  timeframe: text,
  horizon: whole,
  horizonText: text,
  model: text,
  name: text,
  nameWithCount: text,
  ...HEADLINE,
  nominalCoverage: number
})
/** A row of GET /api/v1/forecast-scores without the numbers of its windows. */
export type ScoredSeries = Static<typeof SCORED>
/** The type stays open: the numbers are those of a table. */
const SCORE = Type.Unsafe<object>(object({ ...SCORED.properties, ...all(FLAT, numberOrNull) }))
const SCORES = object({ scores: Type.Unsafe<readonly object[]>(Type.Array(SCORE)) })

const WINDOW = object({
  ...all(SCORE_NUMBERS, numberOrNull),
  dieboldMariano: orNull(object({ n: wholeOrNull, statistic: numberOrNull, p: numberOrNull }))
})
const SCORES_OF_SYMBOL = object({
  symbol: text,
  scores: Type.Unsafe<readonly object[]>(
    rows({
      timeframe: text,
      horizon: whole,
      model: text,
      ...HEADLINE,
      ...all(SCORE_WINDOWS, WINDOW)
    })
  )
})

const SERIES = { timeframe: ANY_TIMEFRAME, horizon: HORIZON, model: MODEL }
/** Routes for the scores of forecasts. */
export function scoreRoutes(app: Routes, tools: RouteTools): void {
  const { reader, config, share } = tools
  app.get(
    '/api/v1/forecast-summary',
    {
      config: { scope: 'read' },
      schema: {
        summary:
          'The score of one model against "the price stays put", one row for each symbol and horizon',
        querystring: query({
          symbol: SYMBOLS,
          timeframe: TIMEFRAME_OR_AUTO,
          horizon: HORIZON,
          model: MODEL,
          fields: FIELDS
        }),
        response: answers(SUMMARY)
      }
    },
    async (
      { query: { symbol: symbols, timeframe: named, horizon, model = FIRST_MODEL } },
      reply
    ) => {
      const timeframe = forecastTimeframe(named, config.forecasts)
      const asked = { symbols, timeframe, horizon, model }
      return share(reply, SUMMARY, asked, () => summary(tools, asked))
    }
  )
  app.get(
    '/api/v1/forecast-scores',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'All scores of every series and model, one flat row each',
        querystring: query({ symbol: SYMBOLS, ...SERIES, fields: FIELDS }),
        response: answers(SCORES)
      }
    },
    async ({ query: { symbol: symbols, ...series } }, reply) => {
      const asked = { symbols, ...series }
      return share(reply, SCORES, asked, async () => ({
        scores: (await reader.forecastScores(asked)).map(scoreRow)
      }))
    }
  )
  app.get(
    '/api/v1/forecast-scores/:symbol',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'All scores of one symbol, nested, for people',
        params: path({ symbol: SYMBOL_IN_PATH }),
        querystring: query(SERIES),
        response: answers(SCORES_OF_SYMBOL)
      }
    },
    async ({ params: { symbol }, query: series }, reply) => {
      const asked = { symbols: [symbol], ...series }
      return share(reply, SCORES_OF_SYMBOL, asked, async () => ({
        symbol,
        scores: (await reader.forecastScores(asked)).map(scoreTree)
      }))
    }
  )
}

/** Scores of one model on one series in one flat row, for Grafana. */
function scoreRow(one: ForecastScoreRow) {
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
    nameWithCount: `${timeframe} +${horizon} ${model}, n ${numbersOf(one, 'last500').n ?? 0}`,
    ...headline(one),
    nominalCoverage: NOMINAL_COVERAGE,
    ...Object.fromEntries(flat)
  }
}

/** The same scores for people: one object for each window, with its test. */
function scoreTree(one: ForecastScoreRow) {
  const { timeframe, horizon, model } = one
  const windows = SCORE_WINDOWS.map((window) => [
    window,
    { ...numbersOf(one, window), dieboldMariano: testOf(one[window]['dieboldMariano']) }
  ])
  return { timeframe, horizon, model, ...headline(one), ...Object.fromEntries(windows) }
}

function numbersOf(one: ForecastScoreRow, window: Window): ScoreNumbers {
  const fields = SCORE_NUMBERS.map((name) => [name, finiteOrNull(one[window][name])])
  return Object.fromEntries(fields) as ScoreNumbers
}

/** The label and the numbers behind it. */
function headline(one: ForecastScoreRow) {
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
  return { n: finiteOrNull(n), statistic: finiteOrNull(statistic), p: finiteOrNull(p) }
}

function finiteOrNull(value: unknown): number | null {
  return Number.isFinite(value) ? (value as number) : null
}

interface SummaryAsked {
  readonly symbols: readonly string[] | undefined
  readonly timeframe: string
  readonly horizon: number | undefined
  readonly model: string
}

/** One row or more for each symbol that is configured or has a forecast; none for any other. */
export async function summary(
  { reader, config: { symbols: configured, forecasts } }: RouteTools,
  { symbols, timeframe, horizon, model }: SummaryAsked
): Promise<Static<typeof SUMMARY>> {
  // Of any timeframe: a symbol without forecasts of this timeframe still gets a row that says so.
  const asked = { symbols, timeframe: undefined, horizon: undefined, model }
  const scores = Map.groupBy(await reader.forecastScores(asked), ({ symbol }) => symbol)
  const known = new Set([...configured, ...[...scores.keys()].toSorted()])
  const wanted = symbols?.filter((symbol) => known.has(symbol)) ?? [...known]
  return {
    summary: wanted.flatMap((symbol) =>
      forecastSummary({
        symbol,
        timeframe,
        horizon,
        model,
        forecasts,
        scores: scores.get(symbol) ?? []
      })
    )
  }
}

/** The label where no forecast is made; the others are SCORE_LABELS. */
const NO_FORECAST = 'no forecast'

interface SummaryFacts {
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

/**
 * The score of a model on a symbol, one row for each horizon. There is always a row: a missing forecast is one too.
 */
function forecastSummary({
  symbol,
  timeframe,
  horizon: asked,
  model,
  forecasts,
  scores
}: SummaryFacts): Static<typeof SUMMARY>['summary'] {
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

/** A label and the numbers behind it. */
interface LabelledScore {
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
function verdictText({ label, horizon, n, mae, maeNaive, p }: LabelledScore): string {
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

import { FORECAST_MODELS, symbolProblems, type ForecastSpec } from '@tapedeck/domain'
import type { ForecastQuery } from '@tapedeck/mongo'
import { ask, windowsOf, type DataRoute, type DataRouteTools } from './data-route.ts'
import { forecastAbsenceRow, forecastEventRow, forecastRow } from './forecast-rows.ts'
import {
  FORECAST_ABSENCES_SCHEMA,
  FORECAST_EVENTS_SCHEMA,
  FORECAST_SCORES_SCHEMA,
  FORECAST_SUMMARY_SCHEMA,
  FORECASTS_SCHEMA,
  SYMBOL_SCORES_SCHEMA
} from './forecast-schemas.ts'
import { scoreRow, scoreTree } from './forecast-scores.ts'
import { forecastSummary } from './forecast-summary.ts'
import type { Query } from './query.ts'
import { refusal } from './replies.ts'
import { timeRange, windowMs } from './time-range.ts'

/** The target window may begin after now: the trading day after a holiday is days away. */
const WINDOWS_AHEAD = 5
const DAY_MS = 86_400_000
/** Plain least squares, the headline model. */
const FIRST_MODEL = FORECAST_MODELS[0].name

/** Routes for forecasts, their scores, change points and absences. */
export function forecastRoutes(tools: DataRouteTools): readonly DataRoute[] {
  const { reader, clock, forecasts } = tools
  return [
    {
      path: '/api/v1/forecasts',
      summary: 'Forecasts of closes, by the start of the bar that is forecast',
      parameters: ['symbol', 'timeframe', 'horizon', 'model', 'from', 'to', 'over', 'limit'],
      response: FORECASTS_SCHEMA,
      question(query) {
        const asked = forecastsAsked(query, clock.now(), forecasts)
        return ask(asked, async () => ({
          forecasts: (await reader.forecasts(asked)).map(forecastRow)
        }))
      }
    },
    {
      path: '/api/v1/forecast-summary',
      summary:
        'The score of one model against "the price stays put", one row for each symbol and horizon',
      parameters: ['symbol', 'timeframe', 'horizon', 'model'],
      response: FORECAST_SUMMARY_SCHEMA,
      question({ symbols, timeframe, horizon, model = FIRST_MODEL }) {
        const asked = { symbols, timeframe, horizon, model }
        return ask(asked, () => summary(tools, asked))
      }
    },
    {
      path: '/api/v1/forecast-scores',
      summary: 'All scores of every series and model, one flat row each',
      parameters: ['symbol', 'timeframe', 'horizon', 'model'],
      response: FORECAST_SCORES_SCHEMA,
      question({ symbols, anyTimeframe, horizon, model }) {
        const asked = { symbols, timeframe: anyTimeframe, horizon, model }
        return ask(asked, async () => ({
          scores: (await reader.forecastScores(asked)).map(scoreRow)
        }))
      }
    },
    {
      path: '/api/v1/forecast-scores/:symbol',
      summary: 'All scores of one symbol, nested, for people',
      parameters: ['timeframe', 'horizon', 'model'],
      response: SYMBOL_SCORES_SCHEMA,
      question({ anyTimeframe, horizon, model }, { symbol = '' }) {
        const [problem] = symbolProblems([symbol], 1)
        if (problem !== undefined) throw refusal(400, 'symbol', `symbol: ${problem}`)
        const asked = { symbols: [symbol], timeframe: anyTimeframe, horizon, model }
        return ask(asked, async () => ({
          symbol,
          scores: (await reader.forecastScores(asked)).map(scoreTree)
        }))
      }
    },
    {
      path: '/api/v1/forecast-events',
      summary: 'Change points: when the errors of a model rose permanently and it was restarted',
      parameters: ['symbol', 'timeframe', 'horizon', 'model', 'from', 'to', 'limit'],
      response: FORECAST_EVENTS_SCHEMA,
      question(query) {
        const asked = seriesRange(query, clock.now())
        return ask(asked, async () => ({
          events: (await reader.forecastEvents(asked)).map(forecastEventRow)
        }))
      }
    },
    {
      path: '/api/v1/forecast-absences',
      summary: 'Bars without a forecast, with the reason',
      parameters: ['symbol', 'timeframe', 'horizon', 'from', 'to', 'limit'],
      response: FORECAST_ABSENCES_SCHEMA,
      question(query) {
        const asked = seriesRange(query, clock.now())
        return ask(asked, async () => ({
          absences: (await reader.forecastAbsences(asked)).map(forecastAbsenceRow)
        }))
      }
    }
  ]
}

/**
 * The query for the forecasts of a request. By default the range includes targets that lie ahead. With
 * `over=made` it selects by the last bar used, however far ahead the forecast looks.
 */
function forecastsAsked(
  query: Query,
  nowMs: number,
  forecasts: readonly ForecastSpec[]
): ForecastQuery {
  const { timeframe, horizon, model, over } = query
  const horizons = forecasts
    .filter((spec) => spec.timeframe === timeframe)
    .map((spec) => spec.horizon)
  const ahead = WINDOWS_AHEAD + (horizon ?? Math.max(0, ...horizons))
  if (over === 'target') return { ...windowsOf(query, nowMs, ahead), horizon, model }
  const range = windowsOf(query, nowMs, 0)
  const toMs = range.toMs + ahead * windowMs(timeframe)
  return { ...range, toMs, horizon, model, madeBeforeMs: range.toMs }
}

function seriesRange(query: Query, nowMs: number) {
  const { symbols, anyTimeframe, horizon, model, limit } = query
  const range = timeRange(query, nowMs, { spanMs: DAY_MS })
  return { symbols, timeframe: anyTimeframe, horizon, model, ...range, limit }
}

interface SummaryAsked {
  readonly symbols: readonly string[] | undefined
  readonly timeframe: string
  readonly horizon: number | undefined
  readonly model: string
}

/** One row or more for each symbol that is configured or has a forecast; none for any other. */
async function summary(
  { reader, symbols: configured, forecasts }: DataRouteTools,
  { symbols, timeframe, horizon, model }: SummaryAsked
): Promise<object> {
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

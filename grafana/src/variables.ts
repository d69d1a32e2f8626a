import {
  CustomVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DEFAULT_TIMEFRAMES, FORECAST_MODELS } from '@tapedeck/domain'
import { DATASOURCE, infinityTarget } from './infinity.ts'

const MODELS = FORECAST_MODELS.map(({ name }) => name)
const FIRST_MODEL = FORECAST_MODELS[0].name
/** Short enough for bars and forecasts within the first minutes. */
const FIRST_TIMEFRAME = '5s'

/**
 * The symbols of the api, in its order (those of SYMBOLS first). Grafana reads them again with every change
 * of the range, so a new one appears by itself.
 */
export function symbolVariable(): QueryVariableBuilder {
  return new QueryVariableBuilder('symbol')
    .label('Symbol')
    .description('The symbol whose bars, forecasts and trades are shown')
    .datasource(DATASOURCE)
    .query({
      queryType: 'infinity',
      query: '',
      refId: 'variable',
      infinityQuery: infinityTarget({
        refId: 'variable',
        format: 'table',
        url: '/api/v1/symbols',
        rows: 'symbols',
        columns: { symbol: 'string' }
      })
    })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(false)
    .includeAll(false)
}

/** The horizons of the chosen symbol and timeframe; empty where there is no forecast. */
export function horizonVariable(): QueryVariableBuilder {
  return new QueryVariableBuilder('horizon')
    .label('Bars ahead')
    .description('How many bars ahead the forecasts look; empty: no forecast (FORECASTS)')
    .datasource(DATASOURCE)
    .query({
      queryType: 'infinity',
      query: '',
      refId: 'variable',
      infinityQuery: infinityTarget({
        refId: 'variable',
        format: 'table',
        url: '/api/v1/forecast-scores',
        params: { symbol: '${symbol}', timeframe: '${timeframe}', model: FIRST_MODEL },
        rows: 'scores',
        columns: { horizonText: 'string' }
      })
    })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(false)
    .includeAll(false)
}

export function modelVariable(): CustomVariableBuilder {
  return choice('model', MODELS, FIRST_MODEL)
    .label('Model')
    .description('The model of the forecasts')
}

export function timeframeVariable(): CustomVariableBuilder {
  return choice('timeframe', DEFAULT_TIMEFRAMES, FIRST_TIMEFRAME)
    .label('Timeframe')
    .description('The length of a bar')
}

function choice(name: string, values: readonly string[], first: string): CustomVariableBuilder {
  return new CustomVariableBuilder(name)
    .values(values.join(','))
    .options(values.map((value) => ({ text: value, value, selected: value === first })))
    .current({ text: first, value: first, selected: true })
    .multi(false)
    .includeAll(false)
}

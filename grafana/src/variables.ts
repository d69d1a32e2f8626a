import {
  CustomVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DEFAULT_TIMEFRAMES, FORECAST_MODELS } from '@tapedeck/domain'
import { DATASOURCE, infinityTarget } from './infinity.ts'

const MODELS = FORECAST_MODELS.map(({ name }) => name)
const FIRST_MODEL = FORECAST_MODELS[0].name
const FIRST_TIMEFRAME = '1m'
/** Beside the stored ones: one that fits the range. */
const AUTO = 'auto'

/** The symbols of the api, in its order (those of SYMBOLS first). One that is added appears when the dashboard is opened. */
export function symbolVariable(): QueryVariableBuilder {
  return choices('symbol', {})
    .label('Symbol')
    .description('The symbol whose bars, forecasts and trades are shown')
}

/** How far the forecasts of the chosen timeframe look ahead. */
export function horizonVariable(): QueryVariableBuilder {
  return choices('horizon', { timeframe: '${timeframe}' })
    .label('Bars ahead')
    .description('How many bars ahead the forecasts look (FORECASTS)')
}

/**
 * A list of the api to choose from, which has a row at least: an answer without rows is an error of the data source. It
 * is read when the dashboard is loaded. Read again with every change of the range, as each refresh is one, it would hold
 * up all panels.
 */
function choices(of: 'symbol' | 'horizon', params: Readonly<Record<string, string>>) {
  return new QueryVariableBuilder(of)
    .datasource(DATASOURCE)
    .query({
      queryType: 'infinity',
      query: '',
      refId: 'variable',
      infinityQuery: infinityTarget({
        refId: 'variable',
        format: 'table',
        url: '/api/v1/choices',
        params: { of, ...params },
        rows: 'choices',
        columns: { value: 'string' }
      })
    })
    .refresh(VariableRefresh.OnDashboardLoad)
    .multi(false)
    .includeAll(false)
}

export function modelVariable(): CustomVariableBuilder {
  return choice('model', MODELS, FIRST_MODEL)
    .label('Model')
    .description('The model of the forecasts')
}

/** @param hasAuto whether one may be chosen by the range */
export function timeframeVariable({
  hasAuto
}: {
  readonly hasAuto: boolean
}): CustomVariableBuilder {
  return choice('timeframe', [...(hasAuto ? [AUTO] : []), ...DEFAULT_TIMEFRAMES], FIRST_TIMEFRAME)
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

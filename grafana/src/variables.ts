import {
  CustomVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh
} from '@grafana/grafana-foundation-sdk/dashboard'
import { FORECAST_MODELS } from '@tapedeck/domain'
import { DATASOURCE, infinityTarget } from './infinity.ts'

const MODELS = FORECAST_MODELS.map(({ name }) => name)
const FIRST_MODEL = FORECAST_MODELS[0].name
const FIRST_TIMEFRAME = '1m'

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
function choices(
  name: string,
  params: Readonly<Record<string, string>>,
  of = name
): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
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

/**
 * The bars that the product makes (TIMEFRAMES): tumbling and hopping windows, days, sessions, and activity bars; or auto, by
 * the range. Every dashboard has auto, because links carry the choice from one to the next.
 */
export function timeframeVariable(): QueryVariableBuilder {
  return choices('timeframe', {}, 'timeframe-or-auto')
    .current({ text: FIRST_TIMEFRAME, value: FIRST_TIMEFRAME, selected: true })
    .label('Timeframe')
    .description('The bars that are shown (TIMEFRAMES)')
}

function choice(name: string, values: readonly string[], first: string): CustomVariableBuilder {
  return new CustomVariableBuilder(name)
    .values(values.join(','))
    .options(values.map((value) => ({ text: value, value, selected: value === first })))
    .current({ text: first, value: first, selected: true })
    .multi(false)
    .includeAll(false)
}

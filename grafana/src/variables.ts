import {
  CustomVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DATASOURCE, infinityTarget } from './infinity.ts'

/** The timeframes the consumer keeps by default; see TIMEFRAMES. */
export const PANEL_TIMEFRAMES = ['1s', '5s', '1m', '5m', '15m', '1h', '1d'] as const

/** Short enough to show a picture, and forecasts, within the first minutes. */
const FIRST_TIMEFRAME = '5s'

/**
 * The symbols the api knows, in its order (those of SYMBOLS first), asked again with every change of
 * the range: a new one appears by itself.
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

export function timeframeVariable(): CustomVariableBuilder {
  return new CustomVariableBuilder('timeframe')
    .label('Timeframe')
    .description('The length of a bar')
    .values(PANEL_TIMEFRAMES.join(','))
    .options(
      PANEL_TIMEFRAMES.map((timeframe) => ({
        text: timeframe,
        value: timeframe,
        selected: timeframe === FIRST_TIMEFRAME
      }))
    )
    .current({ text: FIRST_TIMEFRAME, value: FIRST_TIMEFRAME, selected: true })
    .multi(false)
    .includeAll(false)
}

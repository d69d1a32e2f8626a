import {
  AxisPlacement,
  BarAlignment,
  GraphDrawStyle,
  VisibilityMode
} from '@grafana/grafana-foundation-sdk/common'
import type { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { forecasts, forecastSummary } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import {
  asLine,
  at,
  BAND,
  colored,
  COLORED_TEXT,
  COLORS,
  DOLLARS,
  finePrices,
  inDollars,
  LABEL_MAPPINGS,
  legend,
  NEUTRAL,
  NO_FORECAST,
  SIGNED_DOLLARS,
  titled,
  tooltip,
  wide
} from '../look.ts'
import { columnOrder, tableOf } from './table.ts'

const WHOLE = [
  { id: 'unit', value: 'short' },
  { id: 'decimals', value: 0 }
]
const PERCENT = [
  { id: 'unit', value: 'percentunit' },
  { id: 'decimals', value: 1 }
]
const VERDICT = [{ id: 'mappings', value: LABEL_MAPPINGS }, COLORED_TEXT, wide(460)]

export function forecastAgainstActual(): TimeseriesBuilder {
  return finePrices(new TimeseriesBuilder())
    .title('Forecast against actual')
    .description(
      'Forecast of each $timeframe close of $symbol by $model, made $horizon bars before, with its adaptive 95 % band, the actual close, and the error (actual - forecast) as bars on the right axis. The newest forecasts have no actual yet.'
    )
    .datasource(DATASOURCE)
    .gridPos(at(0, 7, 12, 9))
    .withTarget(
      forecasts({
        forecast: 'number',
        bandLower: 'number',
        bandUpper: 'number',
        actual: 'number',
        error: 'number'
      })
    )
    .drawStyle(GraphDrawStyle.Line)
    .legend(legend())
    .showPoints(VisibilityMode.Never)
    .thresholds(NEUTRAL)
    .tooltip(tooltip())
    .unit(DOLLARS)
    .decimals(2)
    .noValue(NO_FORECAST)
    .overrideByName('actual', [titled('actual'), colored('text'), ...asLine()])
    .overrideByName('forecast', [
      titled('forecast'),
      colored(COLORS.forecast),
      ...asLine({ dashed: true })
    ])
    .overrideByName('bandLower', BAND.lower)
    .overrideByName('bandUpper', BAND.upper)
    .overrideByName('error', [
      titled('error'),
      colored(COLORS.error),
      { id: 'unit', value: SIGNED_DOLLARS },
      { id: 'custom.drawStyle', value: GraphDrawStyle.Bars },
      { id: 'custom.barAlignment', value: BarAlignment.After },
      { id: 'custom.lineWidth', value: 0 },
      { id: 'custom.fillOpacity', value: 40 },
      { id: 'custom.axisPlacement', value: AxisPlacement.Right },
      { id: 'custom.axisLabel', value: 'error' },
      { id: 'custom.axisCenteredZero', value: true }
    ])
}

export function errorAgainstLastPrice(): TimeseriesBuilder {
  return finePrices(new TimeseriesBuilder())
    .title('Error of the forecast and of the last price')
    .description(
      'Distance from the actual close, of the forecast and of the naive forecast that the price stays at the last close. A useful forecast stays below the naive one.'
    )
    .datasource(DATASOURCE)
    .gridPos(at(12, 7, 12, 9))
    .withTarget(forecasts({ absError: 'number', absNaiveError: 'number' }))
    .drawStyle(GraphDrawStyle.Line)
    .axisSoftMin(0)
    .legend(legend())
    .showPoints(VisibilityMode.Never)
    .thresholds(NEUTRAL)
    .tooltip(tooltip())
    .unit(DOLLARS)
    .decimals(2)
    .noValue(NO_FORECAST)
    .overrideByName('absError', [titled('forecast'), colored(COLORS.error), ...asLine()])
    .overrideByName('absNaiveError', [
      titled('last price'),
      colored(COLORS.naive),
      ...asLine({ dashed: true, width: 1 })
    ])
}

export function summary(): TableBuilder {
  return tableOf('How the forecasts did')
    .description(
      'All scored forecasts by $model, $horizon bars of $timeframe ahead, of every symbol: mean absolute error beside that of the last price (naive). Skill is 1 - error / error of naive: above 0 the forecast was better, but only the verdict says whether by more than chance.'
    )
    .gridPos(at(0, 16, 24, 7))
    .withTarget(
      forecastSummary('*', {
        symbol: 'string',
        horizon: 'number',
        scored: 'number',
        mae: 'number',
        naiveMae: 'number',
        skill: 'number',
        p: 'number',
        verdict: 'string'
      })
    )
    .withTransformation(
      columnOrder({
        symbol: 'Symbol',
        horizon: 'Bars ahead',
        scored: 'Scored',
        mae: 'Mean error',
        naiveMae: 'Naive',
        skill: 'Skill',
        p: 'p',
        verdict: 'Verdict'
      })
    )
    .noValue('-')
    .overrideByName('Mean error', inDollars(4))
    .overrideByName('Naive', inDollars(4))
    .overrideByName('Bars ahead', WHOLE)
    .overrideByName('Scored', WHOLE)
    .overrideByName('Skill', PERCENT)
    .overrideByName('p', [{ id: 'decimals', value: 3 }])
    .overrideByName('Verdict', VERDICT)
}

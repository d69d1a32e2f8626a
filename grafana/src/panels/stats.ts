import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  ReduceDataOptionsBuilder
} from '@grafana/grafana-foundation-sdk/common'
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { bars, forecasts, forecastSummary, trades } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import {
  at,
  colored,
  COLORS,
  DOLLARS,
  FEED_MAPPINGS,
  LABEL_MAPPINGS,
  NO_FORECAST,
  titled
} from '../look.ts'

/** The newest value of the fields named by `fields`, a regular expression or nothing for numbers. */
function newest(fields = ''): ReduceDataOptionsBuilder {
  return new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(fields)
}

function stat(title: string): PanelBuilder {
  return new PanelBuilder()
    .title(title)
    .datasource(DATASOURCE)
    .graphMode(BigValueGraphMode.None)
    .colorMode(BigValueColorMode.Value)
    .reduceOptions(newest())
}

export function lastPrice(): PanelBuilder {
  return stat('Last price')
    .description(
      'Close of the newest bar of $symbol, over the closes of the range, and the change over the range. An open bar changes with every trade that may set the price.'
    )
    .withTarget(bars({ close: 'number' }))
    .gridPos(at(0, 4, 5, 4))
    .unit(DOLLARS)
    .decimals(2)
    .noValue('no bar yet')
    .graphMode(BigValueGraphMode.Area)
    .showPercentChange(true)
    .overrideByName('close', [titled('last price')])
}

export function feed(): PanelBuilder {
  return stat('Feed')
    .description(
      'Where the newest trade of $symbol came from: the simulator (simulated) or a real feed (live).'
    )
    .withTarget(trades('1', { time: 'timestamp_epoch', feed: 'string' }))
    .gridPos(at(5, 4, 3, 4))
    .unit('string')
    .noValue('no trade yet')
    .mappings(FEED_MAPPINGS)
    .colorMode(BigValueColorMode.Background)
    .textMode(BigValueTextMode.Value)
    .reduceOptions(newest('/^feed$/'))
}

export function newestForecast(): PanelBuilder {
  return stat('Newest forecast')
    .description(
      'Newest forecast by $model of a $timeframe close of $symbol, $horizon bars ahead: the point and its adaptive 95 % band. It was stored before that close. The panel beside it shows whether the model has skill.'
    )
    .withTarget(
      forecasts(
        { forecast: 'number', bandLower: 'number', bandUpper: 'number' },
        { isNewest: true }
      )
    )
    .gridPos(at(8, 4, 7, 4))
    .unit(DOLLARS)
    .decimals(2)
    .noValue(NO_FORECAST)
    .textMode(BigValueTextMode.ValueAndName)
    .overrideByName('forecast', [titled('forecast'), colored(COLORS.forecast)])
    .overrideByName('bandLower', [titled('95 % from'), colored('text')])
    .overrideByName('bandUpper', [titled('95 % to'), colored('text')])
}

export function verdict(): PanelBuilder {
  return stat('Forecast against the last price')
    .description(
      'How all scored forecasts of $symbol by $model, $horizon bars of $timeframe ahead, did against saying that the price stays put (naive). A difference that may be chance (p of 0.05 or more, valid at any time and for 500 rows together) is called not distinguishable.'
    )
    .withTarget(forecastSummary('${symbol}', { verdict: 'string' }))
    .gridPos(at(15, 4, 9, 4))
    .unit('string')
    .noValue(NO_FORECAST)
    .mappings(LABEL_MAPPINGS)
    .colorMode(BigValueColorMode.Background)
    .textMode(BigValueTextMode.Value)
    .reduceOptions(newest('/^verdict$/'))
}

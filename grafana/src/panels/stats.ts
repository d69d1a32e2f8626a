import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  ReduceDataOptionsBuilder
} from '@grafana/grafana-foundation-sdk/common'
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { bars, forecasts, forecastSummary, trades } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import { at, colored, COLORS, DOLLARS, FEED_MAPPINGS, LABEL_MAPPINGS, titled } from '../look.ts'

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
      'Close of the newest bar of $symbol, with the closes of the range behind it and the change over the range. A bar still open moves with every trade that may set the price.'
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
      'Where the newest trade of $symbol came from: the simulator (simulated, a made-up market) or a real feed (live).'
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

export function nextForecast(): PanelBuilder {
  return stat('Forecast of the next bar')
    .description(
      'Newest forecast of the close of the $timeframe bar of $symbol: the point and its 95 % prediction interval, from a straight line through the last closes.'
    )
    .withTarget(forecasts({ forecast: 'number', lower: 'number', upper: 'number' }, { limit: '1' }))
    .gridPos(at(8, 4, 9, 4))
    .unit(DOLLARS)
    .decimals(2)
    .noValue('no forecast yet: it needs some final bars')
    .textMode(BigValueTextMode.ValueAndName)
    .overrideByName('forecast', [titled('forecast'), colored(COLORS.forecast)])
    .overrideByName('lower', [titled('95 % from'), colored('text')])
    .overrideByName('upper', [titled('95 % to'), colored('text')])
}

export function verdict(): PanelBuilder {
  return stat('Forecast against the last price')
    .description(
      'Whether the forecasts of $symbol at $timeframe scored within the range were closer to the actual close, on average, than saying that the price stays put.'
    )
    .withTarget(forecastSummary('${symbol}', { label: 'string' }))
    .gridPos(at(17, 4, 7, 4))
    .unit('string')
    .noValue('no scored forecast yet')
    .mappings(LABEL_MAPPINGS)
    .colorMode(BigValueColorMode.Background)
    .textMode(BigValueTextMode.Value)
    .reduceOptions(newest('/^label$/'))
}

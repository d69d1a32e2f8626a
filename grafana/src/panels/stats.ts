import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  ReduceDataOptionsBuilder
} from '@grafana/grafana-foundation-sdk/common'
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { chart, tradeRate, watchlist } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import {
  at,
  BY_SIGN,
  DOLLARS,
  FEED_MAPPINGS,
  finePrices,
  NEUTRAL,
  SIGNED_DOLLARS,
  STANDING_MAPPINGS,
  titled,
  unknownAs
} from '../look.ts'

const HEIGHT = 3
const UNKNOWN = 'not known'
/** Days, and hopping, activity and regular bars have no session VWAP. */
const NO_VWAP = 'not known for these bars'

/** The newest value of the fields named by `fields`, a regular expression or nothing for numbers. */
function newest(fields = ''): ReduceDataOptionsBuilder {
  return new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(fields)
}

function stat(title: string, x: number, width: number): PanelBuilder {
  return new PanelBuilder()
    .title(title)
    .datasource(DATASOURCE)
    .gridPos(at(x, 0, width, HEIGHT))
    .graphMode(BigValueGraphMode.None)
    .colorMode(BigValueColorMode.Value)
    .thresholds(NEUTRAL)
    .noValue(UNKNOWN)
    .reduceOptions(newest())
}

export function lastPrice(): PanelBuilder {
  return finePrices(stat('Last price', 0, 4))
    .description('Price of the newest trade of $symbol, whatever its conditions and the range.')
    .withTarget(watchlist('${symbol}', { lastPrice: 'number' }))
    .unit(DOLLARS)
    .decimals(2)
    .overrideByName('lastPrice', [titled('last price')])
}

export function change(): PanelBuilder {
  return stat('Change on the day', 4, 4)
    .description(
      'The last price of $symbol against the close of the trading day before. Not known on the first day that is stored.'
    )
    .withTarget(watchlist('${symbol}', { change: 'number', changeShare: 'number' }))
    .unit(SIGNED_DOLLARS)
    .decimals(2)
    .thresholds(BY_SIGN)
    .mappings(unknownAs(UNKNOWN))
    .textMode(BigValueTextMode.Value)
    .overrideByName('changeShare', [
      { id: 'unit', value: 'percentunit' },
      { id: 'decimals', value: 2 },
      { id: 'mappings', value: unknownAs('first day') }
    ])
}

export function vwapGap(): PanelBuilder {
  return stat('Against the session VWAP', 8, 4)
    .description(
      'The close of the newest bar of $symbol against the volume-weighted average price since the open of its session. There is none for days and for hopping, activity and regular bars.'
    )
    .withTarget(chart({ vwapGap: 'number' }))
    .noValue(NO_VWAP)
    .unit('percentunit')
    .decimals(2)
    .thresholds(BY_SIGN)
    .mappings(unknownAs(NO_VWAP))
    .overrideByName('vwapGap', [titled('against the session VWAP')])
}

export function pace(): PanelBuilder {
  return stat('Trades per second', 12, 3)
    .description('Trades of $symbol per second now, by the newest full interval of the range.')
    .withTarget(tradeRate())
    .unit('none')
    .decimals(1)
    .overrideByName('tradesPerSecond', [titled('trades per second')])
}

export function outlook(): PanelBuilder {
  return stat('Forecast', 15, 6)
    .description(
      'The newest forecast by $model, $horizon bars of $timeframe ahead, against the last price of $symbol, and what all scored forecasts were worth against saying that the price stays put (naive). A difference that may be chance is called not distinguishable.'
    )
    .withTarget(watchlist('${symbol}', { outlook: 'string' }))
    .unit('string')
    .colorMode(BigValueColorMode.None)
    .textMode(BigValueTextMode.Value)
    .reduceOptions(newest('/^outlook$/'))
}

export function feed(): PanelBuilder {
  return stat('Feed', 21, 3)
    .description(
      'The state of $symbol in its feed, and where its newest trade came from: the simulator (simulated) or a real feed (live).'
    )
    .withTarget(watchlist('${symbol}', { feed: 'string', state: 'string' }))
    .unit('string')
    .textMode(BigValueTextMode.Value)
    .reduceOptions(newest('/^(feed|state)$/'))
    .overrideByName('feed', [{ id: 'mappings', value: FEED_MAPPINGS }])
    .overrideByName('state', [{ id: 'mappings', value: STANDING_MAPPINGS }])
}

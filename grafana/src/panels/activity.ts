import {
  BarAlignment,
  GraphDrawStyle,
  StackingConfigBuilder,
  StackingMode,
  TableSortByFieldStateBuilder
} from '@grafana/grafana-foundation-sdk/common'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { symbols, tradeRate, trades } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import { at, FEED_MAPPINGS, inDollars, legend, tooltip } from '../look.ts'
import { columnOrder } from './column-order.ts'

const MILLISECONDS = 'time:YYYY-MM-DD HH:mm:ss.SSS'

export function symbolList(): TableBuilder {
  return new TableBuilder()
    .title('Symbols')
    .description(
      'Every symbol that is followed or was ever seen, with its last trade and its state in the feed. A symbol that is added, in SYMBOLS or at run time, appears here and in the list above by itself.'
    )
    .datasource(DATASOURCE)
    .gridPos(at(16, 8, 8, 13))
    .withTarget(
      symbols({
        symbol: 'string',
        lastPrice: 'number',
        lastTradeAt: 'timestamp_epoch',
        feed: 'string',
        wanted: 'boolean',
        standing: 'string',
        reason: 'string'
      })
    )
    .withTransformation(
      columnOrder({
        symbol: 'Symbol',
        lastPrice: 'Last price',
        lastTradeAt: 'Last trade',
        feed: 'Feed',
        wanted: 'Followed',
        standing: 'Standing',
        reason: 'Why'
      })
    )
    .noValue('-')
    .overrideByName('Last price', inDollars(2))
    .overrideByName('Last trade', [{ id: 'unit', value: 'dateTimeFromNow' }])
    .overrideByName('Feed', [
      { id: 'mappings', value: FEED_MAPPINGS },
      { id: 'custom.cellOptions', value: { type: 'color-text' } }
    ])
    .overrideByName('Followed', [{ id: 'unit', value: 'bool_yes_no' }])
}

export function tradesPerSecond(): TimeseriesBuilder {
  return new TimeseriesBuilder()
    .title('Trades per second')
    .description(
      'Trades per second of every symbol, stacked: counted per second up to 15 minutes of range, per minute or hour beyond.'
    )
    .datasource(DATASOURCE)
    .gridPos(at(12, 38, 12, 9))
    .withTarget(tradeRate())
    .drawStyle(GraphDrawStyle.Bars)
    .barAlignment(BarAlignment.After)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
    .fillOpacity(60)
    .lineWidth(0)
    .axisSoftMin(0)
    .legend(legend())
    .tooltip(tooltip())
    .unit('cps')
    .noValue('no trade in this range')
    .displayName('${__field.labels.symbol}')
}

export function latestTrades(): TableBuilder {
  return new TableBuilder()
    .title('Latest trades of $symbol')
    .description(
      'The newest 100 trades of $symbol within the range, newest first, every print as the feed sent it.'
    )
    .datasource(DATASOURCE)
    .gridPos(at(0, 47, 24, 9))
    .withTarget(
      trades('100', {
        time: 'timestamp_epoch',
        price: 'number',
        size: 'number',
        conditions: 'string',
        session: 'string',
        tradeDate: 'string',
        receivedAt: 'timestamp_epoch',
        feed: 'string',
        id: 'string'
      })
    )
    .withTransformation(
      columnOrder({
        time: 'Traded at',
        price: 'Price',
        size: 'Size',
        conditions: 'Conditions',
        session: 'Session',
        tradeDate: 'Trading day',
        receivedAt: 'Received at',
        feed: 'Feed',
        id: 'Id'
      })
    )
    .sortBy([new TableSortByFieldStateBuilder().displayName('Traded at').desc(true)])
    .noValue('no trade of this symbol in this range')
    .overrideByName('Price', inDollars(4))
    .overrideByName('Traded at', [{ id: 'unit', value: MILLISECONDS }])
    .overrideByName('Received at', [{ id: 'unit', value: MILLISECONDS }])
    .overrideByName('Size', [{ id: 'unit', value: 'locale' }, { id: 'decimals' }])
}

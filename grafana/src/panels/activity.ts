import {
  BarAlignment,
  GraphDrawStyle,
  StackingConfigBuilder,
  StackingMode,
  TableSortByFieldStateBuilder
} from '@grafana/grafana-foundation-sdk/common'
import type { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { chart, tape, tradeRate } from '../endpoints.ts'
import {
  asLine,
  at,
  colored,
  COLORED_TEXT,
  COLORS,
  DOLLARS,
  finePrices,
  MOVE_MAPPINGS,
  NOTHING,
  titled,
  wide
} from '../look.ts'
import { chartFromZero } from './chart-from-zero.ts'
import { columnOrder, tableOf } from './table.ts'

const TOP = 18
const HEIGHT = 7

export function latestTrades(): TableBuilder {
  return finePrices(tableOf('Tape of $symbol'))
    .decimals(2)
    .description(
      'The newest 60 trades of $symbol within the range, newest first, every print as the feed sent it, with its conditions in words. The arrow compares with the trade before.'
    )
    .gridPos(at(16, 3, 8, 15))
    .withTarget(
      tape('60', {
        time: 'timestamp_epoch',
        move: 'string',
        price: 'number',
        size: 'number',
        conditions: 'string'
      })
    )
    .withTransformation(
      columnOrder({
        time: 'Time',
        move: ' ',
        price: 'Price',
        size: 'Size',
        conditions: 'Conditions'
      })
    )
    .sortBy([new TableSortByFieldStateBuilder().displayName('Time').desc(true)])
    .noValue(NOTHING)
    .overrideByName('Time', [{ id: 'unit', value: 'time:HH:mm:ss.SSS' }, wide(105)])
    .overrideByName(' ', [{ id: 'mappings', value: MOVE_MAPPINGS }, COLORED_TEXT, wide(30)])
    .overrideByName('Price', [{ id: 'unit', value: DOLLARS }, wide(90)])
    .overrideByName('Size', [
      // As it came: a unit of numbers would round a coin's 0.0004 to 0.
      { id: 'unit', value: 'string' },
      { id: 'decimals' },
      wide(92)
    ])
}

function series(title: string, x: number): TimeseriesBuilder {
  return chartFromZero(title, at(x, TOP, 8, HEIGHT), NOTHING)
}

export function upAndDownVolume(): TimeseriesBuilder {
  return series('Up and down volume (inferred)', 0)
    .description(
      'Volume of each window of $symbol by the direction in which its trades moved the price. The tick rule infers it from the trades, because the feed does not say who bought and who sold. Hopping windows overlap: each counts the whole volume of its own length.'
    )
    .withTarget(chart({ upVolume: 'number', downVolume: 'number', unchangedVolume: 'number' }))
    .drawStyle(GraphDrawStyle.Bars)
    .barAlignment(BarAlignment.After)
    .fillOpacity(60)
    .lineWidth(0)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
    .unit('short')
    .overrideByName('upVolume', [titled('up'), colored(COLORS.up)])
    .overrideByName('downVolume', [titled('down'), colored(COLORS.down)])
    .overrideByName('unchangedVolume', [titled('unchanged'), colored(COLORS.unchanged)])
}

export function volatility(): TimeseriesBuilder {
  return series('Realised volatility', 8)
    .description(
      'Square root of the summed squared log returns from trade to trade of each window of $symbol, not annualised: how much the price moved, in whichever direction. Activity bars differ in length, so their values are not per equal time.'
    )
    .withTarget(chart({ volatility: 'number' }))
    .drawStyle(GraphDrawStyle.Line)
    .unit('percentunit')
    .overrideByName('volatility', [
      titled('realised volatility'),
      colored(COLORS.volatility),
      ...asLine()
    ])
}

export function tradesPerSecond(): TimeseriesBuilder {
  return series('Trades per second of $symbol', 16)
    .description(
      'Trades of $symbol per second: counted per second up to 15 minutes of range, per minute or hour beyond.'
    )
    .withTarget(tradeRate())
    .drawStyle(GraphDrawStyle.Bars)
    .barAlignment(BarAlignment.After)
    .fillOpacity(60)
    .lineWidth(0)
    .unit('none')
    .overrideByName('tradesPerSecond', [titled('trades per second'), colored(COLORS.forecast)])
}

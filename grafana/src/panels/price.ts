import {
  CandlestickColorsBuilder,
  CandlestickFieldMapBuilder,
  CandleStyle,
  ColorStrategy,
  PanelBuilder as CandlestickBuilder,
  VizDisplayMode
} from '@grafana/grafana-foundation-sdk/candlestick'
import {
  BarAlignment,
  GraphDrawStyle,
  LineInterpolation
} from '@grafana/grafana-foundation-sdk/common'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { bars, forecasts } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import { asLine, at, BAND, colored, COLORS, DOLLARS, legend, titled, tooltip } from '../look.ts'

export function priceCandles(): CandlestickBuilder {
  return new CandlestickBuilder()
    .title('Price of $symbol')
    .description(
      'Bars of $timeframe with their volume; the average price (VWAP), the forecast of each close by $model, made $horizon bars before, and its adaptive 95 % band as lines. Each forecast was stored before the close that it predicts. Without these lines there is no forecast for this timeframe (FORECASTS).'
    )
    .datasource(DATASOURCE)
    .gridPos(at(0, 8, 16, 13))
    .withTarget(
      bars({
        open: 'number',
        high: 'number',
        low: 'number',
        close: 'number',
        volume: 'number',
        vwap: 'number'
      })
    )
    .withTarget(
      forecasts({ forecast: 'number', bandLower: 'number', bandUpper: 'number' }, { refId: 'B' })
    )
    .mode(VizDisplayMode.CandlesVolume)
    .candleStyle(CandleStyle.Candles)
    .colorStrategy(ColorStrategy.OpenClose)
    .colors(new CandlestickColorsBuilder().up(COLORS.up).down(COLORS.down).flat('gray'))
    .fields(
      new CandlestickFieldMapBuilder()
        .open('open')
        .high('high')
        .low('low')
        .close('close')
        .volume('volume')
    )
    .includeAllFields(true)
    .legend(legend())
    .tooltip(tooltip())
    .unit(DOLLARS)
    .noValue('no bar of this symbol begins in this range')
    .overrideByName('volume', [titled('volume'), { id: 'unit', value: 'short' }])
    .overrideByName('vwap', [titled('average price (VWAP)'), colored(COLORS.vwap), ...asLine()])
    .overrideByName('forecast', [
      titled('forecast'),
      colored(COLORS.forecast),
      ...asLine({ dashed: true })
    ])
    .overrideByName('bandLower', BAND.lower)
    .overrideByName('bandUpper', BAND.upper)
}

export function volume(): TimeseriesBuilder {
  return new TimeseriesBuilder()
    .title('Traded volume per $timeframe')
    .description(
      'Shares (or coins) of $symbol traded in each window, by the trades that count as volume. A window without a bar had no trade.'
    )
    .datasource(DATASOURCE)
    .gridPos(at(0, 21, 12, 8))
    .withTarget(bars({ volume: 'number' }))
    .drawStyle(GraphDrawStyle.Bars)
    .barAlignment(BarAlignment.After)
    .fillOpacity(60)
    .lineWidth(0)
    .axisSoftMin(0)
    .legend(legend())
    .tooltip(tooltip())
    .unit('short')
    .noValue('no bar of this symbol begins in this range')
    .overrideByName('volume', [titled('volume')])
}

export function averagePrice(): TimeseriesBuilder {
  return new TimeseriesBuilder()
    .title('Average price (VWAP) per $timeframe')
    .description(
      'Volume-weighted average price of $symbol in each window, beside the close. It is computed from exact sums, so windows of different length agree.'
    )
    .datasource(DATASOURCE)
    .gridPos(at(12, 21, 12, 8))
    .withTarget(bars({ vwap: 'number', close: 'number' }))
    .drawStyle(GraphDrawStyle.Line)
    .lineInterpolation(LineInterpolation.Linear)
    .legend(legend())
    .tooltip(tooltip())
    .unit(DOLLARS)
    .noValue('no bar of this symbol begins in this range')
    .overrideByName('vwap', [titled('average price (VWAP)'), colored(COLORS.vwap), ...asLine()])
    .overrideByName('close', [titled('close'), colored('text'), ...asLine({ width: 1 })])
}

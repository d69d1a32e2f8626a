import {
  CandlestickColorsBuilder,
  CandlestickFieldMapBuilder,
  CandleStyle,
  ColorStrategy,
  PanelBuilder as CandlestickBuilder,
  VizDisplayMode
} from '@grafana/grafana-foundation-sdk/candlestick'
import { VisibilityMode } from '@grafana/grafana-foundation-sdk/common'
import { chart } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import {
  asLine,
  at,
  BAND,
  colored,
  COLORS,
  DOLLARS,
  finePrices,
  legend,
  NEUTRAL,
  NOTHING,
  titled,
  tooltip
} from '../look.ts'

export function priceCandles(): CandlestickBuilder {
  return finePrices(new CandlestickBuilder())
    .title('$symbol, bars of $timeframe')
    .description(
      'Bars with their volume, the volume-weighted average price since the open of the session, and the forecast of each close by $model, made $horizon bars before, with its adaptive 95 % band, up to those ahead of the price. Each forecast was stored before the close that it predicts. Grafana draws a candle centred on the start of its window; an activity bar starts with its first trade, so candles stand at uneven distances. Hopping, activity and regular bars and days have no session VWAP, and hopping, activity and regular bars no forecast.'
    )
    .datasource(DATASOURCE)
    .gridPos(at(0, 3, 16, 15))
    .withTarget(
      chart({
        open: 'number',
        high: 'number',
        low: 'number',
        close: 'number',
        volume: 'number',
        sessionVwap: 'number',
        forecast: 'number',
        bandLower: 'number',
        bandUpper: 'number'
      })
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
    .showPoints(VisibilityMode.Never)
    .legend(legend())
    .tooltip(tooltip())
    .thresholds(NEUTRAL)
    .unit(DOLLARS)
    .decimals(2)
    .noValue(NOTHING)
    .overrideByName('volume', [
      titled('volume'),
      { id: 'unit', value: 'short' },
      // Its own number of digits: a coin trades in fractions.
      { id: 'decimals' }
    ])
    .overrideByName('sessionVwap', [
      titled('session VWAP'),
      colored(COLORS.vwap),
      ...asLine({ width: 1 })
    ])
    .overrideByName('forecast', [
      titled('forecast'),
      colored(COLORS.forecast),
      ...asLine({ dashed: true, width: 1 })
    ])
    .overrideByName('bandLower', BAND.lower)
    .overrideByName('bandUpper', BAND.upper)
}

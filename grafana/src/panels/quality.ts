import { PanelBuilder as BarChartBuilder } from '@grafana/grafana-foundation-sdk/barchart'
import {
  BarAlignment,
  GraphDrawStyle,
  StackingConfigBuilder,
  StackingMode
} from '@grafana/grafana-foundation-sdk/common'
import { RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { bars, lateAges } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import { asLine, at, colored, COLORS, legend, titled, tooltip } from '../look.ts'

const NO_BAR = 'no bar of this symbol begins in this range'

/** The position of this file's panels on the dashboard. */
const TOP = 56

export function dataQuality(): RowBuilder {
  return new RowBuilder('Data quality').gridPos(at(0, TOP, 24, 1))
}

function series(title: string): TimeseriesBuilder {
  return new TimeseriesBuilder()
    .title(title)
    .datasource(DATASOURCE)
    .axisSoftMin(0)
    .legend(legend())
    .tooltip(tooltip())
    .noValue(NO_BAR)
}

function asBars(panel: TimeseriesBuilder): TimeseriesBuilder {
  return panel
    .drawStyle(GraphDrawStyle.Bars)
    .barAlignment(BarAlignment.After)
    .fillOpacity(60)
    .lineWidth(0)
}

export function coverage(): TimeseriesBuilder {
  return series('Coverage per $timeframe')
    .description(
      'Share of each window in which the feed was up. Below 100 % the window may lack trades. The line breaks where the feed was not followed yet.'
    )
    .gridPos(at(0, TOP + 1, 8, 8))
    .withTarget(bars({ coveragePercent: 'number' }))
    .drawStyle(GraphDrawStyle.Line)
    .axisSoftMax(100)
    .unit('percent')
    .overrideByName('coveragePercent', [
      titled('coverage'),
      colored(COLORS.coverage),
      ...asLine({ fillOpacity: 15 })
    ])
}

export function revisions(): TimeseriesBuilder {
  return asBars(series('Revisions and late trades per minute'))
    .description(
      'For each minute of $symbol: how often its bar was revised after it was final, and how many of its trades came late. These trades are in the bar. The panel shows bars of one minute, whichever length is chosen above.'
    )
    .gridPos(at(8, TOP + 1, 8, 8))
    .withTarget(bars({ revision: 'number', lateCount: 'number' }, '1m'))
    .unit('short')
    .noValue('no one-minute bar of this symbol begins in this range')
    .overrideByName('lateCount', [titled('late trades'), colored(COLORS.late)])
    .overrideByName('revision', [titled('revisions'), colored('text'), ...asLine({ width: 1 })])
}

export function lateByAge(): BarChartBuilder {
  return new BarChartBuilder()
    .title('Kept out of bars, by age')
    .description(
      'Trades of $symbol received within the range that are in no bar, by how late they were (or how far in the future). The reason: beyond LATENESS_LIMIT, stamped ahead of their receipt, or delivered again under the same id.'
    )
    .datasource(DATASOURCE)
    .gridPos(at(16, TOP + 1, 8, 8))
    .withTarget(
      lateAges({
        age: 'string',
        tooLate: 'number',
        fromTheFuture: 'number',
        redelivered: 'number'
      })
    )
    .xField('age')
    .stacking(StackingMode.Normal)
    .legend(legend())
    .tooltip(tooltip())
    .unit('short')
    .noValue('every trade received in this range is in its bars')
    .overrideByName('tooLate', [titled('too late'), colored('red')])
    .overrideByName('fromTheFuture', [titled('from the future'), colored('purple')])
    .overrideByName('redelivered', [titled('delivered again'), colored('blue')])
}

export function tickVolume(): TimeseriesBuilder {
  return asBars(series('Up and down volume per $timeframe (inferred)'))
    .description(
      'Volume of each window by the direction in which its trades moved the price. The tick rule infers it from the trades, because the feed does not say who bought and who sold.'
    )
    .gridPos(at(0, TOP + 9, 12, 8))
    .withTarget(
      bars({
        inferredUpVolume: 'number',
        inferredDownVolume: 'number',
        inferredUnchangedVolume: 'number'
      })
    )
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
    .unit('short')
    .overrideByName('inferredUpVolume', [titled('up (inferred)'), colored(COLORS.up)])
    .overrideByName('inferredDownVolume', [titled('down (inferred)'), colored(COLORS.down)])
    .overrideByName('inferredUnchangedVolume', [
      titled('unchanged (inferred)'),
      colored(COLORS.unchanged)
    ])
}

export function volatility(): TimeseriesBuilder {
  return series('Realised volatility per $timeframe')
    .description(
      'Square root of the summed squared log returns from trade to trade of each window, not annualised: how much the price moved, in whichever direction.'
    )
    .gridPos(at(12, TOP + 9, 12, 8))
    .withTarget(bars({ realisedVolatility: 'number' }))
    .drawStyle(GraphDrawStyle.Line)
    .unit('percentunit')
    .overrideByName('realisedVolatility', [
      titled('realised volatility'),
      colored(COLORS.volatility),
      ...asLine()
    ])
}

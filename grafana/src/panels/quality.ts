import { PanelBuilder as BarChartBuilder } from '@grafana/grafana-foundation-sdk/barchart'
import {
  BarAlignment,
  GraphDrawStyle,
  StackingMode,
  VisibilityMode
} from '@grafana/grafana-foundation-sdk/common'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { bars, lateAges } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import { asLine, at, colored, COLORS, legend, NEUTRAL, NOTHING, titled, tooltip } from '../look.ts'

/** The position of this file's panels on the dashboard. */
const TOP = 0
const HEIGHT = 7

function series(title: string): TimeseriesBuilder {
  return new TimeseriesBuilder()
    .title(title)
    .datasource(DATASOURCE)
    .axisSoftMin(0)
    .legend(legend())
    .tooltip(tooltip())
    .showPoints(VisibilityMode.Never)
    .thresholds(NEUTRAL)
    .noValue(NOTHING)
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
    .gridPos(at(0, TOP, 8, HEIGHT))
    .withTarget(bars({ coveragePercent: 'number' }))
    .drawStyle(GraphDrawStyle.Line)
    .axisSoftMax(100)
    .decimals(0)
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
    .gridPos(at(8, TOP, 8, HEIGHT))
    .withTarget(bars({ revision: 'number', lateCount: 'number' }, '1m'))
    .unit('short')
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
    .gridPos(at(16, TOP, 8, HEIGHT))
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
    .xTickLabelMaxLength(24)
    .thresholds(NEUTRAL)
    .noValue('nothing was kept out of bars, or nothing came, or the api does not answer')
    .overrideByName('tooLate', [titled('too late'), colored('red')])
    .overrideByName('fromTheFuture', [titled('from the future'), colored('purple')])
    .overrideByName('redelivered', [titled('delivered again'), colored('blue')])
}

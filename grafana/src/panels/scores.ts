import { PanelBuilder as BarChartBuilder } from '@grafana/grafana-foundation-sdk/barchart'
import { VizOrientation } from '@grafana/grafana-foundation-sdk/common'
import type { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { forecastScores } from '../endpoints.ts'
import { DATASOURCE } from '../infinity.ts'
import {
  at,
  colored,
  COLORED_TEXT,
  COLORS,
  inDollars,
  LABEL_MAPPINGS,
  legend,
  NEUTRAL,
  NO_FORECAST,
  titled,
  tooltip,
  wide
} from '../look.ts'
import { columnOrder, tableOf } from './table.ts'

/** The position of this file's panels on the dashboard. */
const TOP = 23
const PERCENT = [
  { id: 'unit', value: 'percentunit' },
  { id: 'decimals', value: 1 }
]

function bySeries(title: string): BarChartBuilder {
  return new BarChartBuilder()
    .title(title)
    .datasource(DATASOURCE)
    .xField('nameWithCount')
    .orientation(VizOrientation.Horizontal)
    .thresholds(NEUTRAL)
    .legend(legend())
    .tooltip(tooltip())
    .unit('percentunit')
    .decimals(1)
    .noValue(NO_FORECAST)
}

export function skillByHorizon(): BarChartBuilder {
  return bySeries('Skill by horizon and model')
    .description(
      'By series, with the number n of forecasts behind it: 1 - mean absolute error / that of naive ("the price stays put") over the last 500 scored forecasts of $symbol, of every timeframe, horizon (bars ahead, after the +) and model. Below 0 the last price is the better forecast.'
    )
    .gridPos(at(0, TOP, 12, 9))
    .withTarget(forecastScores({ nameWithCount: 'string', last500Skill: 'number' }))
    .overrideByName('last500Skill', [titled('skill against naive'), colored(COLORS.forecast)])
}

export function coverageByHorizon(): BarChartBuilder {
  return bySeries('Coverage of the 95 % bands')
    .description(
      'Share of the last 500 outcomes of $symbol inside the bands as they were drawn: the adaptive band (the headline) and the interval of least squares, beside the nominal 95 %.'
    )
    .gridPos(at(12, TOP, 12, 9))
    .withTarget(
      forecastScores({
        nameWithCount: 'string',
        last500CoverageBand: 'number',
        last500CoverageOls: 'number',
        nominalCoverage: 'number'
      })
    )
    .overrideByName('last500CoverageBand', [titled('adaptive band'), colored(COLORS.coverage)])
    .overrideByName('last500CoverageOls', [titled('least squares'), colored(COLORS.error)])
    .overrideByName('nominalCoverage', [titled('promised: 95 %'), colored(COLORS.unchanged)])
}

export function scoresOfSymbol(): TableBuilder {
  return tableOf('Scores of $symbol')
    .description(
      'Every timeframe, horizon and model of $symbol over the last 500 scored forecasts: errors in dollars, MASE (below 1: smaller than the usual move over the horizon), direction right with its 95 % band, mean width and Winkler score of the adaptive band. Formulas: docs/api.md.'
    )
    .gridPos(at(0, TOP + 9, 24, 9))
    .withTarget(
      forecastScores({
        timeframe: 'string',
        horizon: 'number',
        model: 'string',
        verdict: 'string',
        last500Rmse: 'number',
        last500Mase: 'number',
        last500SkillDrift: 'number',
        last500HitRate: 'number',
        last500HitLower: 'number',
        last500HitUpper: 'number',
        last500WidthBand: 'number',
        last500WinklerBand: 'number',
        totalN: 'number'
      })
    )
    .withTransformation(
      columnOrder({
        timeframe: 'Timeframe',
        horizon: 'Bars ahead',
        model: 'Model',
        verdict: 'Verdict',
        last500Rmse: 'RMSE',
        last500Mase: 'MASE',
        last500SkillDrift: 'Skill against drift',
        last500HitRate: 'Direction right',
        last500HitLower: 'from',
        last500HitUpper: 'to',
        last500WidthBand: 'Width of the band',
        last500WinklerBand: 'Winkler score',
        totalN: 'Scored ever'
      })
    )
    .noValue('-')
    .overrideByName('Verdict', [{ id: 'mappings', value: LABEL_MAPPINGS }, COLORED_TEXT, wide(500)])
    .overrideByName('RMSE', [...inDollars(4), wide(95)])
    .overrideByName('Width of the band', [...inDollars(4), wide(145)])
    .overrideByName('Winkler score', [...inDollars(4), wide(115)])
    .overrideByName('Skill against drift', [...PERCENT, wide(145)])
    .overrideByName('Direction right', [...PERCENT, wide(125)])
    .overrideByName('from', [...PERCENT, wide(75)])
    .overrideByName('to', [...PERCENT, wide(75)])
    .overrideByName('MASE', [{ id: 'decimals', value: 2 }, wide(75)])
    .overrideByName('Timeframe', [wide(100)])
    .overrideByName('Bars ahead', [wide(100)])
    .overrideByName('Model', [wide(150)])
}

import {
  DashboardBuilder,
  DashboardCursorSync,
  TimePickerBuilder,
  type Dashboard
} from '@grafana/grafana-foundation-sdk/dashboard'
import { annotations } from './annotations.ts'
import { latestTrades, symbolList, tradesPerSecond } from './panels/activity.ts'
import { feedState } from './panels/feed-state.ts'
import { errorAgainstLastPrice, forecastAgainstActual, summary } from './panels/forecast.ts'
import { averagePrice, priceCandles, volume } from './panels/price.ts'
import {
  coverage,
  dataQuality,
  lateByAge,
  revisions,
  tickVolume,
  volatility
} from './panels/quality.ts'
import {
  coverageByHorizon,
  forecastQuality,
  scoresOfSymbol,
  skillByHorizon
} from './panels/scores.ts'
import { feed, lastPrice, newestForecast, verdict } from './panels/stats.ts'
import { MIN_REFRESH } from './pins.ts'
import { horizonVariable, modelVariable, symbolVariable, timeframeVariable } from './variables.ts'

export const MARKET_UID = 'tapedeck-market'

/** The schema version of Grafana 11; 12 and 13 migrate a dashboard when they load it. */
const SCHEMA_VERSION = 39

/** The dashboard "Market": one symbol live, and the activity of all. */
export function marketDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('Market')
    .uid(MARKET_UID)
    .description(
      'Live bars, average price, forecasts and trades, from the data that tapedeck stored. Simulated markets are marked as such.'
    )
    .tags(['tapedeck'])
    .readonly()
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-15m', to: 'now' })
    .refresh('1s')
    .timepicker(
      new TimePickerBuilder().refreshIntervals([MIN_REFRESH, '1s', '2s', '5s', '10s', '30s', '1m'])
    )
    .withVariable(symbolVariable())
    .withVariable(timeframeVariable())
    .withVariable(horizonVariable())
    .withVariable(modelVariable())
  const panels = [
    lastPrice(),
    feed(),
    newestForecast(),
    verdict(),
    priceCandles(),
    symbolList(),
    volume(),
    averagePrice(),
    forecastAgainstActual(),
    errorAgainstLastPrice(),
    summary(),
    tradesPerSecond(),
    latestTrades()
  ]
  // First, because the SDK reads 0, 0 as "anywhere"; numbered last, so that the others keep their ids.
  dashboard.withPanel(feedState().id(panels.length + 1))
  panels.forEach((panel, index) => dashboard.withPanel(panel.id(index + 1)))
  const quality = [coverage(), revisions(), lateByAge(), tickVolume(), volatility()]
  dashboard.withRow(dataQuality().id(panels.length + 2))
  quality.forEach((panel, index) => dashboard.withPanel(panel.id(panels.length + 3 + index)))
  const scoresFrom = panels.length + 3 + quality.length
  const scores = [skillByHorizon(), coverageByHorizon(), scoresOfSymbol()]
  dashboard.withRow(forecastQuality().id(scoresFrom))
  scores.forEach((panel, index) => dashboard.withPanel(panel.id(scoresFrom + 1 + index)))
  return { ...dashboard.build(), annotations: annotations(), schemaVersion: SCHEMA_VERSION }
}

import { dashboard } from './dashboard.ts'
import { latestTrades, tradesPerSecond, upAndDownVolume, volatility } from './panels/activity.ts'
import { errors, latency, processes, stages, throughput, waiting } from './panels/flow.ts'
import { batchRuns, feedState, storedPartitions, troubles } from './panels/pipeline.ts'
import { errorAgainstLastPrice, forecastAgainstActual, summary } from './panels/forecast.ts'
import { priceCandles } from './panels/price.ts'
import { coverage, lateByAge, revisions } from './panels/quality.ts'
import { coverageByHorizon, scoresOfSymbol, skillByHorizon } from './panels/scores.ts'
import { change, feed, lastPrice, outlook, pace, vwapGap } from './panels/stats.ts'
import { symbolTable } from './panels/symbol-table.ts'
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'

export interface DashboardFile {
  /** Below grafana/dashboards; the folder of the file is the folder in Grafana. */
  readonly path: string
  readonly json: string
}

/** Every dashboard as the text of its committed file. */
export function renderDashboards(): readonly DashboardFile[] {
  const dashboards = {
    market: marketDashboard(),
    pipeline: pipelineDashboard(),
    trust: trustDashboard(),
    watchlist: watchlistDashboard()
  }
  return Object.entries(dashboards).map(([name, one]) => ({
    path: `tapedeck/${name}.json`,
    json: `${JSON.stringify(one, undefined, 2)}\n`
  }))
}

/** The dashboard "Market": one symbol live, on one screen. */
function marketDashboard(): Dashboard {
  return dashboard('market', {
    description:
      'One symbol live: price with session VWAP and forecast, the tape beside it, and what moves below. Simulated markets are marked as such.',
    panels: [
      lastPrice(),
      change(),
      vwapGap(),
      pace(),
      outlook(),
      feed(),
      priceCandles(),
      latestTrades(),
      upAndDownVolume(),
      volatility(),
      tradesPerSecond()
    ]
  })
}

/** The dashboard "Trust": what is missing, late or corrected, and what the forecasts are worth. */
function trustDashboard(): Dashboard {
  return dashboard('trust', {
    description:
      'Whether the numbers can be believed: coverage, corrections and late trades, and each forecast against what came.',
    panels: [
      coverage(),
      revisions(),
      lateByAge(),
      forecastAgainstActual(),
      errorAgainstLastPrice(),
      summary(),
      skillByHorizon(),
      coverageByHorizon(),
      scoresOfSymbol()
    ]
  })
}

/** The dashboard "Watchlist": every symbol on a row. */
function watchlistDashboard(): Dashboard {
  return dashboard('watchlist', {
    description:
      'Every symbol on a row: price, day, hour, forecast and feed. A click opens it on the dashboard Market.',
    panels: [symbolTable()]
  })
}

/** The dashboard "Pipeline": whether all of it runs. */
function pipelineDashboard(): Dashboard {
  return dashboard('pipeline', {
    description:
      'Whether the pipeline runs: the feed, throughput and latency of each stage, what waits, memory, errors, and every check of the alert rules.',
    panels: [
      feedState(),
      stages(),
      processes(),
      throughput(),
      latency(),
      waiting(),
      errors(),
      storedPartitions(),
      troubles(),
      batchRuns()
    ]
  })
}

import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboard } from './dashboard.ts'
import { feedState } from './panels/feed-state.ts'
import { errorAgainstLastPrice, forecastAgainstActual, summary } from './panels/forecast.ts'
import { coverage, lateByAge, revisions } from './panels/quality.ts'
import { coverageByHorizon, scoresOfSymbol, skillByHorizon } from './panels/scores.ts'

/** The dashboard "Trust": what is missing, late or corrected, and what the forecasts are worth. */
export function trustDashboard(): Dashboard {
  return dashboard('trust', {
    description:
      'Whether the numbers can be believed: the feed, coverage, corrections and late trades, and each forecast against what came.',
    hasAuto: false,
    panels: [
      feedState(),
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

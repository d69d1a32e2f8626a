import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboard } from './dashboard.ts'
import { symbolTable } from './panels/symbol-table.ts'

/** The dashboard "Watchlist": every symbol on a row. */
export function watchlistDashboard(): Dashboard {
  return dashboard('watchlist', {
    description:
      'Every symbol on a row: price, day, hour, forecast and feed. A click opens it on the dashboard Market.',
    hasAuto: false,
    panels: [symbolTable()]
  })
}

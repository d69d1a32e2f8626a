import { marketDashboard } from './market.ts'
import { trustDashboard } from './trust.ts'
import { watchlistDashboard } from './watchlist.ts'

export interface DashboardFile {
  /** Below grafana/dashboards; the folder of the file is the folder in Grafana. */
  readonly path: string
  readonly json: string
}

/** Every dashboard as the text of its committed file. */
export function renderDashboards(): readonly DashboardFile[] {
  const dashboards = {
    market: marketDashboard(),
    trust: trustDashboard(),
    watchlist: watchlistDashboard()
  }
  return Object.entries(dashboards).map(([name, dashboard]) => ({
    path: `tapedeck/${name}.json`,
    json: `${JSON.stringify(dashboard, undefined, 2)}\n`
  }))
}

import { marketDashboard } from './market.ts'

export interface DashboardFile {
  /** Below grafana/dashboards; the folder of the file is the folder in Grafana. */
  readonly path: string
  readonly json: string
}

/** Every dashboard as the text of its committed file. */
export function renderDashboards(): readonly DashboardFile[] {
  return [
    { path: 'tapedeck/market.json', json: `${JSON.stringify(marketDashboard(), undefined, 2)}\n` }
  ]
}

export {
  infinityTarget,
  type ColumnType,
  type InfinityColumn,
  type InfinityTarget
} from './infinity.ts'
export { MARKET_UID, marketDashboard } from './market.ts'
export { DATASOURCE_UID, GRAFANA_VERSION, INFINITY, MIN_REFRESH } from './pins.ts'
export { renderDashboards, type DashboardFile } from './render.ts'
export { GRAFANA_VARIABLES, readServeConfig, type ServeConfig } from './serve-config.ts'
export { serveGrafana, type ServeOptions } from './serve.ts'

export { DATASOURCE_UID, GRAFANA_VERSION, INFINITY, MIN_REFRESH } from './pins.ts'
export { renderDashboards } from './render.ts'
export { GRAFANA_VARIABLES, readServeConfig, type ServeConfig } from './serve-config.ts'
export { serveGrafana } from './serve.ts'

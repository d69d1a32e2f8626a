/** The Grafana image of docker-compose.yml; the dashboards use no field newer than Grafana 11. */
export const GRAFANA_VERSION = '13.2.3'

/** The newest major version of Grafana whose HTTP API is known to have what is used of it. */
export const NEWEST_GRAFANA = 13

/** The data source plugin (signed, Grafana Labs, Apache-2.0); one version, the one the tests emulate. */
export const INFINITY = {
  id: 'yesoreyeram-infinity-datasource',
  version: '3.11.1',
  /** The oldest Grafana that this version of the plugin supports. */
  needsGrafana: '11.6.0'
} as const

/** The uid under which provisioning/datasources/tapedeck.yaml declares the api. */
export const DATASOURCE_UID = 'tapedeck-api'

/** The server must allow this (GF_DASHBOARDS_MIN_REFRESH_INTERVAL) for the dashboards' 1 s refresh. */
export const MIN_REFRESH = '500ms'

import { DATASOURCE_UID, INFINITY } from './pins.ts'

/** The data source as Grafana's files of provisioning and its HTTP API both take it. */
export interface DatasourceSettings {
  readonly uid: string
  readonly name: string
  readonly type: string
  readonly access: 'proxy'
  readonly url: string
  readonly jsonData: Readonly<Record<string, unknown>>
}

/** The header that carries the api's token: its name in jsonData, its value in secureJsonData. */
export const TOKEN_HEADER = { httpHeaderName1: 'Authorization' } as const

/**
 * The api as a data source, asked without a token.
 * @param url address of the api without a path, as Grafana reaches it
 * @param proxy 'none': straight; 'env': by the proxy that Grafana's own environment names, if any
 */
export function datasourceSettings(url: string, proxy: 'none' | 'env'): DatasourceSettings {
  return {
    uid: DATASOURCE_UID,
    name: 'tapedeck',
    type: INFINITY.id,
    access: 'proxy',
    url,
    jsonData: {
      // Not bearerToken: the plugin refuses to ask anything without one.
      auth_method: 'none',
      // Both the base URL and this list are needed: the base URL alone is only a prefix.
      allowedHosts: [url],
      proxy_type: proxy,
      timeoutInSeconds: 10,
      unsecuredQueryHandling: 'deny',
      customHealthCheckEnabled: true,
      customHealthCheckUrl: `${url}/readyz`
    }
  }
}

/** What secureJsonData holds for a token; Grafana keeps it encrypted and never gives it back. */
export function tokenHeaderValue(token: string): { readonly httpHeaderValue1: string } {
  return { httpHeaderValue1: `Bearer ${token}` }
}

const HEADER =
  '# Written by npm run dashboards from grafana/src/datasource.ts; JSON is YAML too. TAPEDECK_API_URL comes from\n' +
  '# docker-compose.yml or from npm run grafana, and so does TAPEDECK_API_TOKEN, a token of scope read; it may be empty\n' +
  '# where reading is open.\n'

/** Grafana's file of the data source, whose address and token are variables of Grafana's environment. */
export function renderDatasource(): string {
  const settings = datasourceSettings('$TAPEDECK_API_URL', 'none')
  const source = {
    ...settings,
    isDefault: true,
    editable: false,
    jsonData: { ...settings.jsonData, ...TOKEN_HEADER },
    secureJsonData: tokenHeaderValue('$TAPEDECK_API_TOKEN')
  }
  const file = { apiVersion: 1, prune: true, datasources: [source] }
  return `${HEADER}${JSON.stringify(file, undefined, 2)}\n`
}

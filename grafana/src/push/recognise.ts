import { printable, TapedeckError } from '@tapedeck/core'
import { INFINITY } from '../pins.ts'
import { ageOf, KNOWN_VERSIONS } from '../versions.ts'
import { quoted, type GrafanaHttp } from './grafana-http.ts'

/**
 * Makes sure that a Grafana that tapedeck knows answers, before the token is shown to it.
 * @returns its version, or undefined when it hides it
 * @throws SERVER_MISSING when something else answers, or another version; what `GrafanaHttp.ask` throws
 */
export async function recogniseGrafana(grafana: GrafanaHttp): Promise<string | undefined> {
  const { status, body } = await grafana.ask('GET', '/api/health', undefined, false)
  const { database, version } = (body ?? {}) as { database?: unknown; version?: unknown }
  if (status !== 200 || typeof database !== 'string') {
    throw new TapedeckError(
      'SERVER_MISSING',
      `No Grafana at GRAFANA_URL ${grafana.address}: /api/health was answered ${status}${quoted(body)}, ` +
        'expected 200 with the state of its database; give the address that a browser shows, with its path if it has one'
    )
  }
  if (typeof version !== 'string' || version === '') return undefined
  const age = ageOf(version)
  if (age === 'known') return printable(version)
  throw new TapedeckError(
    'SERVER_MISSING',
    `Cannot push to the Grafana at ${grafana.address}: it is ${printable(version)}, expected ${KNOWN_VERSIONS}` +
      (age === 'older'
        ? `, the oldest that the data source ${INFINITY.id} ${INFINITY.version} runs in`
        : ': whether a newer one still has the HTTP API that is used is not known')
  )
}

/**
 * Makes sure that the data source plugin is installed. Grafana would take a data source without its plugin,
 * and then show an error in every panel.
 * @returns the version of the plugin
 * @throws SERVER_MISSING that says how to install it; what `GrafanaHttp.find` throws
 */
export async function expectPlugin(grafana: GrafanaHttp): Promise<string> {
  const settings = await grafana.find<{ info?: { version?: string } }>(
    `/api/plugins/${INFINITY.id}/settings`,
    { to: 'read its plugins', permission: 'plugins:read' }
  )
  if (settings !== undefined) return printable(settings.info?.version ?? 'of unknown version')
  throw new TapedeckError(
    'SERVER_MISSING',
    `The Grafana at ${grafana.address} lacks the data source plugin: ${INFINITY.id} is not installed, expected ${INFINITY.version}\n` +
      '  install it there: Administration > Plugins and data > Plugins > Infinity > Install (Grafana Cloud too),\n' +
      `  or on its machine: grafana cli plugins install ${INFINITY.id} ${INFINITY.version}, and a restart`
  )
}

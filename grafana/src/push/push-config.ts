import { about, readEnv, secret, webAddress, type Env, type Secret } from '@tapedeck/core'
import { ALERT_VARIABLES } from '../contact-point.ts'
import { TAPEDECK_API_VARIABLES } from '../serve-config.ts'

export const PUSH_VARIABLES = {
  GRAFANA_URL: about(
    'Address of the Grafana that gets the dashboards',
    webAddress(undefined, 'path')
  ),
  GRAFANA_TOKEN: about('Token of a service account of that Grafana, role Admin', secret())
} as const

export interface PushConfig {
  /** Without a slash at its end; it may have a path. */
  readonly grafanaUrl: string
  readonly grafanaToken: Secret
  /** Address of the api as Grafana reaches it. */
  readonly apiUrl: string
  readonly apiToken: Secret | undefined
  /** Where Grafana is to post alerts. */
  readonly alertWebhook: Secret | undefined
  readonly isDryRun: boolean
}

/**
 * The configuration of `npm run grafana -- --push`.
 * @throws CONFIG_INVALID with every mistake; also when Grafana is on another machine and no address of the api is
 * given, because the default one would be Grafana's own machine
 */
export function readPushConfig(env: Env, isDryRun: boolean): PushConfig {
  const values = readEnv(
    env,
    { ...PUSH_VARIABLES, ...TAPEDECK_API_VARIABLES, ...ALERT_VARIABLES },
    ({ GRAFANA_URL: grafana }) =>
      grafana === undefined || isLoopback(grafana) || (env['TAPEDECK_API_URL'] ?? '') !== ''
        ? []
        : [
            `TAPEDECK_API_URL is not set, expected the address at which the Grafana on ${new URL(grafana).host} reaches the api`
          ]
  )
  return Object.freeze({
    grafanaUrl: values.GRAFANA_URL,
    grafanaToken: values.GRAFANA_TOKEN,
    apiUrl: values.TAPEDECK_API_URL,
    apiToken: values.TAPEDECK_API_TOKEN,
    alertWebhook: values.GRAFANA_ALERT_WEBHOOK,
    isDryRun
  })
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

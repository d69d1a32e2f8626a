import { DATASOURCE_UID, INFINITY } from '../pins.ts'
import { GrafanaHttp, quoted } from './grafana-http.ts'
import type { PushConfig } from './push-config.ts'
import { expectPlugin, recogniseGrafana } from './recognise.ts'
import {
  alertStep,
  contactPointStep,
  dashboardSteps,
  datasourceStep,
  folderStep,
  type Step
} from './steps.ts'

interface PushOptions {
  readonly signal: AbortSignal
  /** A line for the person at the terminal. */
  say(line: string): void
}

/**
 * Gives a running Grafana tapedeck's data source, folder, dashboards and alert rules through its HTTP API. It reads
 * everything first, so that a lack which can be read is found before anything changes; what is already there as it
 * should be is left alone.
 *
 * @throws SERVER_MISSING when there is no Grafana, or one without the plugin; CONFIG_INVALID when the token is not
 * taken or lacks a permission; SERVER_FAILED; ABORTED. A push that failed halfway is finished by the next one.
 */
export async function pushToGrafana(
  { grafanaUrl, grafanaToken, apiUrl, apiToken, alertWebhook, isDryRun }: PushConfig,
  { signal, say }: PushOptions
): Promise<void> {
  const grafana = new GrafanaHttp(grafanaUrl, grafanaToken, signal)
  const version = await recogniseGrafana(grafana)
  say(`Grafana ${version ?? 'of unknown version'} at ${grafanaUrl}`)
  const plugin = await expectPlugin(grafana)
  say(
    plugin === INFINITY.version
      ? `plugin ${INFINITY.id} ${plugin}: installed`
      : `plugin ${INFINITY.id} ${plugin}: installed; ${INFINITY.version} is tested`
  )
  const datasource = await datasourceStep(grafana, apiUrl, apiToken)
  const folder = await folderStep(grafana)
  const dashboards = await dashboardSteps(grafana)
  const contacts = alertWebhook === undefined ? [] : [await contactPointStep(grafana, alertWebhook)]
  const alerts = await alertStep(grafana, {
    isFolderNew: folder.change === 'create',
    isPosted: alertWebhook !== undefined
  })
  for (const step of [datasource, folder, ...dashboards, ...contacts, alerts]) {
    if (!isDryRun) await step.apply()
    say(lineOf(step, isDryRun))
  }
  if (isDryRun) say('dry run: nothing was changed')
  else say(await reachLine(grafana, apiUrl))
}

function lineOf({ what, change, note }: Step, isDryRun: boolean): string {
  const done = { create: 'created', update: 'updated', keep: 'unchanged' }[change]
  const did = isDryRun && change !== 'keep' ? `would be ${done}` : done
  return `${what}: ${did}${note === undefined ? '' : `, ${note}`}`
}

/** Whether Grafana's machine reaches the api, as Grafana itself finds. */
async function reachLine(grafana: GrafanaHttp, apiUrl: string): Promise<string> {
  const { status, body } = await grafana.ask('GET', `/api/datasources/uid/${DATASOURCE_UID}/health`)
  if (status === 200) return `Grafana reaches the api on ${apiUrl}`
  if (status === 401 || status === 403) {
    return `Grafana does not let GRAFANA_TOKEN ask whether it reaches the api: ${status}${quoted(body)}`
  }
  return (
    `Grafana does not reach the api on ${apiUrl}: ${status}${quoted(body)}\n` +
    '  panels stay empty until it does; TAPEDECK_API_URL is the address as seen from its machine'
  )
}

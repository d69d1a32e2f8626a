/**
 * `npm run test:grafana`: a running Grafana is asked each query of the committed dashboards and alert rules, and its
 * frames are held to those of the emulator. Exit code 0 only when all have the same columns.
 */
import { readFile } from 'node:fs/promises'
import { commandLine, runCommand, stopSignal } from '@tapedeck/core'
import { GrafanaHttp, readPushConfig } from '@tapedeck/grafana'
import { parse } from 'yaml'
import { committedDashboards } from '../../support/infinity-emulator-panels.ts'
import { compareQueries, type AlertRule } from './compare.ts'

const RULES = new URL('../../../grafana/provisioning/alerting/rules.yaml', import.meta.url)

const command = commandLine({
  name: 'test:grafana',
  purpose: 'Asks a running Grafana each query of the dashboards, and compares its columns.',
  forms: ['-- [--symbol SYMBOL]'],
  options: { symbol: ['text', 'SYMBOL', 'the symbol that is chosen (the first of the list)'] },
  settings: {
    GRAFANA_URL: 'address of the Grafana, which has the data source and the dashboards',
    GRAFANA_TOKEN: 'a token of a service account there with the permission datasources:query',
    TAPEDECK_API_URL: 'address of the api that this Grafana reads (http://127.0.0.1:8080)',
    TAPEDECK_API_TOKEN: 'a token of the api, where reading needs one'
  },
  exits: [
    'every query has the columns of the emulator',
    'one has not',
    'wrong arguments or settings'
  ],
  example: '-- --symbol AAPL',
  read: (given) => ({ symbol: given.text('symbol') })
})

await runCommand({
  ...command,
  async run({ symbol }, terminal) {
    const { grafanaUrl, grafanaToken, apiUrl, apiToken } = readPushConfig(process.env, true)
    const { groups } = parse(await readFile(RULES, 'utf8')) as {
      groups: readonly { readonly rules: readonly AlertRule[] }[]
    }
    const { asked, empty, wrong } = await compareQueries({
      grafana: new GrafanaHttp(grafanaUrl, grafanaToken, stopSignal()),
      api: {
        baseUrl: apiUrl,
        ...(apiToken !== undefined && { headers: { authorization: `Bearer ${apiToken.reveal()}` } })
      },
      dashboards: (await committedDashboards()).map(({ json }) => json),
      rules: groups.flatMap(({ rules }) => rules),
      symbol,
      nowMs: Date.now()
    })
    for (const line of wrong) terminal.write(`! ${line}\n`)
    terminal.write(
      `${asked} queries asked, ${asked - empty - wrong.length} with the same columns, ${empty} without rows, ${wrong.length} wrong\n`
    )
    return wrong.length === 0 ? 0 : 1
  }
})

// Writes grafana/dashboards from the builders; run as npm run dashboards.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { commandLine, runCommand } from '@tapedeck/core'
import { renderAlertRules } from './alerts.ts'
import { renderDatasource } from './datasource.ts'
import { renderDashboards } from './render.ts'

const folder = join(import.meta.dirname, '..')

await runCommand({
  ...commandLine({
    name: 'dashboards',
    purpose: 'Writes grafana/dashboards, the data source and the alert rules from grafana/src.',
    options: {},
    settings: {},
    exits: ['written', 'failed', 'wrong arguments'],
    example: '',
    read: () => undefined
  }),
  async run(_args, terminal) {
    const files = [
      ...renderDashboards().map(({ path, json }) => [`dashboards/${path}`, json] as const),
      ['provisioning/alerting/rules.yaml', renderAlertRules()] as const,
      ['provisioning/datasources/tapedeck.yaml', renderDatasource()] as const
    ]
    for (const [path, content] of files) {
      const file = join(folder, path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, content)
      terminal.write(`written: grafana/${path}\n`)
    }
    return 0
  }
})

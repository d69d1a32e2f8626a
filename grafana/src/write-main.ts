// Writes grafana/dashboards from the builders; run as npm run dashboards.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { commandLine, runCommand } from '@tapedeck/core'
import { renderAlertRules } from './alerts.ts'
import { CONTACT_POINT, renderContactPoint } from './contact-point.ts'
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
      // What docker compose provides instead when GRAFANA_ALERT_WEBHOOK is set.
      ['provisioning/alerting-webhook/rules.yaml', renderAlertRules(CONTACT_POINT)] as const,
      ['provisioning/alerting-webhook/contact-point.yaml', renderContactPoint()] as const,
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

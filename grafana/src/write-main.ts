// Writes grafana/dashboards from the builders; run as npm run dashboards.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { commandLine, runCommand } from '@tapedeck/core'
import { renderDashboards } from './render.ts'

const folder = join(import.meta.dirname, '../dashboards')

await runCommand({
  ...commandLine({
    name: 'dashboards',
    purpose: 'Writes the dashboards of grafana/dashboards from the panels in grafana/src.',
    options: {},
    settings: {},
    exits: ['written', 'failed', 'wrong arguments'],
    example: '',
    read: () => undefined
  }),
  async run(_args, terminal) {
    for (const { path, json } of renderDashboards()) {
      const file = join(folder, path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, json)
      terminal.write(`written: grafana/dashboards/${path}\n`)
    }
    return 0
  }
})

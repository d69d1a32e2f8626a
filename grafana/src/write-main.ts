// Writes grafana/dashboards from the builders; run as npm run dashboards.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { renderDashboards } from './render.ts'

const folder = join(import.meta.dirname, '../dashboards')
for (const { path, json } of renderDashboards()) {
  const file = join(folder, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, json)
  process.stdout.write(`written: grafana/dashboards/${path}\n`)
}

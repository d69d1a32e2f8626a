import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Engine } from './engine.ts'
import { partText, publicationName, type Manifest, type PartName } from './manifest.ts'
import type { ModuleContext } from './module.ts'
import { readReport } from './report-data.ts'
import { reportPage } from './report-page.ts'
import { codeVersion } from './sql.ts'
import { replaceFile } from './store.ts'

const VIEWS = ['minutes', 'daily', 'liquidity', 'volume_profile', 'correlation', 'forecast_skill']

/**
 * Publishes the report of a date, and puts copies where their names stay the same: `reports/DATE.html` and
 * `reports/DATE.json` in the lake.
 */
export async function writeReport(context: ModuleContext): Promise<Manifest> {
  const { date, store, run, attempt, terminal, lake } = context
  const part: PartName = { ...publicationName(context.output), date }
  const [source] = context.inputs
  if (source === undefined) throw new Error('report has no input')
  const refined = await store.read({ ...source, date })
  const draft = await store.begin(part, run, attempt)
  const engine = await Engine.open(lake)
  try {
    for (const name of VIEWS) await engine.viewParquet(name, refined.files(name))
    const data = await readReport(engine, date, refined.manifest.facts)
    const texts = {
      'report.html': reportPage(data),
      'report.json': `${JSON.stringify(data)}\n`
    }
    for (const [name, text] of Object.entries(texts)) {
      await writeFile(path.join(draft.folder, name), text)
    }
    const rows = data.symbols.length
    const manifest = await store.publish(draft, {
      run,
      attempt,
      tables: [
        { name: 'html', format: 'html', rows, columns: [], extents: {}, files: ['report.html'] },
        { name: 'json', format: 'json', rows, columns: [], extents: {}, files: ['report.json'] }
      ],
      code: codeVersion(),
      inputs: [refined.input],
      facts: refined.manifest.facts
    })
    const folder = path.join(store.dir, 'reports')
    await mkdir(folder, { recursive: true })
    await replaceFile(path.join(folder, `${date}.html`), texts['report.html'])
    await replaceFile(path.join(folder, `${date}.json`), texts['report.json'])
    terminal.write(`${partText(part)}: ${path.join(folder, `${date}.html`)}\n`)
    return manifest
  } catch (error) {
    await store.discard(draft)
    throw error
  } finally {
    await engine.close()
  }
}

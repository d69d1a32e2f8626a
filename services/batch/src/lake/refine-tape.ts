import path from 'node:path'
import { Engine } from './engine.ts'
import { partText, publicationName, type Manifest, type PartName } from './manifest.ts'
import { checkStopped, type ModuleContext } from './module.ts'
import { codeVersion, queryOf } from './sql.ts'
import type { DraftTable } from './store.ts'

/** The tables of `refined/daily`, in the order in which they are made; each is a query of the same name. */
const TABLES = [
  { name: 'minutes', extents: ['symbol', 'minute'] },
  { name: 'daily', extents: ['symbol'] },
  { name: 'liquidity', extents: ['symbol'] },
  { name: 'volume_profile', extents: ['symbol'] },
  { name: 'correlation', extents: ['symbol'] },
  { name: 'forecast_skill', extents: ['symbol'] }
] as const

/** Computes what is asked of a date from its trusted tables. @throws STATE_CORRUPT, SERVER_MISSING */
export async function refineTape(context: ModuleContext): Promise<Manifest> {
  const { date, store, run, attempt, terminal, lake } = context
  const part: PartName = { ...publicationName(context.output), date }
  const [source] = context.inputs
  if (source === undefined) throw new Error('refine-tape has no input')
  const trusted = await store.read({ ...source, date })
  const draft = await store.begin(part, run, attempt)
  const engine = await Engine.open(lake)
  try {
    for (const name of ['trades', 'bars', 'forecasts'] as const) {
      await engine.viewParquet(`trusted_${name}`, trusted.files(name))
    }
    const tables: DraftTable[] = []
    for (const { name, extents } of TABLES) {
      checkStopped(context)
      const fileName = `${name}.parquet`
      const file = path.join(draft.folder, fileName)
      const written = await engine.writeParquet(queryOf(name.replaceAll('_', '-')), file, extents)
      tables.push({ name, format: 'parquet', ...written, files: [fileName] })
      if (name === 'minutes') await engine.viewParquet('minutes', [file])
    }
    const manifest = await store.publish(draft, {
      run,
      attempt,
      tables,
      code: codeVersion(),
      inputs: [trusted.input],
      facts: trusted.manifest.facts
    })
    const rows = tables.map((table) => `${table.name} ${table.rows}`).join(', ')
    terminal.write(`${partText(part)}: rows of ${rows}\n`)
    return manifest
  } catch (error) {
    await store.discard(draft)
    throw error
  } finally {
    await engine.close()
  }
}

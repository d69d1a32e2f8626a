import type { Manifest } from '@tapedeck/lake'
import type { ModuleContext } from './module.ts'
import { deriving, writeTables } from './publishing.ts'

/** The tables of `refined/daily`, in the order in which they are made; each is a query of the same name. */
const TABLES = [
  { name: 'minutes', view: 'minutes', extents: ['symbol', 'minute'] },
  { name: 'daily', extents: ['symbol'] },
  { name: 'liquidity', extents: ['symbol'] },
  { name: 'volume_profile', extents: ['symbol'] },
  { name: 'correlation', extents: ['symbol'] },
  { name: 'forecast_skill', extents: ['symbol'] }
] as const

/** Computes what is asked of a date from its trusted tables. @throws STATE_CORRUPT, SERVER_MISSING */
export async function refineTape(context: ModuleContext): Promise<Manifest> {
  const manifest = await deriving(context, async ([trusted], draft, engine) => {
    await engine.useOneThread()
    for (const name of ['trades', 'bars', 'forecasts'] as const) {
      await engine.viewParquet(`trusted_${name}`, trusted.files(name))
    }
    const tables = await writeTables(engine, draft, TABLES, context)
    return { tables, facts: trusted.manifest.facts }
  })
  const rows = manifest.tables.map((table) => `${table.name} ${table.rows}`).join(', ')
  context.terminal.write(`${manifest.part}: rows of ${rows}\n`)
  return manifest
}

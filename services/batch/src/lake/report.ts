import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { DraftTable, Manifest, Published } from '@tapedeck/lake'
import type { Engine } from './engine.ts'
import type { ModuleContext } from './module.ts'
import { deriving } from './publishing.ts'
import { readReport } from './report-data.ts'
import { reportPage } from './report-page.ts'
import { readPortfolio, type PortfolioReport } from './report-portfolio.ts'
import type { PortfolioFacts } from './refine-portfolio.ts'

/** What is read of `refined/daily`. */
const VIEWS = ['minutes', 'daily', 'liquidity', 'volume_profile', 'correlation', 'forecast_skill']

/**
 * Publishes the report of a date, and puts copies where their names stay the same: `reports/DATE.html` and
 * `reports/DATE.json` in the lake.
 */
export async function writeReport(context: ModuleContext): Promise<Manifest> {
  const { date, store, terminal } = context
  const texts = new Map<'html' | 'json', string>()
  const manifest = await deriving(
    context,
    async ([refined, portfolio], draft, engine) => {
      for (const name of VIEWS) await engine.viewParquet(name, refined.files(name))
      const data = {
        ...(await readReport(engine, date, refined.manifest.facts)),
        portfolio: await portfolioOf(engine, portfolio)
      }
      texts.set('html', reportPage(data)).set('json', `${JSON.stringify(data)}\n`)
      for (const [format, text] of texts) {
        await writeFile(path.join(draft.folder, `report.${format}`), text)
      }
      const rows = data.symbols.length
      const tables = [...texts.keys()].map((format): DraftTable => {
        const files = [`report.${format}`]
        return { name: format, format, rows, columns: [], extents: {}, files }
      })
      return { tables, facts: refined.manifest.facts }
    },
    { needed: 1 }
  )
  const places = new Map<string, string>()
  for (const [format, text] of texts) {
    places.set(format, await store.putText(`reports/${date}.${format}`, text))
  }
  terminal.write(`${manifest.part}: ${places.get('html')}\n`)
  return manifest
}

/** Null where no relational database is configured. */
async function portfolioOf(
  engine: Engine,
  portfolio: Published | undefined
): Promise<PortfolioReport | null> {
  if (portfolio === undefined) return null
  for (const name of ['portfolios', 'positions']) {
    await engine.viewParquet(name, portfolio.files(name))
  }
  return readPortfolio(engine, portfolio.manifest.facts as unknown as PortfolioFacts)
}

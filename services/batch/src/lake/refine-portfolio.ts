import { TapedeckError } from '@tapedeck/core'
import { type Manifest, publicationName, type Published } from '@tapedeck/lake'
import type { Engine } from './engine.ts'
import type { ModuleContext } from './module.ts'
import { deriving, writeTables } from './publishing.ts'
import type { TrustedSqlFacts } from './trust-sql.ts'
import { hasNoDatabase } from './capture-sql.ts'

/** What the query of positions reads of each table. */
const COLUMNS = {
  instruments: ['symbol', 'name', 'currency'],
  portfolios: ['portfolio', 'name'],
  positions: ['portfolio', 'symbol', 'quantity', 'cost']
} as const

/** The tables of `refined/portfolio`, in the order in which they are made; each is a query of the same name. */
const TABLES = [
  { name: 'positions', view: 'positions', extents: ['portfolio', 'symbol'] },
  { name: 'portfolios', extents: ['portfolio'] }
] as const

/** What the manifest of `refined/portfolio` says beside its tables. */
export interface PortfolioFacts {
  /** When the positions were as they are here, ISO 8601. */
  readonly takenAt: string
  /** The date with which the profit on the day is compared; null where the lake has none before. */
  readonly previousDate: string | null
  /** Rows of the source that did not fit. */
  readonly rejected: number
}

/**
 * Computes the profit and loss of the date by position and portfolio, from the positions and the closes of the date.
 * @returns undefined when no relational database is configured and nothing was captured
 * @throws STATE_CORRUPT, SERVER_MISSING
 */
export async function refinePortfolio(context: ModuleContext): Promise<Manifest | undefined> {
  if (await hasNoDatabase(context, 'computed')) return undefined
  const { date } = context
  const before = await previousOf(context)
  const manifest = await deriving(
    context,
    async ([trusted, daily], draft, engine) => {
      await viewTrusted(engine, trusted)
      if (daily === undefined) throw new Error('two inputs are needed')
      await engine.viewParquet('daily', daily.files('daily'))
      await engine.viewQuery('the_date', `select '${date}' as trade_date`)
      const previousDate = before?.part.date ?? null
      await engine.viewQuery(
        'the_previous_date',
        previousDate === null
          ? 'select cast(null as string) as previous_date where false'
          : `select '${previousDate}' as previous_date`
      )
      if (before === undefined) {
        await engine.viewQuery(
          'previous_positions',
          'select cast(null as string) as portfolio, cast(null as string) as symbol, ' +
            'cast(null as decimal(34, 14)) as unrealised where false'
        )
      } else {
        await engine.viewParquet('previous_positions', before.files('positions'))
      }
      const tables = await writeTables(engine, draft, TABLES, context)
      const { takenAt, rejected } = trusted.manifest.facts as unknown as TrustedSqlFacts
      const facts: PortfolioFacts = {
        takenAt,
        previousDate,
        rejected: Object.values(rejected).reduce((sum, one) => sum + one, 0)
      }
      return { tables, facts: { ...facts } }
    },
    { others: before === undefined ? [] : [before] }
  )
  const rows = manifest.tables.map((table) => `${table.name} ${table.rows}`).join(', ')
  context.terminal.write(`${manifest.part}: rows of ${rows}\n`)
  return manifest
}

/** The newest date before this one in the lake. */
async function previousOf({ store, output, date }: ModuleContext): Promise<Published | undefined> {
  const name = publicationName(output)
  const previous = (await store.dates(name)).filter((one) => one < date).at(-1)
  return previous === undefined ? undefined : store.read({ ...name, date: previous })
}

/** @throws STATE_CORRUPT for a definition whose tables are not those of positions */
async function viewTrusted(engine: Engine, trusted: Published): Promise<void> {
  for (const [name, columns] of Object.entries(COLUMNS)) {
    const files = trusted.files(name)
    const found = trusted.manifest.tables.find((one) => one.name === name)?.columns ?? []
    const missing = columns.find((column) => !found.some((one) => one.name === column))
    if (missing !== undefined) {
      throw new TapedeckError(
        'STATE_CORRUPT',
        `Cannot value positions: ${name} has no column ${missing}, expected ${columns.join(', ')}: name it so in the definition's query`
      )
    }
    await engine.viewParquet(`trusted_${name}`, files)
  }
}

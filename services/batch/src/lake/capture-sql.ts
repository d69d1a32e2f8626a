import { hasCode, messageOf, TapedeckError } from '@tapedeck/core'
import {
  inSnapshot,
  Mariadb,
  readMariadbConfig,
  shownAddress,
  type ColumnType,
  type MariadbConfig,
  type Snapshot
} from '@tapedeck/mariadb'
import type { Draft, DraftTable, Manifest } from '@tapedeck/lake'
import { definitionOf } from './definition.ts'
import { checkStopped, type ModuleContext } from './module.ts'
import { publishing, writeLines } from './publishing.ts'
import { COLUMN, readSqlSource, type SqlQuery } from './sql-source.ts'

/** What a capture of a relational source says beside its lines; read by `trust-sql`. */
export interface SqlFacts {
  readonly address: string
  /** The moment of which all rows are, by the clock of the database; ISO 8601. */
  readonly takenAt: string
  /** Rows that the database counted, by table. */
  readonly counted: Readonly<Record<string, number>>
  readonly keys: Readonly<Record<string, readonly string[]>>
  readonly required: Readonly<Record<string, readonly string[]>>
}

/** The line of a module that has nothing to do. */
export const NO_DATABASE =
  'no relational database is configured (MARIADB_URL, or STACK_MARIADB=embedded npm start)'

/**
 * Copies what a definition (`--config`) names from a relational source, all of one moment, a line of JSON each row; every
 * value is the text that the database gives. Published when each query has as many rows as the database counts.
 * @returns undefined when no relational database is configured
 * @throws CONFIG_INVALID, SERVER_MISSING, DATABASE_UNREACHABLE; STATE_CORRUPT when the counts differ; ABORTED
 */
export async function captureSql(context: ModuleContext): Promise<Manifest | undefined> {
  const { terminal, env, output } = context
  const { file, text } = await definitionOf(
    context,
    'capture-sql',
    'services/batch/sql/portfolio.json'
  )
  const { database, queries } = readSqlSource(file, text, env)
  if (database === undefined) {
    terminal.write(`${output}: nothing is captured, ${NO_DATABASE}\n`)
    return undefined
  }
  const manifest = await publishing(context, (draft) => copy(database, queries, draft, context))
  const { counted } = manifest.facts as unknown as SqlFacts
  const all = Object.entries(counted).map(([name, rows]) => `${rows} ${name}`)
  terminal.write(`${manifest.part}: ${all.join(', ')}\n`)
  return manifest
}

async function copy(
  config: MariadbConfig,
  queries: readonly SqlQuery[],
  draft: Draft,
  context: ModuleContext
): Promise<{ tables: DraftTable[]; inputs: []; facts: Readonly<Record<string, unknown>> }> {
  const database = await Mariadb.open(config)
  try {
    return await inSnapshot(database, async (snapshot) => {
      const tables: DraftTable[] = []
      const counted: Record<string, number> = {}
      for (const query of queries) {
        const table = await copyRows(snapshot, query, draft, context)
        tables.push(table)
        counted[query.name] = table.rows
      }
      const facts: SqlFacts = {
        address: shownAddress(config),
        takenAt: snapshot.takenAt,
        counted,
        keys: Object.fromEntries(queries.map(({ name, key }) => [name, key])),
        required: Object.fromEntries(queries.map(({ name, required }) => [name, required]))
      }
      return { tables, inputs: [], facts: { ...facts } }
    })
  } finally {
    await database.close()
  }
}

async function copyRows(
  snapshot: Snapshot,
  query: SqlQuery,
  draft: Draft,
  context: ModuleContext
): Promise<DraftTable> {
  const { name } = query
  const dates = query.text.split('{date}').length - 1
  const text = query.text.replaceAll('{date}', '?')
  const values = Array.from({ length: dates }, () => context.date)
  try {
    const counted = await snapshot.count(text, values)
    const rows = snapshot.read(text, values)
    const table = await writeLines(draft, name, async (file) => {
      for await (const piece of rows) {
        checkStopped(context)
        const columns = checkedColumns(query, rows.columns())
        await file.write(piece.map((row) => lineOf(columns, row)))
        context.terminal.progress(`${name}: ${file.lines} of ${counted} copied`)
      }
    })
    if (table.rows !== counted) {
      throw new TapedeckError(
        'STATE_CORRUPT',
        `Cannot capture ${name}: ${table.rows} rows copied, ${counted} counted in the same snapshot, ` +
          'expected tables of an engine with transactions'
      )
    }
    const columns = checkedColumns(query, rows.columns())
    return { ...table, columns: columns.map((one) => ({ name: one.name, type: one.type })) }
  } catch (cause) {
    if (!hasCode(cause, 'REQUEST_INVALID')) throw cause
    throw new TapedeckError('CONFIG_INVALID', `Cannot capture ${name}: ${messageOf(cause)}`, {
      cause
    })
  }
}

/** @throws CONFIG_INVALID for names that the lake cannot have, and for keys that are no columns */
function checkedColumns(
  { name, key, required }: SqlQuery,
  columns: readonly ColumnType[]
): readonly ColumnType[] {
  const names = columns.map((one) => one.name)
  const odd = names.find((one) => !COLUMN.test(one))
  if (odd !== undefined) {
    throw new TapedeckError(
      'CONFIG_INVALID',
      `Cannot capture ${name}: a column is called '${odd}', expected letters, digits and _: give it another name (as)`
    )
  }
  const missing = [...key, ...required].find((one) => !names.includes(one))
  if (missing === undefined) return columns
  throw new TapedeckError(
    'CONFIG_INVALID',
    `Cannot capture ${name}: no column ${missing} found, expected one of ${names.join(', ')}`
  )
}

function lineOf(columns: readonly ColumnType[], row: readonly (string | null)[]): string {
  return JSON.stringify(Object.fromEntries(columns.map(({ name }, at) => [name, row[at] ?? null])))
}

/**
 * Whether a module has nothing to do, because no relational database is configured and nothing was captured of one for the
 * date. It says so.
 */
export async function hasNoDatabase(
  { store, inputs: [input], output, date, env, terminal }: ModuleContext,
  verb: string
): Promise<boolean> {
  if (input === undefined || readMariadbConfig(env) !== undefined) return false
  if ((await store.find({ ...input, date })) !== undefined) return false
  terminal.write(`${output}: nothing is ${verb}, ${NO_DATABASE}\n`)
  return true
}

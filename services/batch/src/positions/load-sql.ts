import { readFile } from 'node:fs/promises'
import { messageOf, TapedeckError, type Terminal } from '@tapedeck/core'
import { Mariadb, type MariadbConfig } from '@tapedeck/mariadb'
import { fittingRows, type FittingRows, type Reject } from './fitting-rows.ts'
import { creation, TABLES, upsert } from './tables.ts'

interface Load {
  /** A file in JSON: a list of rows for each table. */
  readonly file: string
  /** Whether what fits is loaded although other rows do not. */
  readonly skipsRejects: boolean
}

/** Rows of one statement. */
const CHUNK_ROWS = 200
const SHOWN_REJECTS = 50

/**
 * Loads a file into the relational database by one transaction: all of it or nothing. Tables that are missing are made;
 * rows whose key is there are replaced, so loading twice is loading once. Every row that does not fit is named.
 * @throws CONFIG_INVALID for a file that cannot be read; RECORD_REFUSED when a row does not fit; SERVER_MISSING,
 * DATABASE_UNREACHABLE
 */
export async function loadSql(
  config: MariadbConfig,
  { file, skipsRejects }: Load,
  terminal: Pick<Terminal, 'write' | 'note'>
): Promise<void> {
  const found = await readJson(file)
  const database = await Mariadb.open(config)
  try {
    // Statements that make tables end a transaction, so they come before it.
    for (const table of TABLES) await database.rows(creation(table))
    const loaded = await database.transaction(async () => {
      const { fitting, rejects } = fittingRows(TABLES, found, await storedKeys(database))
      sayRejects(rejects, terminal)
      if (rejects.length > 0 && !skipsRejects) {
        throw new TapedeckError(
          'RECORD_REFUSED',
          `Cannot load ${file}: ${rejects.length} rows do not fit, and nothing is loaded; --skip loads the others`
        )
      }
      for (const one of fitting) await write(database, one)
      return fitting
    })
    const counts = loaded.map(({ table, rows }) => `${rows.length} ${table.name}`).join(', ')
    terminal.write(`${file}: ${counts} loaded\n`)
  } finally {
    await database.close()
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new TapedeckError('CONFIG_INVALID', `Cannot load ${file}: ${messageOf(cause)}`, { cause })
  }
}

async function storedKeys(database: Mariadb): Promise<Record<string, ReadonlySet<string>>> {
  const keys: Record<string, ReadonlySet<string>> = {}
  for (const { name, key } of TABLES) {
    const [column = '', ...others] = key
    if (others.length > 0) continue
    // Nobody takes a row away that this transaction refers to.
    const rows = await database.rows(`select ${column} as k from ${name} lock in share mode`)
    keys[name] = new Set(rows.map(({ k }) => k ?? ''))
  }
  return keys
}

async function write(database: Mariadb, { table, rows }: FittingRows): Promise<void> {
  for (let at = 0; at < rows.length; at += CHUNK_ROWS) {
    const chunk = rows.slice(at, at + CHUNK_ROWS)
    await database.rows(upsert(table, chunk.length), chunk.flat())
  }
}

function sayRejects(rejects: readonly Reject[], terminal: Pick<Terminal, 'note'>): void {
  for (const { table, row, reason } of rejects.slice(0, SHOWN_REJECTS)) {
    terminal.note(row === 0 ? `${table}: ${reason}` : `${table}, row ${row}: ${reason}`)
  }
  const more = rejects.length - SHOWN_REJECTS
  if (more > 0) terminal.note(`and ${more} more rows that do not fit`)
}

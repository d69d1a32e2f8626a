import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { messageOf, TapedeckError } from '@tapedeck/core'
import type { Extent, PublishedTable } from '@tapedeck/lake'
import type { LakeConfig } from './config.ts'

/** A value of a row: dates and decimals are texts, so that nothing is rounded. */
export type Cell = string | number | boolean | null

/** What a written table was found to hold when it was read again. */
interface WrittenTable extends Pick<PublishedTable, 'rows' | 'columns' | 'extents'> {
  /** Names of its files in the folder; in the order of the table where it has one. */
  readonly files: readonly string[]
}

/** A query whose result becomes a table of a folder. */
export interface TableQuery {
  readonly name: string
  readonly query: string
  /** The name under which later queries read the table; undefined for none. */
  readonly view: string | undefined
}

/**
 * Functions of Spark SQL that DuckDB has under another name, so that one text of SQL runs in both:
 * docs/lake.md lists what else differs between them.
 */
const SPARK_FUNCTIONS = [
  `create macro from_utc_timestamp(t, zone) as timezone(zone, timezone('UTC', t))`,
  'create macro unix_millis(t) as epoch_ms(t)'
]

/** MongoDB's documents have 16 MB at most. */
const MOST_LINE_BYTES = 32 * 1024 * 1024

/** An open database with the folder for what does not fit in memory. */
export interface OpenedEngine {
  readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
  readonly folder: string
}

/** DuckDB in this process, within limits; what does not fit in memory goes to a folder that is removed at the end. */
export class Engine {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  /** Of this engine alone, in the staging area of the lake; it is removed at the end. */
  protected readonly folder: string

  protected constructor({ instance, connection, folder }: OpenedEngine) {
    this.#instance = instance
    this.#connection = connection
    this.folder = folder
  }

  static async open(lake: LakeConfig): Promise<Engine> {
    return new Engine(await Engine.start(lake))
  }

  protected static async start({ dir, memory, threads }: LakeConfig): Promise<OpenedEngine> {
    const folder = path.join(dir, '.staging', `query-${process.pid}-${Date.now()}`)
    await mkdir(folder, { recursive: true })
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: memory,
      threads: String(threads),
      temp_directory: folder,
      preserve_insertion_order: 'true',
      // Everything that is used is built in; nothing is fetched.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false'
    })
    const connection = await instance.connect()
    for (const text of [`set TimeZone = 'UTC'`, ...SPARK_FUNCTIONS]) await connection.run(text)
    return { instance, connection, folder }
  }

  /**
   * Computes by one thread from here on. Sums of doubles depend on the order in which threads add, so with several a date that
   * is computed again could differ in its last digits.
   */
  async useOneThread(): Promise<void> {
    await this.#connection.run('set threads = 1')
  }

  /**
   * A view of lines of JSON. Every column is a text, as it stands in the file; null where a line does not have it.
   * @param columns their names; `name key` where the key of the lines has another one
   */
  async viewLines(
    view: string,
    files: readonly string[],
    columns: readonly string[]
  ): Promise<void> {
    const named = namesAndKeys(columns)
    const types = named.map(({ key }) => `${key}: 'VARCHAR'`).join(', ')
    const lines = `read_ndjson(${list(files)}, columns = {${types}}, maximum_object_size = ${MOST_LINE_BYTES})`
    const none = named.map(({ name }) => `null::varchar as ${name}`).join(', ')
    const all = named.map(({ name, key }) => `${key} as ${name}`).join(', ')
    const query = files.length === 0 ? `select ${none} where false` : `select ${all} from ${lines}`
    await this.run(`create or replace view ${identifier(view)} as ${query}`)
  }

  /** A view of Parquet files of one form. */
  async viewParquet(view: string, files: readonly string[]): Promise<void> {
    await this.run(
      `create or replace view ${identifier(view)} as ` +
        `select * from read_parquet(${list(files)}, hive_partitioning = false)`
    )
  }

  /** A query under a name; it is computed wherever it is read. */
  async viewQuery(view: string, query: string): Promise<void> {
    await this.run(`create or replace view ${identifier(view)} as ${query}`)
  }

  /** A query under a name, whose result is kept. */
  async keep(table: string, query: string): Promise<void> {
    await this.run(`create or replace table ${identifier(table)} as ${query}`)
  }

  /** Writes the result of a query as Parquet into a folder; `readBack` says what it became. */
  async writeParquet(folder: string, { name, query, view }: TableQuery): Promise<void> {
    const file = path.join(folder, `${name}.parquet`)
    await this.run(
      `copy (${query}) to ${literal(file)} ` +
        '(format parquet, compression zstd, row_group_size 122880)'
    )
    if (view !== undefined) await this.viewParquet(view, [file])
  }

  /**
   * Counts a written table by reading every column of it.
   * @param extentsOf the columns whose least and greatest values are noted
   * @throws STATE_CORRUPT
   */
  async readBack(
    folder: string,
    table: string,
    extentsOf: readonly string[]
  ): Promise<WrittenTable> {
    const files = (await readdir(folder)).filter((file) => tableOf(file) === table).toSorted()
    const paths = files.map((file) => path.join(folder, file))
    const from = `read_parquet(${list(paths)}, hive_partitioning = false)`
    const described = await this.rows(`describe select * from ${from}`)
    const columns = described.map((row) => ({
      name: String(row['column_name']),
      type: String(row['column_type'])
    }))
    // A count alone would read nothing but the footer.
    const read = columns.map(({ name }, at) => `count(${identifier(name)}) as c${at}`)
    const ends = extentsOf.flatMap((name, at) => [
      `min(${identifier(name)})::varchar as least${at}`,
      `max(${identifier(name)})::varchar as greatest${at}`
    ])
    const [row = {}] = await this.rows(
      `select ${['count(*) as n', ...read, ...ends].join(', ')} from ${from}`
    )
    const extents = extentsOf.flatMap((name, at): [string, Extent][] => {
      const [least, greatest] = [row[`least${at}`], row[`greatest${at}`]]
      return least === null || least === undefined
        ? []
        : [[name, [String(least), String(greatest)]]]
    })
    return { files, rows: Number(row['n']), columns, extents: Object.fromEntries(extents) }
  }

  /** The rows of a query. */
  async rows(text: string): Promise<Record<string, Cell>[]> {
    const result = await this.#translated(text, () => this.#connection.runAndReadAll(text))
    return result.getRowObjectsJson() as Record<string, Cell>[]
  }

  async run(text: string): Promise<void> {
    await this.#translated(text, () => this.#connection.run(text))
  }

  async close(): Promise<void> {
    this.#connection.closeSync()
    this.#instance.closeSync()
    await rm(this.folder, { recursive: true, force: true })
  }

  async #translated<T>(text: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      const start = text.replaceAll(/\s+/g, ' ').slice(0, 120)
      throw new TapedeckError('STATE_CORRUPT', `Cannot run '${start}…': ${messageOf(cause)}`, {
        cause
      })
    }
  }
}

/** The table that a file belongs to: `trades.parquet`, or `trades-00000.parquet` where it has several. */
function tableOf(file: string): string | undefined {
  return /^(.+?)(-\d{5})?\.parquet$/.exec(file)?.[1]
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** What columns of lines are called, and their keys in the lines; both quoted. */
export function namesAndKeys(
  columns: readonly string[]
): { readonly name: string; readonly key: string }[] {
  return columns.map((column) => {
    const [name = '', key = name] = column.split(' ')
    return { name: identifier(name), key: identifier(key) }
  })
}

/** A name in quotes, as both engines take it. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function list(files: readonly string[]): string {
  return `[${files.map(literal).join(', ')}]`
}

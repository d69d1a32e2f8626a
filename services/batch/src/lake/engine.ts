import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { messageOf, TapedeckError } from '@tapedeck/core'
import type { Extent, PublishedTable } from '@tapedeck/lake'
import type { LakeConfig } from './config.ts'

/** A value of a row: dates and decimals are texts, so that nothing is rounded. */
export type Cell = string | number | boolean | null

/** What a written Parquet file was found to hold when it was read again. */
export type WrittenTable = Pick<PublishedTable, 'rows' | 'columns' | 'extents'>

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

/** DuckDB in this process, within limits; what does not fit in memory goes to a folder that is removed at the end. */
export class Engine {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  readonly #folder: string

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, folder: string) {
    this.#instance = instance
    this.#connection = connection
    this.#folder = folder
  }

  static async open({ dir, memory, threads }: LakeConfig): Promise<Engine> {
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
    const engine = new Engine(instance, await instance.connect(), folder)
    for (const text of [`set TimeZone = 'UTC'`, ...SPARK_FUNCTIONS]) await engine.run(text)
    return engine
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
    const named = columns.map((column) => {
      const [name = '', key = name] = column.split(' ')
      return { name: identifier(name), key: identifier(key) }
    })
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

  /** A query under a name, whose result is kept. */
  async keep(table: string, query: string): Promise<void> {
    await this.run(`create or replace table ${identifier(table)} as ${query}`)
  }

  /**
   * Writes the result of a query as Parquet, and reads the file again.
   * @param extentsOf the columns whose least and greatest values are noted
   */
  async writeParquet(
    query: string,
    file: string,
    extentsOf: readonly string[]
  ): Promise<WrittenTable> {
    await this.run(
      `copy (${query}) to ${literal(file)} ` +
        '(format parquet, compression zstd, row_group_size 122880)'
    )
    return this.readBack(file, extentsOf)
  }

  /** Counts a Parquet file by reading every column of it. @throws STATE_CORRUPT */
  async readBack(file: string, extentsOf: readonly string[]): Promise<WrittenTable> {
    const from = `read_parquet(${list([file])}, hive_partitioning = false)`
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
    return { rows: Number(row['n']), columns, extents: Object.fromEntries(extents) }
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
    await rm(this.#folder, { recursive: true, force: true })
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

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function list(files: readonly string[]): string {
  return `[${files.map(literal).join(', ')}]`
}

import { mkdir, readdir, rename } from 'node:fs/promises'
import path from 'node:path'
import type { LakeConfig, SparkConfig } from './config.ts'
import {
  Engine,
  identifier,
  namesAndKeys,
  type Cell,
  type OpenedEngine,
  type TableQuery
} from './engine.ts'
import { runSparkSql, type SparkRun } from './spark-sql.ts'

/** A table that the next run of Spark writes. */
interface Pending {
  /** Where Spark writes its parts. */
  readonly parts: string
  /** Where they belong afterwards, and how they are called there; undefined: they stay. */
  readonly target: { readonly folder: string; readonly name: string } | undefined
  /** The name by which it is read. */
  readonly view: string | undefined
}

/**
 * Tables are computed and written by Spark; what is read of them is read by DuckDB, from the files that Spark wrote.
 *
 * Nothing is computed before something is read: then one `spark-sql` runs all statements until there, because its start takes
 * many seconds. Every node of the cluster must see the lake under the same path.
 */
export class SparkEngine extends Engine {
  readonly #spark: SparkConfig
  readonly #run: SparkRun
  /** What every session has to be told first. */
  readonly #views: string[] = []
  /** What the next session does, views included. */
  #statements: string[] = []
  #pending: Pending[] = []
  #tables = 0

  /** @throws what `Engine.open` throws */
  static async openWith(lake: LakeConfig, spark: SparkConfig, run: SparkRun): Promise<SparkEngine> {
    return new SparkEngine(await Engine.start(lake), spark, run)
  }

  private constructor(opened: OpenedEngine, spark: SparkConfig, run: SparkRun) {
    super(opened)
    this.#spark = spark
    this.#run = run
  }

  override async viewLines(
    view: string,
    files: readonly string[],
    columns: readonly string[]
  ): Promise<void> {
    const named = namesAndKeys(columns)
    const keys = named.map(({ key }) => `${key} string`).join(', ')
    const all = named.map(({ name, key }) => `${key} as ${name}`).join(', ')
    for (const [at, file] of files.entries()) {
      this.#declare(
        `create or replace temporary view ${identifier(`${view}_${at}`)} (${keys}) ` +
          `using json options (path ${literal(urlOf(file))}, mode 'FAILFAST')`
      )
    }
    const none = named.map(({ name }) => `cast(null as string) as ${name}`).join(', ')
    const queries = files.map((_, at) => `select ${all} from ${identifier(`${view}_${at}`)}`)
    this.#declareView(view, queries.join(' union all ') || `select ${none} where false`)
    await super.viewLines(view, files, columns)
  }

  override async viewParquet(view: string, files: readonly string[]): Promise<void> {
    this.#declareView(view, allOf(files))
    await super.viewParquet(view, files)
  }

  override async viewQuery(view: string, query: string): Promise<void> {
    this.#declareView(view, query)
    await super.viewQuery(view, query)
  }

  override async keep(table: string, query: string): Promise<void> {
    this.#write(query, undefined, table)
  }

  override async writeParquet(folder: string, { name, query, view }: TableQuery): Promise<void> {
    this.#write(query, { folder, name }, view)
  }

  override async rows(text: string): Promise<Record<string, Cell>[]> {
    await this.#compute()
    return super.rows(text)
  }

  override async readBack(...args: Parameters<Engine['readBack']>): ReturnType<Engine['readBack']> {
    await this.#compute()
    return super.readBack(...args)
  }

  #declare(statement: string): void {
    this.#views.push(statement)
    this.#statements.push(statement)
  }

  #declareView(view: string, query: string): void {
    this.#declare(`create or replace temporary view ${identifier(view)} as ${query}`)
  }

  #write(query: string, target: Pending['target'], view: string | undefined): void {
    const parts = path.join(this.folder, `table-${this.#tables++}`)
    this.#statements.push(
      `insert overwrite directory ${literal(urlOf(parts))} ` +
        `using parquet options (compression 'zstd') ${query}`
    )
    // Later statements of this session read the parts where they were written.
    if (view !== undefined) {
      this.#statements.push(
        `create or replace temporary view ${identifier(view)} as ${allOf([parts])}`
      )
    }
    this.#pending.push({ parts, target, view })
  }

  /** Runs what is pending. A view that exists already is declared again to the session after this one. */
  async #compute(): Promise<void> {
    if (this.#pending.length === 0) return
    const [statements, pending] = [this.#statements, this.#pending]
    this.#statements = []
    this.#pending = []
    await runSparkSql(this.#spark, this.folder, statements, this.#run)
    this.#statements.push(...this.#views)
    for (const { parts, target, view } of pending) {
      const files = await placed(parts, target)
      if (view !== undefined) await this.viewParquet(view, files)
    }
  }
}

/** Moves the parts of a table where they belong, and returns their paths in the order of the table. */
async function placed(parts: string, target: Pending['target']): Promise<string[]> {
  const names = (await readdir(parts)).filter((name) => name.endsWith('.parquet')).toSorted()
  if (target === undefined) return names.map((name) => path.join(parts, name))
  await mkdir(target.folder, { recursive: true })
  return Promise.all(
    names.map(async (name, at) => {
      const end = names.length === 1 ? '' : `-${String(at).padStart(5, '0')}`
      const file = path.join(target.folder, `${target.name}${end}.parquet`)
      await rename(path.join(parts, name), file)
      return file
    })
  )
}

function allOf(files: readonly string[]): string {
  return files.map((file) => `select * from parquet.${identifier(urlOf(file))}`).join(' union all ')
}

/** Without the scheme Spark would look in the cluster's default file system. */
function urlOf(file: string): string {
  return `file://${file}`
}

/** Spark takes a backslash in a text for the begin of an escape. */
function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

import { Engine } from '@tapedeck/batch/testing'
import type { Lake } from '@tapedeck/lake'

/** A publication of both engines. */
export interface Comparison {
  readonly date: string
  readonly zone: 'trusted' | 'refined'
  readonly name: string
}

/** A table as both engines published it. */
export interface TableComparison {
  readonly table: string
  readonly rows: number
  /** Rows that only one of the two has, both ways: EXCEPT ALL over every column. */
  readonly onlyDuckdb: number
  readonly onlySpark: number
  /** Columns of another type. */
  readonly types: readonly string[]
  /** Of the columns of doubles, the largest difference in relation to the larger value, over rows side by side. */
  readonly largestDifference: number
  /** Rows that differ in another column than those of doubles, both ways. */
  readonly onlyInExactColumns: number
  /** Some rows that only DuckDB has, and some that only Spark has, as JSON. */
  readonly samples: readonly string[]
}

/** Compares every table of a publication in two lakes by DuckDB. @throws STATE_CORRUPT */
export async function compareTables(
  duckdb: Lake,
  spark: Lake,
  { date, zone, name }: Comparison
): Promise<TableComparison[]> {
  const [ours, theirs] = [
    await duckdb.read({ zone, name, date }),
    await spark.read({ zone, name, date })
  ]
  const engine = await Engine.open({ dir: duckdb.dir, memory: '2GB', threads: 2 })
  try {
    const compared: TableComparison[] = []
    for (const { name: table, columns } of ours.manifest.tables) {
      await engine.viewParquet('ours', ours.files(table))
      await engine.viewParquet('theirs', theirs.files(table))
      const others = theirs.manifest.tables.find((one) => one.name === table)?.columns ?? []
      const types = columns.flatMap((column, at) => {
        const { name: otherName, type } = others[at] ?? {}
        return otherName === column.name && type === column.type
          ? []
          : [`${column.name}: ${column.type} and ${otherName} ${type}`]
      })
      const doubles = columns.filter(({ type }) => type === 'DOUBLE').map((one) => one.name)
      const exact = columns.map((one) => one.name).filter((one) => !doubles.includes(one))
      const count = async (columnNames: readonly string[], a: string, b: string) => {
        const all = columnNames.map((one) => `"${one}"`).join(', ')
        const text = `select count(*) as n from (select ${all} from ${a} except all select ${all} from ${b})`
        return Number((await engine.rows(text))[0]?.['n'])
      }
      const both = async (columnNames: readonly string[]) => [
        await count(columnNames, 'ours', 'theirs'),
        await count(columnNames, 'theirs', 'ours')
      ]
      const [onlyDuckdb = 0, onlySpark = 0] = await both(columns.map((one) => one.name))
      const isEqual = onlyDuckdb + onlySpark === 0
      const [exactOurs = 0, exactTheirs = 0] = isEqual ? [] : await both(exact)
      compared.push({
        table,
        rows: ours.manifest.tables.find((one) => one.name === table)?.rows ?? 0,
        onlyDuckdb,
        onlySpark,
        types,
        largestDifference: isEqual ? 0 : await largestDifference(engine, doubles),
        onlyInExactColumns: exactOurs + exactTheirs,
        samples: isEqual ? [] : await samplesOf(engine)
      })
    }
    return compared
  } finally {
    await engine.close()
  }
}

const SAMPLES = 2

async function samplesOf(engine: Engine): Promise<string[]> {
  const sides = [
    ['DuckDB', 'ours', 'theirs'],
    ['Spark', 'theirs', 'ours']
  ] as const
  const found: string[] = []
  for (const [name, a, b] of sides) {
    const text = `select * from (from ${a} except all from ${b}) order by all limit ${SAMPLES}`
    for (const row of await engine.rows(text)) found.push(`only ${name}: ${JSON.stringify(row)}`)
  }
  return found
}

/** Rows side by side are the same: tables are written in an order without ties. Infinity where only one is null. */
async function largestDifference(engine: Engine, doubles: readonly string[]): Promise<number> {
  if (doubles.length === 0) return 0
  const each = doubles.map(
    (name) => `case when a."${name}" is not distinct from b."${name}" then 0
      when a."${name}" is null or b."${name}" is null then 'inf'::double
      else abs(a."${name}" - b."${name}") / greatest(abs(a."${name}"), abs(b."${name}")) end`
  )
  const [row = {}] = await engine.rows(
    `select max(greatest(${each.join(', ')})) as d from ours a positional join theirs b`
  )
  return Number(row['d'])
}

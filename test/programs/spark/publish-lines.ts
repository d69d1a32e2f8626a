import { createWriteStream } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Lake } from '@tapedeck/lake'

export type Row = Readonly<Record<string, unknown>>

/** What a capture of the zone `raw` publishes. */
interface Lines {
  readonly name: string
  /** Trading date, YYYY-MM-DD. */
  readonly date: string
  readonly tables: Readonly<
    Record<
      string,
      {
        readonly rows: AsyncIterable<Row> | readonly Row[]
        readonly columns?: readonly { readonly name: string; readonly type: string }[]
      }
    >
  >
  /** Beside the counts of the rows. */
  readonly facts: Row
}

/** Publishes tables of lines as a capture does. Returns the rows of each table. */
export async function publishLines(
  lake: Lake,
  { name, date, tables, facts }: Lines
): Promise<Readonly<Record<string, number>>> {
  const draft = await lake.begin({ zone: 'raw', name, date }, 'recorded', 1)
  const published = []
  const counted: Record<string, number> = {}
  for (const [table, { rows, columns = [] }] of Object.entries(tables)) {
    const file = `${table}.ndjson.gz`
    let count = 0
    const lines = async function* (): AsyncGenerator<string> {
      for await (const row of rows) {
        count++
        yield `${JSON.stringify(row)}\n`
      }
    }
    const out = createWriteStream(path.join(draft.folder, file))
    await pipeline(Readable.from(lines()), createGzip({ level: 3 }), out)
    counted[table] = count
    const format = 'ndjson.gz' as const
    published.push({ name: table, format, rows: count, columns, extents: {}, files: [file] })
  }
  await lake.publish(draft, {
    run: 'recorded',
    attempt: 1,
    code: { version: '0', sha256: '' },
    inputs: [],
    tables: published,
    facts: { ...facts, counted }
  })
  return counted
}

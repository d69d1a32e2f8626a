import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { CsvError, parse } from 'csv-parse'
import type { Row } from './columns.ts'
import { readParquet } from './parquet.ts'

/** A row as it was found, or text that is none. */
export type FoundRow =
  | { readonly line: number; readonly row: Row; readonly problem?: undefined }
  | {
      readonly line: number
      readonly row?: undefined
      readonly raw: string
      readonly problem: string
    }

/** The formats that tables are read in; `csv` and `ndjson` may be gzipped. */
export const READ_FORMATS = ['csv', 'ndjson', 'parquet'] as const
export type ReadFormat = (typeof READ_FORMATS)[number]

/** The format that the ending of a file names. */
export function formatOfFile(file: string): ReadFormat | undefined {
  const name = file.toLowerCase().replace(/\.gz$/, '')
  if (name.endsWith('.json') || name.endsWith('.jsonl')) return 'ndjson'
  return READ_FORMATS.find((format) => name.endsWith(`.${format}`))
}

const BATCH_ROWS = 2000
/** A longer line or row is no row; without a limit a wrong file would fill the memory. */
const MAX_ROW_BYTES = 16 * 1024 * 1024

/**
 * The rows of a file in batches, each with the number of its line (of Parquet: of the row), from 1. A text that is
 * no row of the format is found with what is wrong, and reading goes on after it.
 * @throws Error when the file cannot be read, is no Parquet, or has a line of more than 16 MiB
 */
export function readTable(file: string, format: ReadFormat): AsyncGenerator<readonly FoundRow[]> {
  if (format === 'parquet') return parquetRows(file)
  return inBatches(format === 'csv' ? csvRows(file) : ndjsonRows(file))
}

async function* parquetRows(file: string): AsyncGenerator<readonly FoundRow[]> {
  let line = 0
  for await (const rows of readParquet(file)) yield rows.map((row) => ({ line: ++line, row }))
}

async function* inBatches(rows: AsyncIterable<FoundRow>): AsyncGenerator<readonly FoundRow[]> {
  let batch: FoundRow[] = []
  for await (const row of rows) {
    batch.push(row)
    if (batch.length < BATCH_ROWS) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

function textOf(file: string): Readable {
  const stream = createReadStream(file, { highWaterMark: 1 << 18 })
  if (!file.toLowerCase().endsWith('.gz')) return stream
  const text = createGunzip()
  stream.on('error', (error) => text.destroy(error)) // a pipe does not forward errors
  return stream.pipe(text)
}

async function* csvRows(file: string): AsyncGenerator<FoundRow> {
  const skipped: FoundRow[] = []
  const source = textOf(file)
  const parser = parse({
    bom: true,
    columns: (names: string[]) => names.map((name) => name.trim()),
    info: true,
    raw: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: MAX_ROW_BYTES,
    on_skip(error, raw) {
      const line = error instanceof CsvError ? Number(error['lines'] ?? 0) : 0
      const problem = error?.message ?? 'it is no row'
      skipped.push({ line, raw: (raw ?? '').trimEnd(), problem })
      return undefined
    }
  })
  source.on('error', (error) => parser.destroy(error))
  try {
    for await (const found of source.pipe(parser)) {
      yield* skipped.splice(0)
      const { record, info } = found as { record: Row; info: { lines: number } }
      yield { line: info.lines, row: record }
    }
    yield* skipped
  } finally {
    source.destroy()
  }
}

async function* ndjsonRows(file: string): AsyncGenerator<FoundRow> {
  const source = textOf(file)
  const lines = createInterface({ input: source, crlfDelay: Infinity })
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => undefined) // thrown below
  source.on('error', failed.reject)
  const iterator = lines[Symbol.asyncIterator]()
  try {
    for (let line = 1; ; line++) {
      const next = await Promise.race([iterator.next(), failed.promise])
      if (next.done === true) return
      if (next.value.trim() !== '') yield ndjsonRow(line, next.value)
    }
  } finally {
    lines.close()
    source.destroy()
  }
}

function ndjsonRow(line: number, raw: string): FoundRow {
  try {
    const row: unknown = JSON.parse(raw)
    if (typeof row === 'object' && row !== null && !Array.isArray(row))
      return { line, row: row as Row }
    return { line, raw, problem: 'it is no JSON object' }
  } catch {
    return { line, raw, problem: 'it is no JSON' }
  }
}

import { open, type FileHandle } from 'node:fs/promises'
import zlib from 'node:zlib'
import {
  parquetMetadataAsync,
  parquetReadObjects,
  type AsyncBuffer,
  type Compressors,
  type SchemaElement
} from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { Column, ColumnKind, Row, RowEncoder } from './columns.ts'

/** Rows of a row group: what the encoder holds, and what a reader reads at once. */
const GROUP_ROWS = 8192

const TEXT = {
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  logical_type: { type: 'STRING' }
} as const

const ELEMENTS = {
  text: TEXT,
  time: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' }
  },
  number: { type: 'DOUBLE' },
  whole: { type: 'INT64' },
  flag: { type: 'BOOLEAN' }
} as const satisfies Record<Exclude<ColumnKind, 'texts'>, Omit<SchemaElement, 'name'>>

function elementsOf({ name, kind, isNullable }: Column): readonly SchemaElement[] {
  const repetition_type = isNullable ? 'OPTIONAL' : 'REQUIRED'
  if (kind !== 'texts') return [{ name, repetition_type, ...ELEMENTS[kind] }]
  return [
    {
      name,
      repetition_type,
      converted_type: 'LIST',
      logical_type: { type: 'LIST' },
      num_children: 1
    },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', ...TEXT }
  ]
}

/** A writer whose bytes can be taken before the file is complete. */
class TakenBytes extends ByteWriter {
  take(): readonly Uint8Array[] {
    if (this.index === 0) return []
    const bytes = new Uint8Array(this.getBytes())
    this.index = 0
    return [bytes]
  }
}

/** Apache Parquet, compressed by zstd, in row groups of 8192 rows; times are UTC timestamps in ms. */
export class ParquetEncoder implements RowEncoder {
  readonly #columns: readonly Column[]
  readonly #bytes = new TakenBytes()
  readonly #writer: ParquetWriter
  #waiting: Row[] = []

  constructor(columns: readonly Column[]) {
    this.#columns = columns
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: [{ name: 'root', num_children: columns.length }, ...columns.flatMap(elementsOf)],
      codec: 'ZSTD',
      compressors: { ZSTD: (input) => zlib.zstdCompressSync(input) },
      createdBy: 'tapedeck'
    })
  }

  write(rows: readonly Row[]): readonly Uint8Array[] {
    const parts: Uint8Array[] = []
    for (const row of rows) {
      this.#waiting.push(row)
      if (this.#waiting.length === GROUP_ROWS) parts.push(...this.#group())
    }
    return parts
  }

  end(): readonly Uint8Array[] {
    const last = this.#group()
    void this.#writer.finish() // its bytes are in memory at once
    return [...last, ...this.#bytes.take()]
  }

  #group(): readonly Uint8Array[] {
    const rows = this.#waiting
    this.#waiting = []
    if (rows.length > 0) {
      const columnData = this.#columns.map(({ name, kind }) => ({
        name,
        data: rows.map((row) => valueOf(row[name], kind))
      }))
      void this.#writer.write({ columnData, rowGroupSize: GROUP_ROWS }) // the same
    }
    return this.#bytes.take()
  }
}

function valueOf(value: unknown, kind: ColumnKind): unknown {
  if (value === null || value === undefined) return null
  return kind === 'whole' || kind === 'time' ? BigInt(value as number) : value
}

const DECOMPRESSORS: Compressors = {
  ZSTD: (input) => zlib.zstdDecompressSync(input),
  GZIP: (input) => zlib.gunzipSync(input),
  BROTLI: (input) => zlib.brotliDecompressSync(input)
}

/** The rows of a Parquet file, a row group at a time; timestamps are Dates, whole numbers of 64 bits are bigints. */
export async function* readParquet(file: string): AsyncGenerator<readonly Row[]> {
  const handle = await open(file)
  try {
    const source = await bufferOf(handle)
    const metadata = await parquetMetadataAsync(source)
    let rowStart = 0
    for (const { num_rows: count } of metadata.row_groups) {
      const rowEnd = rowStart + Number(count)
      // A row group of a foreign file may have a million rows.
      for (let at = rowStart; at < rowEnd; at += GROUP_ROWS) {
        yield await parquetReadObjects({
          file: source,
          metadata,
          rowStart: at,
          rowEnd: Math.min(at + GROUP_ROWS, rowEnd),
          compressors: DECOMPRESSORS
        })
      }
      rowStart = rowEnd
    }
  } finally {
    await handle.close()
  }
}

async function bufferOf(handle: FileHandle): Promise<AsyncBuffer> {
  const { size: byteLength } = await handle.stat()
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const bytes = Buffer.alloc(end - start)
      await handle.read(bytes, 0, bytes.length, start)
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)
    }
  }
}

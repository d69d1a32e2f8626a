import {
  Bool,
  Field,
  Float64,
  Int64,
  List,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimestampMillisecond,
  Utf8,
  type Data,
  type DataType
} from 'apache-arrow'
import type { Column, ColumnKind, Row, RowEncoder } from './columns.ts'

/** Rows of a record batch. */
const BATCH_ROWS = 8192

const TYPES = {
  text: () => new Utf8(),
  texts: () => new List(new Field('item', new Utf8(), false)),
  time: () => new TimestampMillisecond('UTC'),
  number: () => new Float64(),
  whole: () => new Int64(),
  flag: () => new Bool()
} as const satisfies Record<ColumnKind, () => DataType>

/** A writer whose bytes are taken part by part. */
class TakenParts extends RecordBatchStreamWriter {
  #parts: Uint8Array[] = []

  take(): readonly Uint8Array[] {
    const parts = this.#parts
    this.#parts = []
    return parts.length === 0 ? [] : [Buffer.concat(parts)]
  }

  protected override _write(chunk: Uint8Array): this {
    if (this._started)
      this.#parts.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    return this
  }
}

/** The streaming format of Apache Arrow IPC, in record batches of 8192 rows; times are UTC timestamps in ms. */
export class ArrowEncoder implements RowEncoder {
  readonly #columns: readonly Column[]
  readonly #schema: Schema
  readonly #writer = new TakenParts()
  #waiting: Row[] = []

  constructor(columns: readonly Column[]) {
    this.#columns = columns
    this.#schema = new Schema(
      columns.map(({ name, kind, isNullable }) => new Field(name, TYPES[kind](), isNullable))
    )
    this.#writer.reset(undefined, this.#schema)
  }

  write(rows: readonly Row[]): readonly Uint8Array[] {
    const parts: Uint8Array[] = []
    for (const row of rows) {
      this.#waiting.push(row)
      if (this.#waiting.length === BATCH_ROWS) parts.push(...this.#batch())
    }
    return parts
  }

  end(): readonly Uint8Array[] {
    const last = this.#batch()
    this.#writer.finish()
    return [...last, ...this.#writer.take()]
  }

  #batch(): readonly Uint8Array[] {
    const rows = this.#waiting
    this.#waiting = []
    if (rows.length > 0) {
      const children = this.#columns.map(({ name, kind }) =>
        dataOf(
          kind,
          rows.map((row) => row[name] ?? null)
        )
      )
      const type = new Struct(this.#schema.fields)
      const data = makeData({ type, length: rows.length, nullCount: 0, children })
      this.#writer.write(new RecordBatch(this.#schema, data))
    }
    return this.#writer.take()
  }
}

function dataOf(kind: ColumnKind, values: readonly unknown[]): Data {
  const nulls = { length: values.length, ...nullsOf(values) }
  switch (kind) {
    case 'text':
      return makeData({
        type: TYPES.text(),
        ...nulls,
        ...textData(values as readonly (string | null)[])
      })
    case 'texts': {
      const lists = values as readonly (readonly string[] | null)[]
      const items = lists.flatMap((list) => list ?? [])
      const child = makeData({
        type: new Utf8(),
        length: items.length,
        nullCount: 0,
        ...textData(items)
      })
      return makeData({
        type: TYPES.texts(),
        ...nulls,
        valueOffsets: offsetsOf(lists.map((list) => list?.length ?? 0)),
        child
      })
    }
    case 'number':
      return makeData({
        type: TYPES.number(),
        ...nulls,
        data: Float64Array.from(values as number[])
      })
    case 'time':
      return makeData({ type: TYPES.time(), ...nulls, data: wholes(values) })
    case 'whole':
      return makeData({ type: TYPES.whole(), ...nulls, data: wholes(values) })
    default:
      return makeData({
        type: TYPES.flag(),
        ...nulls,
        data: bitsOf(values.map((one) => one === true))
      })
  }
}

function nullsOf(values: readonly unknown[]): { nullCount: number; nullBitmap?: Uint8Array } {
  const nullCount = values.reduce((sum: number, one) => (one === null ? sum + 1 : sum), 0)
  return nullCount === 0
    ? { nullCount }
    : { nullCount, nullBitmap: bitsOf(values.map((one) => one !== null)) }
}

function bitsOf(flags: readonly boolean[]): Uint8Array {
  const bits = new Uint8Array(Math.ceil(flags.length / 8))
  for (const [at, flag] of flags.entries())
    if (flag) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7))
  return bits
}

function wholes(values: readonly unknown[]): BigInt64Array {
  return BigInt64Array.from(values, (one) => BigInt((one ?? 0) as number))
}

function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1)
  for (const [at, length] of lengths.entries()) offsets[at + 1] = (offsets[at] ?? 0) + length
  return offsets
}

function textData(texts: readonly (string | null)[]): {
  valueOffsets: Int32Array
  data: Uint8Array
} {
  const valueOffsets = offsetsOf(texts.map((text) => (text === null ? 0 : Buffer.byteLength(text))))
  return { valueOffsets, data: Buffer.from(texts.join('')) }
}

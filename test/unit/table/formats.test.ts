import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import {
  readParquet,
  TABLE_FORMATS,
  type Column,
  type Row,
  type TableFormatName
} from '@tapedeck/table'
import { tableFromIPC } from 'apache-arrow'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'

// Goal: every format gives back each value, whatever it is and however the rows were split into parts.
// Method: rows of every kind of column with and without nulls; each file is read by a library that did not write it
// where there is one (csv-parse, and the readers of hyparquet and apache-arrow).

const COLUMNS: readonly Column[] = [
  { name: 'id', kind: 'text', isNullable: false },
  { name: 'at', kind: 'time', isNullable: false },
  { name: 'price', kind: 'number', isNullable: true },
  { name: 'count', kind: 'whole', isNullable: true },
  { name: 'codes', kind: 'texts', isNullable: true },
  { name: 'isFinal', kind: 'flag', isNullable: true },
  { name: 'reason', kind: 'text', isNullable: true }
]

const aText = fc.oneof(
  fc.constantFrom('', ',', '"', 'a\r\nb', 'Ä €', ' x '),
  fc.string({ unit: 'grapheme' })
)
const aRow: fc.Arbitrary<Row> = fc.record(
  {
    id: aText,
    at: fc.integer({ min: -1e12, max: 4e12 }),
    price: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
    count: fc.option(fc.maxSafeInteger()),
    codes: fc.option(fc.array(fc.constantFrom('1', '12', '@T'), { maxLength: 3 })),
    isFinal: fc.option(fc.boolean()),
    reason: fc.option(aText)
  },
  { noNullPrototype: true }
)
const parts = fc.array(fc.array(aRow, { maxLength: 20 }), { maxLength: 4 })

function written(format: TableFormatName, rows: readonly (readonly Row[])[]): Buffer {
  const encoder = TABLE_FORMATS[format].encoder(COLUMNS)
  return Buffer.concat([...rows.flatMap((part) => encoder.write(part)), ...encoder.end()])
}

/** -0 and 0 are one number in text formats. */
function plain(rows: readonly Row[]): readonly Row[] {
  return rows.map((row) => ({ ...row, price: row['price'] === 0 ? 0 : row['price'] }))
}

async function inFile<T>(bytes: Buffer, read: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'table-'))
  try {
    const file = path.join(folder, 'file')
    await writeFile(file, bytes)
    return await read(file)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function parquetRows(bytes: Buffer): Promise<Row[]> {
  return inFile(bytes, async (file) => {
    const rows: Row[] = []
    for await (const group of readParquet(file)) {
      for (const row of group) {
        const { at, count, codes } = row
        const isWhole = typeof count === 'bigint'
        rows.push({
          ...row,
          at: Number(at),
          count: isWhole ? Number(count) : null,
          codes: codes ?? null
        })
      }
    }
    return rows
  })
}

function arrowRows(bytes: Buffer): Row[] {
  return tableFromIPC(bytes)
    .toArray()
    .map((found: object) => {
      const { count, codes, at, ...row } = Object.fromEntries(Object.entries(found)) as Row
      const list = codes === null ? null : [...(codes as Iterable<string>)]
      return { ...row, at: Number(at), count: count === null ? null : Number(count), codes: list }
    })
}

describe('the formats of tables', () => {
  it('ndjson gives back what was written', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const lines = written('ndjson', given).toString().split('\n').slice(0, -1)
        assert.deepEqual(plain(lines.map((line) => JSON.parse(line) as Row)), plain(given.flat()))
      })
    )
  })

  it('csv has a line of names and a field for each value, as RFC 4180 quotes them', () => {
    const shown = (value: unknown): string => {
      if (Array.isArray(value)) return value.join(';')
      return typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value)
    }
    fc.assert(
      fc.property(parts, (given) => {
        const [names, ...lines] = parse(written('csv', given))
        assert.deepEqual(
          names,
          COLUMNS.map(({ name }) => name)
        )
        const expected = plain(given.flat()).map((row) =>
          COLUMNS.map(({ name }) => shown(row[name]))
        )
        assert.deepEqual(lines, expected)
      })
    )
  })

  it('parquet gives back what was written, over several row groups too', async () => {
    await fc.assert(
      fc.asyncProperty(parts, async (given) => {
        assert.deepEqual(await parquetRows(written('parquet', given)), given.flat())
      }),
      { numRuns: 40 }
    )
    const many = Array.from({ length: 20_000 }, (_, count) => ({ ...EMPTY, at: count, count }))
    const found = await parquetRows(written('parquet', [many.slice(0, 9000), many.slice(9000)]))
    assert.deepEqual(found, many)
  })

  it('arrow gives back what was written, over several record batches too', () => {
    fc.assert(
      fc.property(parts, (given) => {
        assert.deepEqual(arrowRows(written('arrow', given)), given.flat())
      }),
      { numRuns: 40 }
    )
    const many = Array.from({ length: 20_000 }, (_, count) => ({ ...EMPTY, at: count, count }))
    assert.deepEqual(arrowRows(written('arrow', [many])), many)
  })
})

const EMPTY = { id: 'x', price: null, codes: null, isFinal: null, reason: null }

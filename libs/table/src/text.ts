import type { Column, Row, RowEncoder } from './columns.ts'

/** Between the texts of a list in a field of CSV. */
const LIST_SEPARATOR = ';'

/**
 * CSV as RFC 4180 describes it: a line of names, then a line a row, in UTF-8. Null is an empty field, an empty text is `""`,
 * a time is epoch ms, a list is its texts with a semicolon between.
 */
export class CsvEncoder implements RowEncoder {
  readonly #columns: readonly Column[]
  #isBegun = false

  constructor(columns: readonly Column[]) {
    this.#columns = columns
  }

  write(rows: readonly Row[]): readonly Uint8Array[] {
    let text = this.#head()
    for (const row of rows) {
      text += `${this.#columns.map(({ name }) => field(row[name])).join(',')}\r\n`
    }
    return text === '' ? [] : [Buffer.from(text)]
  }

  end(): readonly Uint8Array[] {
    return this.write([])
  }

  #head(): string {
    if (this.#isBegun) return ''
    this.#isBegun = true
    return `${this.#columns.map(({ name }) => name).join(',')}\r\n`
  }
}

function field(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = Array.isArray(value) ? value.join(LIST_SEPARATOR) : (value as string)
  if (text === '') return '""'
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** A JSON object a line, with every field of the rows. */
export class NdjsonEncoder implements RowEncoder {
  write(rows: readonly Row[]): readonly Uint8Array[] {
    if (rows.length === 0) return []
    return [Buffer.from(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`)]
  }

  end(): readonly Uint8Array[] {
    return []
  }
}

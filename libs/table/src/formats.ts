import { ArrowEncoder } from './arrow.ts'
import type { Column, RowEncoder } from './columns.ts'
import { ParquetEncoder } from './parquet.ts'
import { CsvEncoder, NdjsonEncoder } from './text.ts'

interface TableFormat {
  readonly contentType: string
  encoder(columns: readonly Column[]): RowEncoder
}

/** The formats that rows can be written in, by the usual ending of such a file. */
export const TABLE_FORMATS = {
  ndjson: {
    contentType: 'application/x-ndjson',
    encoder: () => new NdjsonEncoder()
  },
  csv: {
    contentType: 'text/csv; charset=utf-8; header=present',
    encoder: (columns) => new CsvEncoder(columns)
  },
  parquet: {
    contentType: 'application/vnd.apache.parquet',
    encoder: (columns) => new ParquetEncoder(columns)
  },
  arrow: {
    contentType: 'application/vnd.apache.arrow.stream',
    encoder: (columns) => new ArrowEncoder(columns)
  }
} as const satisfies Readonly<Record<string, TableFormat>>

export type TableFormatName = keyof typeof TABLE_FORMATS
export const TABLE_FORMAT_NAMES = Object.keys(TABLE_FORMATS) as readonly TableFormatName[]

/**
 * What the values of a column are. A `time` is epoch ms, a `whole` number fits into 53 bits; `texts` is a list of them.
 */
export type ColumnKind = 'text' | 'texts' | 'time' | 'number' | 'whole' | 'flag'

/** A column of a table. */
export interface Column {
  readonly name: string
  readonly kind: ColumnKind
  /** Whether values may be null. */
  readonly isNullable: boolean
}

/** The columns with these names, in the order of the names, each once; a name that no column has is passed over. */
export function columnsNamed(
  columns: readonly Column[],
  names: readonly string[]
): readonly Column[] {
  return [...new Set(names)].flatMap((name) => columns.find((one) => one.name === name) ?? [])
}

/** A row: its values by the names of the columns. A missing value is null. */
export type Row = Readonly<Record<string, unknown>>

/** A row with these columns alone, in the order of the names. */
export function rowWith(row: Row, names: readonly string[]): Row {
  return Object.fromEntries(names.map((name) => [name, row[name]]))
}

/**
 * Writes rows as the bytes of a file, part by part: it holds no more than `partRows` of them. The file is complete
 * with the bytes of `end`.
 */
export interface RowEncoder {
  /** The bytes that these rows complete; none while a part is not full. */
  write(rows: readonly Row[]): readonly Uint8Array[]
  /** The bytes that remain. */
  end(): readonly Uint8Array[]
}

/** What the server says of a column of a result (the protocol's column definition). */
export interface ColumnDefinition {
  readonly name: string
  /** Code of the type. */
  readonly columnType?: number | undefined
  /** Characters or bytes at most; of a decimal its digits with sign and point. */
  readonly columnLength?: number | undefined
  /** Digits after the point. */
  readonly decimals?: number | undefined
  readonly flags?: number | readonly string[] | undefined
  readonly characterSet?: number | undefined
}

/** A column as the lake types it, in words that DuckDB and Spark SQL share. */
export interface ColumnType {
  readonly name: string
  /** `bigint`, `decimal(18,6)`, `double`, `date`, `timestamp` or `string`. */
  readonly type: string
  /** Bytes without a character set: they are written in base64. */
  readonly isBinary: boolean
}

/** Codes of the protocol: mariadb.com/kb/en/result-set-packets. */
const CODES = {
  decimals: [0, 246],
  whole: [1, 2, 3, 9, 13],
  long: [8],
  floating: [4, 5],
  timestamps: [7, 12],
  dates: [10, 14],
  bits: [16],
  texts: [15, 245, 247, 248, 249, 250, 251, 252, 253, 254, 255]
} as const

const BINARY_SET = 63
const UNSIGNED = 32
/** Of a decimal in DuckDB and Spark. */
const MOST_DIGITS = 38

/**
 * The type in which the lake holds every value of a column exactly. Unsigned 64-bit numbers become decimals; decimals of
 * more than 38 digits, times of a day (which may exceed 24 hours) and everything else stay texts.
 */
export function columnType(found: ColumnDefinition): ColumnType {
  const { name, columnType: code = -1, columnLength = 0, decimals = 0, characterSet } = found
  const is = (codes: readonly number[]): boolean => codes.includes(code)
  const isUnsigned = ((typeof found.flags === 'number' ? found.flags : 0) & UNSIGNED) !== 0
  const isBinary = is(CODES.bits) || (is(CODES.texts) && characterSet === BINARY_SET)
  const of = (type: string): ColumnType => ({ name, type, isBinary })
  if (is(CODES.decimals)) {
    const digits = columnLength - (decimals > 0 ? 1 : 0) - (isUnsigned ? 0 : 1)
    return of(digits >= 1 && digits <= MOST_DIGITS ? `decimal(${digits},${decimals})` : 'string')
  }
  if (is(CODES.whole)) return of('bigint')
  if (is(CODES.long)) return of(isUnsigned ? 'decimal(20,0)' : 'bigint')
  if (is(CODES.floating)) return of('double')
  if (is(CODES.dates)) return of('date')
  if (is(CODES.timestamps)) return of('timestamp')
  return of('string')
}

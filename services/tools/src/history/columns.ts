import { didYouMean } from '@tapedeck/core'
import { symbolProblem, tradeProblem, type FeedTrade } from '@tapedeck/domain'
import type { Row } from '@tapedeck/table'

/** What a trade is made of, and the names that columns of files usually have for it, in small letters without `_`. */
const NAMES = {
  time: [
    'time',
    't',
    'timestamp',
    'ts',
    'tradedat',
    'datetime',
    'tradetime',
    'siptimestamp',
    'participanttimestamp',
    'tradets'
  ],
  symbol: ['symbol', 's', 'sym', 'ticker', 'instrument'],
  price: ['price', 'p', 'px', 'tradeprice', 'last', 'lastprice'],
  size: ['size', 'v', 'volume', 'qty', 'quantity', 'shares', 'tradesize', 'lastsize', 'amount'],
  conditions: ['conditions', 'c', 'condition', 'cond', 'tradeconditions', 'salecondition'],
  vendorId: ['vendorid', 'i', 'tradeid', 'trfid', 'sequencenumber']
} as const

type Field = keyof typeof NAMES
const FIELDS = Object.keys(NAMES) as readonly Field[]
const REQUIRED = ['time', 'price', 'size'] as const

/** Which column each field is read from. */
export type ColumnMap = Readonly<Partial<Record<Field, string>>>

/**
 * The columns of a file: those that are named, and for the others the first one with a well-known name. Reports every
 * mistake.
 * @param given such as `price=Last`
 * @param symbol of every row, for files without a column for it
 */
export function mapColumns(
  found: readonly string[],
  given: readonly string[],
  symbol: string | undefined
): { readonly columns: ColumnMap; readonly problems: readonly string[] } {
  const problems: string[] = []
  const named = new Map<Field, string>()
  for (const pair of given) {
    const at = pair.indexOf('=')
    const [field, column] = [pair.slice(0, at), pair.slice(at + 1)]
    const known = FIELDS.find((one) => one === field)
    if (at < 1 || known === undefined) {
      problems.push(
        `--columns ${pair} found, expected FIELD=COLUMN with a field of ${FIELDS.join(', ')}${didYouMean(field, FIELDS)}`
      )
    } else if (!found.includes(column)) {
      problems.push(
        `--columns ${pair} found, but the file has ${found.join(', ')}${didYouMean(column, found)}`
      )
    } else named.set(known, column)
  }
  const taken = new Set(named.values())
  for (const field of FIELDS) {
    if (named.has(field) || (field === 'symbol' && symbol !== undefined)) continue
    const usual = NAMES[field]
      .map((name) => found.find((column) => plain(column) === name && !taken.has(column)))
      .find((column) => column !== undefined)
    if (usual === undefined) continue
    named.set(field, usual)
    taken.add(usual)
  }
  const missing = [...REQUIRED, ...(symbol === undefined ? (['symbol'] as const) : [])].filter(
    (field) => !named.has(field)
  )
  for (const field of missing) {
    const other = field === 'symbol' ? ', or --symbol for all rows' : ''
    problems.push(
      `no column is known for ${field}: the file has ${found.join(', ')}, expected --columns ${field}=COLUMN${other}`
    )
  }
  return { columns: Object.fromEntries(named), problems }
}

/** A name without what differs between files. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[ _-]/g, '')
}

/** A trade of a file, or why a row is none. */
export type TradeReading =
  | { readonly symbol: string; readonly trade: FeedTrade; readonly problem?: undefined }
  | { readonly problem: string }

/** Reads a row as a trade; pure. */
export function readTrade(
  row: Row,
  columns: ColumnMap,
  symbolOfAll: string | undefined
): TradeReading {
  const of = (field: Field): unknown => {
    const column = columns[field]
    return column === undefined ? undefined : row[column]
  }
  const symbol = symbolOfAll ?? of('symbol')
  const symbolIssue = symbolProblem(typeof symbol === 'string' ? symbol.trim() : symbol)
  if (symbolIssue !== undefined) return { problem: symbolIssue }
  const t = readTime(of('time'))
  if (typeof t === 'string') return { problem: t }
  const p = readNumber(of('price'))
  const v = readNumber(of('size'))
  if (p === undefined) return { problem: `price is ${shown(of('price'))}, expected a number` }
  if (v === undefined) return { problem: `size is ${shown(of('size'))}, expected a number` }
  const c = readConditions(of('conditions'))
  const id = of('vendorId')
  const i =
    typeof id === 'string' || typeof id === 'number' || typeof id === 'bigint' ? String(id) : ''
  const trade: FeedTrade = { p, t, v, c, ...(i !== '' && { i }) }
  const problem = tradeProblem(trade)
  return problem === undefined ? { symbol: (symbol as string).trim(), trade } : { problem }
}

const A_TIME = 'expected epoch s, ms, us or ns, or ISO 8601 with a zone'
const ISO = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?\s?(Z|[+-]\d{2}(:?\d{2})?)$/

/**
 * Epoch ms, rounded down. The unit of a number follows from its size: seconds below 1e11 (the year 5138), milliseconds
 * below 1e14, microseconds below 1e17, then nanoseconds.
 */
function readTime(value: unknown): number | string {
  if (value instanceof Date) return value.getTime()
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value
  if (typeof text !== 'string') return `time is ${shown(value)}, ${A_TIME}`
  const trimmed = text.trim()
  if (/^\d{1,19}$/.test(trimmed)) {
    const number = BigInt(trimmed)
    if (number < 10n ** 11n) return Number(number * 1000n)
    if (number < 10n ** 14n) return Number(number)
    return Number(number < 10n ** 17n ? number / 1000n : number / 1_000_000n)
  }
  if (/^\d{1,10}\.\d+$/.test(trimmed)) return Math.floor(Number(trimmed) * 1000)
  const ms = ISO.test(trimmed) ? Date.parse(withZone(trimmed)) : NaN
  return Number.isNaN(ms) ? `time is ${shown(value)}, ${A_TIME}` : ms
}

/** In the form that Date.parse reads: a T before the time, minutes in the zone. */
function withZone(text: string): string {
  return text
    .replace(' ', 'T')
    .replaceAll(/\s/g, '')
    .replace(/([+-]\d{2})$/, '$1:00')
}

function readNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  const text = typeof value === 'string' ? value.trim() : ''
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined
}

/** A list, or a text with `;` or `,` between; null when the file has none. */
function readConditions(value: unknown): readonly string[] | null {
  if (Array.isArray(value)) return value.map(String)
  if (typeof value === 'number' || typeof value === 'bigint') return [String(value)]
  if (typeof value !== 'string' || value === '') return null
  const inner = /^\[(.*)\]$/.exec(value)?.[1] ?? value
  const codes = inner.split(/[;,]/).map((code) => code.trim().replaceAll(/^["']|["']$/g, ''))
  return codes.filter((code) => code !== '')
}

function shown(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'missing'
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`
  return typeof value === 'number' || typeof value === 'bigint'
    ? String(value)
    : `of type ${typeof value}`
}

import { didYouMean } from '@tapedeck/core'
import {
  FORECAST_MODELS,
  MAX_HORIZON,
  symbolProblems,
  TIMEFRAME_FORMS,
  timeframeProblem,
  type Timeframe
} from '@tapedeck/domain'
import type { TapePosition } from '@tapedeck/mongo'

const PARAMETERS = [
  'symbol',
  'timeframe',
  'horizon',
  'model',
  'from',
  'to',
  'over',
  'limit',
  'after'
] as const
export type Parameter = (typeof PARAMETERS)[number]

const MAX_LIMIT = 10_000
const DEFAULT_LIMIT = 1000
/** Symbols in one request at most; `*` has no limit. */
const MAX_NAMED_SYMBOLS = 500
/** The last millisecond that a Date can hold. */
const MAX_TIME_MS = 8.64e15

/** The parameters of a request; missing ones have their default, missing times stay undefined. */
export interface Query {
  /** Sorted; undefined: all. */
  readonly symbols: readonly string[] | undefined
  readonly timeframe: Timeframe
  /** The timeframe, or undefined when the request has none. */
  readonly anyTimeframe: Timeframe | undefined
  /** Bars ahead of a forecast; undefined: all. */
  readonly horizon: number | undefined
  /** Undefined: all. */
  readonly model: string | undefined
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
  /** Whether a range of forecasts selects by target or by the time they were made. */
  readonly over: (typeof OVER)[number]
  readonly limit: number
  /** Where the previous page ended. */
  readonly after: TapePosition | undefined
}

/** One mistake in a request: the parameter, and what was found and expected. */
export interface RequestProblem {
  readonly field: string
  readonly message: string
}

export type QueryReading =
  | { readonly query: Query; readonly problems?: undefined }
  | { readonly problems: readonly RequestProblem[] }

/**
 * Reads the query string of a route that accepts `parameters`; pure. It reports all mistakes at once:
 * unknown names, values that do not fit, a parameter given twice. An empty value counts as not given.
 */
export function readQuery(raw: unknown, parameters: readonly Parameter[]): QueryReading {
  const problems: RequestProblem[] = []
  const given = new Map<string, string>()
  for (const [name, value] of Object.entries(raw ?? {})) {
    if (!(parameters as readonly string[]).includes(name)) {
      problems.push({ field: name, message: unknownMessage(name, parameters) })
    } else if (typeof value !== 'string') {
      problems.push({ field: name, message: `${name} is given twice, expected once` })
    } else if (value.trim() !== '') given.set(name, value.trim())
  }

  function read<T>(field: Parameter, fallback: T, expected: string, parse: Parse<T>): T {
    const found = given.get(field)
    if (found === undefined) return fallback
    const value = parse(found, (message) => problems.push({ field, message }))
    if (value === undefined) {
      problems.push({ field, message: `${field} is '${found}', expected ${expected}` })
    }
    return value ?? fallback
  }
  const symbols = read<Symbols>('symbol', ALL, 'symbols', parseSymbols)
  const anyTimeframe = read<Timeframe | undefined>(
    'timeframe',
    undefined,
    `one of ${TIMEFRAME_FORMS}`,
    (found) => (timeframeProblem(found) === undefined ? found : undefined)
  )
  const query: Query = {
    symbols: symbols === ALL ? undefined : symbols,
    timeframe: anyTimeframe ?? '1m',
    anyTimeframe,
    horizon: read<number | undefined>('horizon', undefined, A_HORIZON, parseHorizon),
    model: read<string | undefined>('model', undefined, `one of ${MODELS.join(', ')}`, (found) =>
      MODELS.includes(found) ? found : undefined
    ),
    over: read<Query['over']>('over', 'target', `one of ${OVER.join(', ')}`, (found) =>
      OVER.find((one) => one === found)
    ),
    fromMs: read<number | undefined>('from', undefined, A_TIME, parseTime),
    toMs: read<number | undefined>('to', undefined, A_TIME, parseTime),
    limit: read('limit', DEFAULT_LIMIT, `a whole number from 1 to ${MAX_LIMIT}`, parseLimit),
    after: read<TapePosition | undefined>('after', undefined, A_POSITION, parsePosition)
  }
  if (query.fromMs !== undefined && query.toMs !== undefined && query.fromMs >= query.toMs) {
    const message = `from is '${given.get('from')}', expected a time before to, '${given.get('to')}'`
    problems.push({ field: 'from', message })
  }
  return problems.length === 0 ? { query } : { problems }
}

/** Undefined when the text does not fit; `report` takes further mistakes with their own messages. */
type Parse<T> = (found: string, report: (message: string) => void) => T | undefined

function unknownMessage(name: string, parameters: readonly Parameter[]): string {
  const expected = parameters.length === 0 ? 'none' : `one of ${parameters.join(', ')}`
  return `${name} is not a parameter of this route, expected ${expected}${didYouMean(name, parameters)}`
}

const ALL = '*'
type Symbols = typeof ALL | readonly string[]

function parseSymbols(found: string, report: (message: string) => void): Symbols {
  if (found === ALL) return ALL
  const entries = found.split(',').map((entry) => entry.trim())
  const problems = symbolProblems(entries, Number.MAX_SAFE_INTEGER)
  for (const problem of problems) report(`symbol: ${problem}`)
  if (entries.length > MAX_NAMED_SYMBOLS) {
    report(`symbol: ${entries.length} symbols found, expected at most ${MAX_NAMED_SYMBOLS}, or *`)
  }
  return entries.toSorted()
}

const A_TIME = 'epoch milliseconds or ISO 8601 with a zone, such as 2025-01-31T14:30:00Z'
const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/
const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$/

/** A time without a zone would be another moment on every machine, so it is refused. */
export function parseTime(found: string): number | undefined {
  if (/^-?\d{1,16}$/.test(found)) {
    const ms = Number(found)
    return Math.abs(ms) <= MAX_TIME_MS ? ms : undefined
  }
  // A plus sign that was not encoded arrives as a space.
  const text = found.replace(/ (\d{2}:?\d{2})$/, '+$1')
  if (!ISO_DATE.test(text) && !ISO_TIME.test(text)) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) return undefined
  // Date.parse reads 30 February as 2 March.
  const date = text.slice(0, 10)
  return new Date(Date.parse(date)).toISOString().startsWith(date) ? ms : undefined
}

const OVER = ['target', 'made'] as const
const MODELS = FORECAST_MODELS.map(({ name }) => name)
const A_HORIZON = `bars ahead, 1 to ${MAX_HORIZON}`

function parseHorizon(found: string): number | undefined {
  const horizon = /^\d{1,4}$/.test(found) ? Number(found) : 0
  return horizon >= 1 && horizon <= MAX_HORIZON ? horizon : undefined
}

function parseLimit(found: string): number | undefined {
  if (!/^\d{1,6}$/.test(found)) return undefined
  const limit = Number(found)
  return limit >= 1 && limit <= MAX_LIMIT ? limit : undefined
}

const A_POSITION = 'the value of next in the previous page'

/** A position between two pages, as text; see parsePosition. */
export function positionText(tMs: number, id: string): string {
  return `${tMs}~${id}`
}

function parsePosition(found: string): TapePosition | undefined {
  const [, time = '', id = ''] = /^(-?\d{1,16})~(.{1,200})$/.exec(found) ?? []
  return id === '' || Math.abs(Number(time)) > MAX_TIME_MS ? undefined : { tMs: Number(time), id }
}

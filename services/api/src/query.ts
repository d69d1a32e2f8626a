import { didYouMean } from '@tapedeck/core'
import {
  FORECAST_MODELS,
  lengthOf,
  MAX_HORIZON,
  stepOf,
  symbolProblems,
  TIMEFRAME_FORMS,
  timeframeProblem,
  WINDOW_LENGTHS,
  windowLength,
  windowSpec,
  type Timeframe
} from '@tapedeck/domain'
import { INDICATOR_FORMS, readIndicator, type Indicator } from '@tapedeck/domain/indicators'
import type { HistoryPosition, TapePosition } from '@tapedeck/mongo'
import { Type, type Static, type TObject, type TSchema } from 'typebox'

/** One mistake in a request: the parameter, and what was found and expected. */
export interface RequestProblem {
  readonly field: string
  readonly message: string
}

/** Symbols in one request at most; `*` has no limit. */
const MAX_NAMED_SYMBOLS = 500
const MAX_LIMIT = 10_000
export const DEFAULT_LIMIT = 1000
const MAX_INDICATORS = 20
const MAX_RUN_ID = 300
/** The last millisecond that a Date can hold. */
const MAX_TIME_MS = 8.64e15

/**
 * The schema of a parameter. It documents, and the request is read by it: an `enum` or `type: 'integer'` by its limits,
 * a text by its `format` (see FORMATS). `T` is the type of the value read.
 */
interface ParameterSchema {
  readonly type: 'string' | 'integer'
  /** What a message says that it expects. */
  readonly description: string
  readonly format?: keyof typeof FORMATS
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly default?: string | number
}

function parameter<T>(schema: ParameterSchema) {
  return Type.Unsafe<T>({ ...schema })
}

/** Sorted; undefined: all. */
export const SYMBOLS = parameter<readonly string[] | undefined>({
  type: 'string',
  format: 'symbols',
  description: `a symbol, a list with commas (${MAX_NAMED_SYMBOLS} at most), or * for all`,
  default: '*'
})
export const TIMEFRAME = parameter<Timeframe>({
  type: 'string',
  format: 'timeframe',
  description: `one of ${TIMEFRAME_FORMS}`,
  default: '1m'
})
/** `auto`: one that fits the range, or else the question. */
export const TIMEFRAME_OR_AUTO = parameter<Timeframe>({
  type: 'string',
  format: 'timeframe-or-auto',
  description: `auto, or one of ${TIMEFRAME_FORMS}`,
  default: '1m'
})
/** `auto`: one that fits the range. */
export const AUTO_TIMEFRAME = parameter<Timeframe>({
  type: 'string',
  format: 'timeframe-or-auto',
  description: `auto, or one of ${TIMEFRAME_FORMS}`,
  default: 'auto'
})
/** Undefined: all. */
export const ANY_TIMEFRAME = parameter<Timeframe | undefined>({
  type: 'string',
  format: 'timeframe',
  description: `one of ${TIMEFRAME_FORMS}`
})
/** Undefined: all; `auto`: one that fits the range. */
export const ANY_TIMEFRAME_OR_AUTO = parameter<Timeframe | undefined>({
  type: 'string',
  format: 'timeframe-or-auto',
  description: `auto, or one of ${TIMEFRAME_FORMS}`
})
/** Undefined: 1m, unless another parameter names the windows; `auto`: one that fits the range. */
export const TIMEFRAME_OR_WINDOW = parameter<Timeframe | undefined>({
  type: 'string',
  format: 'timeframe-or-auto',
  description: `auto, or one of ${TIMEFRAME_FORMS}; 1m without it and without window`
})
/** Length of windows that need not be a timeframe, ms. */
export const WINDOW = parameter<number | undefined>({
  type: 'string',
  format: 'window',
  description: WINDOW_LENGTHS
})
/** Bars ahead of a forecast; undefined: all. */
export const HORIZON = parameter<number | undefined>({
  type: 'integer',
  minimum: 1,
  maximum: MAX_HORIZON,
  description: `bars ahead, 1 to ${MAX_HORIZON}`
})
/** The headline model: that of a request that asks for one and names none. */
export const FIRST_MODEL = FORECAST_MODELS[0].name
/** Undefined: all. */
export const MODEL = parameter<string | undefined>({
  type: 'string',
  enum: FORECAST_MODELS.map(({ name }) => name),
  description: `one of ${FORECAST_MODELS.map(({ name }) => name).join(', ')}`
})
/** Epoch ms. */
export const TIME = parameter<number | undefined>({
  type: 'string',
  format: 'instant',
  description: 'epoch milliseconds or ISO 8601 with a zone, such as 2025-01-31T14:30:00Z'
})
/** Rows. */
export const LIMIT = parameter<number>({
  type: 'integer',
  minimum: 1,
  maximum: MAX_LIMIT,
  default: DEFAULT_LIMIT,
  description: `a whole number from 1 to ${MAX_LIMIT}`
})
/** Indicators of closes. */
export const INDICATORS = parameter<readonly Indicator[]>({
  type: 'string',
  format: 'indicators',
  default: 'sma:20',
  description: `a list of ${MAX_INDICATORS} at most with commas, each ${INDICATOR_FORMS}`
})
/** Where the previous page ended. */
export const POSITION = parameter<TapePosition | undefined>({
  type: 'string',
  format: 'position',
  description: 'the value of next in the previous page'
})
/** The order of rows; undefined: the newest ones, ascending. */
export const ORDER = parameter<'asc' | 'desc' | undefined>({
  type: 'string',
  enum: ['asc', 'desc'],
  description: 'asc or desc; without it the newest rows are answered, ascending'
})
/** The row after which an answer begins. */
export const AFTER = parameter<HistoryPosition | undefined>({
  type: 'string',
  format: 'row-position',
  description: 'the value of next in the previous page'
})
/** Undefined: all. */
export const FIELDS = parameter<readonly string[] | undefined>({
  type: 'string',
  format: 'names',
  description: 'names of fields, with commas'
})
/** Rows; undefined: 1000 in JSON, all in other formats. */
export const ROW_LIMIT = parameter<number | undefined>({
  type: 'integer',
  minimum: 1,
  maximum: MAX_LIMIT,
  description: `a whole number from 1 to ${MAX_LIMIT}`
})
/** A parameter that is one of these texts; undefined unless it is given. */
export function anyOf<const T extends string>(description: string, names: readonly T[]) {
  return parameter<T | undefined>({ type: 'string', enum: names, description })
}
/** A parameter that is one of these texts; the first is the default. */
export function oneOf<const T extends string>(...names: readonly [T, ...T[]]) {
  return parameter<T>({
    type: 'string',
    enum: names,
    default: names[0],
    description: `one of ${names.join(', ')}`
  })
}
/** In a path. */
export const SYMBOL_IN_PATH = parameter<string>({
  type: 'string',
  format: 'symbol',
  description: 'a symbol, URL-encoded'
})
/** In a path. */
export const BAR_ID = parameter<string>({
  type: 'string',
  format: 'bar-id',
  description:
    '<symbol>|<timeframe>|<start in epoch ms, or first trade>, URL-encoded, as in the id of /api/v1/bars'
})

/** Undefined: all. */
export const NAME = parameter<string | undefined>({
  type: 'string',
  description: 'a name, such as that of a job'
})
/** In a path. */
export const RUN = parameter<string>({
  type: 'string',
  format: 'run-id',
  description: `the id of a run, URL-encoded, ${MAX_RUN_ID} characters at most`
})
/** In a path. */
export const TRADE_DATE = parameter<string>({
  type: 'string',
  format: 'trade-date',
  description: 'a trading date such as 2026-03-10'
})

type Parameters = Readonly<Record<string, TSchema>>
type Read<P extends Parameters> = { readonly [K in keyof P]: Static<P[K]> }

/** The schema of a query string; its type is that of the values read, where parameters not given are undefined. */
export function query<P extends Parameters>(parameters: P) {
  const optional = Object.fromEntries(
    Object.entries(parameters).map(([name, schema]) => [name, Type.Optional(schema)])
  )
  return Type.Unsafe<Read<P>>(Type.Object(optional, { additionalProperties: false }))
}

/** The schema of the parameters in a path. */
export function path<P extends Parameters>(parameters: P) {
  return Type.Unsafe<Read<P>>(Type.Object(parameters))
}

/** Undefined when the text does not fit; `report` takes mistakes with messages of their own. */
type Parse = (found: string, report: (message: string) => void) => unknown

const ALL = '*'

/** How a text is read, by the `format` of its schema. */
const FORMATS = {
  symbols: parseSymbols,
  timeframe: (found) => (timeframeProblem(found) === undefined ? found : undefined),
  'timeframe-or-auto': (found) =>
    found === 'auto' || timeframeProblem(found) === undefined ? found : undefined,
  window: windowLength,
  instant: parseTime,
  indicators: parseIndicators,
  position: parsePosition,
  'row-position': parseRowPosition,
  names: (found) => found.split(',').map((name) => name.trim()),
  symbol(found, report) {
    for (const problem of symbolProblems([found], 1)) report(`symbol: ${problem}`)
    return found
  },
  'bar-id': parseBarId,
  'run-id': (found) => (found.length <= MAX_RUN_ID ? found : undefined),
  'trade-date': (found) =>
    ISO_DATE.test(found) && parseTime(found) !== undefined ? found : undefined
} as const satisfies Readonly<Record<string, Parse>>

type Reading<T> =
  | { readonly values: T; readonly problems?: undefined }
  | { readonly problems: readonly RequestProblem[] }

/**
 * Reads a query string by its schema; pure. It reports all mistakes at once: unknown names, values that do not fit, a
 * parameter given twice. An empty value counts as not given.
 */
export function readQuery<T extends TSchema>(raw: unknown, schema: T): Reading<Static<T>> {
  const properties = propertiesOf(schema)
  const names = Object.keys(properties)
  const problems: RequestProblem[] = []
  const given = new Map<string, string>()
  for (const [name, value] of Object.entries(raw ?? {})) {
    if (!names.includes(name)) {
      problems.push({ field: name, message: unknownMessage(name, names) })
    } else if (typeof value !== 'string') {
      problems.push({ field: name, message: `${name} is given twice, expected once` })
    } else if (value.trim() !== '') given.set(name, value.trim())
  }
  const values: Record<string, unknown> = {}
  for (const [name, property] of Object.entries(properties)) {
    const text = given.get(name)
    const value = text === undefined ? defaultOf(property) : read(name, text, property, problems)
    values[name] = value === ALL ? undefined : value
  }
  const { from, to } = values
  if (typeof from === 'number' && typeof to === 'number' && from >= to) {
    const message = `from is '${given.get('from')}', expected a time before to, '${given.get('to')}'`
    problems.push({ field: 'from', message })
  }
  return problems.length === 0 ? { values: values as Static<T> } : { problems }
}

/** The value of a parameter that is not given. */
function defaultOf(schema: ParameterSchema): unknown {
  const { default: value } = schema
  return schema.format === 'indicators' ? parseIndicators(String(value)) : value
}

/** Reads the parameters of a path by their schema; pure. */
export function readPath<T extends TSchema>(raw: unknown, schema: T): Reading<Static<T>> {
  const problems: RequestProblem[] = []
  const values: Record<string, unknown> = {}
  for (const [name, property] of Object.entries(propertiesOf(schema))) {
    const found = (raw as Readonly<Record<string, string | undefined>>)[name] ?? ''
    values[name] = read(name, found, property, problems)
  }
  return problems.length === 0 ? { values: values as Static<T> } : { problems }
}

function propertiesOf(schema: TSchema): Readonly<Record<string, ParameterSchema>> {
  return (schema as unknown as TObject).properties as never
}

function read(
  field: string,
  found: string,
  schema: ParameterSchema,
  problems: RequestProblem[]
): unknown {
  const value = parse(found, schema, (message) => problems.push({ field, message }))
  if (value === undefined) {
    problems.push({ field, message: `${field} is '${found}', expected ${schema.description}` })
  }
  return value
}

function parse(
  found: string,
  { format, enum: names, type, minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: ParameterSchema,
  report: (message: string) => void
): unknown {
  if (format !== undefined) return FORMATS[format](found, report)
  if (names !== undefined) return names.includes(found) ? found : undefined
  if (type === 'string') return found
  const number = /^\d{1,16}$/.test(found) ? Number(found) : NaN
  return number >= minimum && number <= maximum ? number : undefined
}

function unknownMessage(name: string, parameters: readonly string[]): string {
  const expected = parameters.length === 0 ? 'none' : `one of ${parameters.join(', ')}`
  return `${name} is not a parameter of this route, expected ${expected}${didYouMean(name, parameters)}`
}

function parseSymbols(found: string, report: (message: string) => void): string | string[] {
  if (found === ALL) return ALL
  const entries = found.split(',').map((entry) => entry.trim())
  const problems = symbolProblems(entries, Number.MAX_SAFE_INTEGER)
  for (const problem of problems) report(`symbol: ${problem}`)
  if (entries.length > MAX_NAMED_SYMBOLS) {
    report(`symbol: ${entries.length} symbols found, expected at most ${MAX_NAMED_SYMBOLS}, or *`)
  }
  return entries.toSorted()
}

function parseIndicators(found: string): readonly Indicator[] | undefined {
  const texts = found.split(',').map((entry) => entry.trim())
  const indicators = texts.map(readIndicator)
  const isFitting = texts.length <= MAX_INDICATORS
  return isFitting && indicators.every((one) => one !== undefined) ? indicators : undefined
}

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

/** A position between two pages, as text; see parsePosition. */
export function positionText(tMs: number, id: string): string {
  return `${tMs}~${id}`
}

function parsePosition(found: string): TapePosition | undefined {
  const [, time = '', id = ''] = /^(-?\d{1,16})~(.{1,200})$/.exec(found) ?? []
  return id === '' || Math.abs(Number(time)) > MAX_TIME_MS ? undefined : { tMs: Number(time), id }
}

/** The place of a row in its history, as text; see parseRowPosition. */
export function rowPositionText({ tMs, symbol, id }: HistoryPosition): string {
  return `${tMs}~${symbol}~${id}`
}

function parseRowPosition(found: string): HistoryPosition | undefined {
  const [, time = '', symbol = '', id = ''] =
    /^(-?\d{1,16})~([^~]{1,100})~(.{1,300})$/.exec(found) ?? []
  const tMs = Number(time)
  return id === '' || Math.abs(tMs) > MAX_TIME_MS ? undefined : { tMs, symbol, id }
}

/** BarDocument describes the ids. */
function parseBarId(id: string, report: (message: string) => void): string | undefined {
  const [symbol, timeframe, place, ...more] = id.split('|')
  if (symbol === undefined || timeframe === undefined || !place || more.length > 0) return undefined
  const [problem] = symbolProblems([symbol], 1)
  const unknown = timeframeProblem(timeframe)
  if (problem !== undefined) report(`id: ${problem}`)
  else if (unknown !== undefined) report(`id: timeframe ${unknown}`)
  return id
}

/** Half-open: from inclusive, to exclusive; epoch milliseconds. */
export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

/** The bounds of a request, epoch ms. */
interface Bounds {
  readonly from: number | undefined
  readonly to: number | undefined
}

const HOUR_MS = 3_600_000
/** The assumed length of a counted window, for the default range. */
const COUNTED_MS = 60_000
/** Windows in the default range of bars and forecasts. */
export const DEFAULT_WINDOWS = 500

/** The length of a window, ms; for a trading day the usual one. */
export function windowMs(timeframe: Timeframe): number {
  return lengthOf(timeframe) ?? COUNTED_MS
}

/**
 * The range of a request. Without `to` it ends now, or `aheadMs` later for data that lies in the future.
 * Without `from` it begins `spanMs` before its end.
 */
export function timeRange(
  { from, to }: Bounds,
  nowMs: number,
  { spanMs, aheadMs = 0 }: { readonly spanMs: number; readonly aheadMs?: number }
): TimeRange {
  // A client whose clock is ahead may request a future range: it is empty.
  const endMs = to ?? Math.max(nowMs + aheadMs, from ?? 0)
  return { fromMs: from ?? endMs - spanMs, toMs: endMs }
}

/** The range of a request for windows, on their grid; the last 500 by default. */
export function windowRange(
  request: Bounds & { readonly timeframe: Timeframe },
  nowMs: number,
  windowsAhead = 0
): TimeRange {
  const { timeframe } = request
  const lengthMs = windowMs(timeframe)
  const defaults = { spanMs: DEFAULT_WINDOWS * lengthMs, aheadMs: windowsAhead * lengthMs }
  return onGrid(timeRange(request, nowMs, defaults), timeframe)
}

/**
 * The same range over starts of windows, as bounds on their grid: `start >= from` is equivalent to
 * `start >= from rounded up`, and so is `to`. Viewers whose clocks differ by less than a window then send equal
 * requests, which share one read. Trading days begin on a full hour, regular sessions on a half.
 */
export function onGrid({ fromMs, toMs }: TimeRange, timeframe: Timeframe): TimeRange {
  const gridMs = gridOf(timeframe)
  return { fromMs: Math.ceil(fromMs / gridMs) * gridMs, toMs: Math.ceil(toMs / gridMs) * gridMs }
}

function gridOf(timeframe: Timeframe): number {
  switch (windowSpec(timeframe).kind) {
    case 'trading day':
      return HOUR_MS
    case 'regular session':
      return HOUR_MS / 2
    case 'activity':
      return 1000
    default:
      return stepOf(timeframe) ?? 1000
  }
}

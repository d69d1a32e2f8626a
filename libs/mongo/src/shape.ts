import { isObject } from '@tapedeck/core'
import { CONDITION_POLICIES, timeframeProblem } from '@tapedeck/domain'
import { Decimal128, Double, Int32, Long, ObjectId, type Document } from 'mongodb'

/**
 * What a value must be so that every later step holds it: a kind by name, or a function that says why it does not fit. A
 * number is finite, a date of the years 1900 to 9999.
 */
export type ValueKind = keyof typeof KINDS | ((value: unknown) => string | undefined)

/**
 * A field. A kind alone: a document without it, or with another value, cannot be read. `or`: what stands for a missing
 * value, and unless `isStrict` for one that does not fit. `each`: the shape of the elements of a list, of which those that
 * do not fit are left out.
 */
type Field =
  | ValueKind
  | { readonly is: ValueKind; readonly or: null | readonly never[]; readonly isStrict?: boolean }
  | { readonly each: Shape; readonly or?: readonly never[] }

/** The fields of a document that its readers rely on. */
export type Shape = readonly (readonly [name: string, field: Field])[]

/** A document that was left out of what a read found, or a value of it. */
export interface UnreadableDocument {
  readonly collection: string
  readonly id: string
  /** Such as `price is NaN, expected a number`. */
  readonly problem: string
}

/** A database tells its user of documents that it cannot read. */
export interface HasReport {
  /** Called for each document that is left out and for each value that is. It must not throw. */
  readonly unreadable: (found: UnreadableDocument) => void
}

export function shapeOf(fields: Readonly<Record<string, Field>>): Shape {
  return Object.entries(fields)
}

/** The shape of documents that were read with these fields alone. */
export function only(shape: Shape, names: readonly string[]): Shape {
  return shape.filter(([name]) => names.includes(name))
}

/** The shape of documents that were read without these fields. */
export function without(shape: Shape, names: readonly string[]): Shape {
  return shape.filter(([name]) => !names.includes(name))
}

/**
 * The documents that can be read. Others are left out and reported, so that one that was put in by hand spoils only
 * itself; so are values that become null.
 */
export function readable<D extends Document>(
  collection: string,
  shape: Shape,
  documents: readonly D[],
  { unreadable }: HasReport
): D[] {
  return documents.filter((document) => {
    const note = (problem: string): void => unreadable({ collection, id: idOf(document), problem })
    const problem = problemOf(document, shape, note)
    if (problem !== undefined) note(problem)
    return problem === undefined
  })
}

function idOf({ _id: id }: Document): string {
  return typeof id === 'string' ? id : shown(id)
}

/** The field may be null or missing; whatever else does not fit is read as null. */
export function orNull(is: ValueKind): Field {
  return { is, or: null }
}

/** The field may be null or missing; a document with anything else that does not fit cannot be read. */
export function nullable(is: ValueKind): Field {
  return { is, or: null, isStrict: true }
}

/** The same, but a missing field stays missing. */
export function optional(is: ValueKind): Field {
  return (value) => (value === undefined || value === null ? undefined : valueProblem(value, is))
}

/** The list may be missing; whatever else does not fit is read as empty. */
export function orEmpty(is: 'texts'): Field {
  return { is, or: [] }
}

/**
 * Makes numbers of the other numeric types of BSON plain ones, puts null where a field may be null, and says what else
 * is wrong: undefined when the document can be read.
 * @param note is told of values that were replaced
 */
export function problemOf(
  document: Document,
  shape: Shape,
  note: (problem: string) => void
): string | undefined {
  for (const [name, field] of shape) {
    const problem = fieldProblem(document, name, field, note)
    if (problem !== undefined) return `${name} ${problem}`
  }
  return undefined
}

function fieldProblem(
  document: Document,
  name: string,
  field: Field,
  note: (problem: string) => void
): string | undefined {
  const value: unknown = plain(document, name)
  if (typeof field === 'string' || typeof field === 'function') return valueProblem(value, field)
  if ('is' in field) {
    const isMissing = value === undefined || value === null
    const problem = isMissing ? undefined : valueProblem(value, field.is)
    if (problem !== undefined) {
      if (field.isStrict === true) return problem
      note(`${name} ${problem}`)
    }
    if (isMissing || problem !== undefined) document[name] = field.or
    return undefined
  }
  if (!Array.isArray(value)) {
    if (field.or === undefined) return `is ${shown(value)}, expected a list`
    document[name] = field.or
    return undefined
  }
  document[name] = value.filter((element: unknown, index) => {
    const problem =
      valueProblem(element, 'object') ?? problemOf(element as Document, field.each, note)
    if (problem !== undefined) note(`${name}[${index}] ${problem}`)
    return problem === undefined
  })
  return undefined
}

/** The value of a field; another numeric type of BSON becomes a number, also in the document. */
function plain(document: Document, name: string): unknown {
  const value: unknown = document[name]
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Decimal128) return (document[name] = Number(value.toString()))
  if (value instanceof Long) return (document[name] = value.toNumber())
  if (value instanceof Double || value instanceof Int32) return (document[name] = value.valueOf())
  return value
}

const FIRST_DATE_MS = Date.UTC(1900, 0)
/** Of every window that holds a time of a trade, both ends lie before. */
const END_OF_DATES_MS = Date.UTC(10_000, 0)

/** Whether every later step holds a date; one that the driver cannot represent is NaN. */
function isHeld(date: Date): boolean {
  return date.getTime() >= FIRST_DATE_MS && date.getTime() < END_OF_DATES_MS
}

const isText = (value: unknown): boolean => typeof value === 'string'

/** The named kinds, with their words for messages. */
const KINDS = {
  text: { words: 'a text', fits: isText },
  texts: {
    words: 'a list of texts',
    fits: (value: unknown) => Array.isArray(value) && value.every(isText)
  },
  number: { words: 'a number', fits: (value: unknown) => Number.isFinite(value) },
  whole: { words: 'a whole number', fits: (value: unknown) => Number.isSafeInteger(value) },
  date: {
    words: 'a date from 1900 to 9999',
    fits: (value: unknown) => value instanceof Date && isHeld(value)
  },
  flag: { words: 'true or false', fits: (value: unknown) => typeof value === 'boolean' },
  object: {
    words: 'an object',
    fits: isObject
  },
  timeframe: {
    words: 'a timeframe',
    fits: (value: unknown) => typeof value === 'string' && timeframeProblem(value) === undefined
  },
  policy: {
    words: `a policy of conditions: ${CONDITION_POLICIES.join(', ')}`,
    fits: (value: unknown) => CONDITION_POLICIES.some((one) => one === value)
  }
} as const

function valueProblem(value: unknown, kind: ValueKind): string | undefined {
  if (typeof kind === 'function') return kind(value)
  const { words, fits } = KINDS[kind]
  return fits(value) ? undefined : `is ${shown(value)}, expected ${words}`
}

const MOST_SHOWN = 40

/** A value for a message, short; whatever it is. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  if (typeof value === 'string') return `'${value.slice(0, MOST_SHOWN)}'`
  if (value instanceof ObjectId) return `ObjectId('${value.toHexString()}')`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no date' : value.toISOString()
  if (Array.isArray(value)) return 'a list'
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return `${value}`
  return `of type ${typeof value}`
}

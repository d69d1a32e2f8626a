import { ACCUMULATOR_SUMS, BAR_FIELDS } from '@tapedeck/domain'
import type { BarDocument } from '@tapedeck/mongo'

/** One field of a bar that is not what it should be, values as a person reads them. */
export interface FieldDifference {
  readonly field: string
  readonly stored: string
  readonly rebuilt: string
}

const FIELDS = Object.entries(BAR_FIELDS)
/** Says how a bar came about, or is its store's alone; gaps are compared apart. */
const HISTORY: ReadonlySet<string> = new Set([
  '_id',
  'updatedAt',
  'source',
  'exact',
  'reprocess',
  ...FIELDS.filter(([, { origin }]) => origin === 'history').map(([name]) => name)
])
/** Of a bar's exact parts: what is not a sum or a print. */
const EXACT_HISTORY: ReadonlySet<string> = new Set(['lateVolume', 'gaps', 'from', 'through'])
/** Depends on the order of the tape; everything else is the same in any order. */
const OF_TAPE_ORDER: readonly string[] = FIELDS.flatMap(([name, { sumInTapeOrder }]) =>
  sumInTapeOrder === undefined ? [] : [name, `exact ${sumInTapeOrder}`]
)

const NOTHING: ReadonlySet<string> = new Set()

/** What two bars say differently of their trades, to the last digit of the exact sums; pure. */
export function contentDifferences(stored: BarDocument, rebuilt: BarDocument): FieldDifference[] {
  const plain = namedDifferences(asRecord(stored), asRecord(rebuilt), HISTORY, '')
  const parts = namedDifferences(partsOf(stored), partsOf(rebuilt), EXACT_HISTORY, '')
  if (parts.length === 0) return plain
  const named = namedDifferences(namedParts(stored), namedParts(rebuilt), EXACT_HISTORY, 'exact ')
  return [...plain, ...named]
}

/** What two bars say differently of the feed's gaps. */
export function gapDifferences(stored: BarDocument, rebuilt: BarDocument): FieldDifference[] {
  const { coverage, gapIds } = stored
  return namedDifferences(
    { coverage, gapIds },
    { coverage: rebuilt.coverage, gapIds: rebuilt.gapIds },
    NOTHING,
    ''
  )
}

/** Whether two bars were made by other rules. */
export function isOfOtherRules(stored: BarDocument, rebuilt: BarDocument): boolean {
  return stored.policy !== rebuilt.policy || stored.conditionVersion !== rebuilt.conditionVersion
}

/** Whether the same trades in another order would explain the differences. */
export function isOfTapeOrder(differences: readonly FieldDifference[]): boolean {
  return differences.length > 0 && differences.every(({ field }) => OF_TAPE_ORDER.includes(field))
}

/** A value as a person reads it. */
function shown(value: unknown): string {
  if (value === undefined) return 'none'
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function namedDifferences(
  stored: Readonly<Record<string, unknown>>,
  rebuilt: Readonly<Record<string, unknown>>,
  passedOver: ReadonlySet<string>,
  prefix: string
): FieldDifference[] {
  const found: FieldDifference[] = []
  const compare = (name: string): void => {
    if (passedOver.has(name) || isSame(stored[name], rebuilt[name])) return
    const [before, after] = [shown(stored[name]), shown(rebuilt[name])]
    found.push({ field: `${prefix}${name}`, stored: before, rebuilt: after })
  }
  for (const name of Object.keys(rebuilt)) compare(name)
  for (const name of Object.keys(stored)) if (!(name in rebuilt)) compare(name)
  return found
}

/** Values as MongoDB gives them: numbers, texts, dates, and lists of them. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime()
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((value, i) => isSame(value, b[i]))
}

function partsOf({ exact }: BarDocument): Readonly<Record<string, unknown>> {
  return (exact ?? {}) as Readonly<Record<string, unknown>>
}

/** The sums get their names; later ones, which this does not know, their number. */
function namedParts(bar: BarDocument): Readonly<Record<string, unknown>> {
  const { sums, ...rest } = partsOf(bar) as { readonly sums?: readonly unknown[] }
  const named = (sums ?? []).map((sum, i) => [ACCUMULATOR_SUMS[i] ?? `sum ${i}`, sum] as const)
  return { ...rest, ...Object.fromEntries(named) }
}

function asRecord(bar: BarDocument): Readonly<Record<string, unknown>> {
  return bar as unknown as Readonly<Record<string, unknown>>
}

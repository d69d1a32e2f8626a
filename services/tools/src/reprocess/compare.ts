import {
  ACCUMULATOR_SUMS,
  BAR_FIELDS,
  isActivity,
  type ConditionPolicy,
  type Timeframe
} from '@tapedeck/domain'
import type { BarDocument, ShadowBarDocument, SwapAction } from '@tapedeck/mongo'
import { finalMsOf, isBeyondLateness, isReleased, policyOf, type SymbolDay } from './symbol-day.ts'

/** A field in which a stored bar differs from the rebuilt one, with both values as text. */
export interface FieldDifference {
  readonly field: string
  readonly stored: string
  readonly rebuilt: string
}

const FIELDS = Object.entries(BAR_FIELDS)
/** Fields that tell the history of a document, or belong to its store; gaps are compared separately. */
const HISTORY: ReadonlySet<string> = new Set([
  '_id',
  'updatedAt',
  'versions',
  'source',
  'exact',
  'reprocess',
  ...FIELDS.filter(([, { origin }]) => origin === 'history').map(([name]) => name)
])
/** Parts of `exact` that are neither a sum nor a print. */
const EXACT_HISTORY: ReadonlySet<string> = new Set(['lateVolume', 'gaps', 'from', 'through'])
/** Fields that depend on tape order; all others are the same in any order. */
const OF_TAPE_ORDER: readonly string[] = FIELDS.flatMap(([name, { sumInTapeOrder }]) =>
  sumInTapeOrder === undefined ? [] : [name, `exact ${sumInTapeOrder}`]
)

const NOTHING: ReadonlySet<string> = new Set()

/** The fields in which two bars differ about their trades, exact sums included. */
export function contentDifferences(stored: BarDocument, rebuilt: BarDocument): FieldDifference[] {
  const plain = namedDifferences(asRecord(stored), asRecord(rebuilt), HISTORY, '')
  const parts = namedDifferences(partsOf(stored), partsOf(rebuilt), EXACT_HISTORY, '')
  if (parts.length === 0) return plain
  const named = namedDifferences(namedParts(stored), namedParts(rebuilt), EXACT_HISTORY, 'exact ')
  return [...plain, ...named]
}

/** The fields in which two bars differ about the feed's gaps. */
export function gapDifferences(stored: BarDocument, rebuilt: BarDocument): FieldDifference[] {
  const { coverage, gapIds } = stored
  return namedDifferences(
    { coverage, gapIds },
    { coverage: rebuilt.coverage, gapIds: rebuilt.gapIds },
    NOTHING,
    ''
  )
}

/** Whether two bars were made under different rules. */
function isOfOtherRules(stored: BarDocument, rebuilt: BarDocument): boolean {
  return stored.policy !== rebuilt.policy || stored.conditionVersion !== rebuilt.conditionVersion
}

/** Whether another order of the same trades can explain the differences. */
export function isOfTapeOrder(differences: readonly FieldDifference[]): boolean {
  return differences.length > 0 && differences.every(({ field }) => OF_TAPE_ORDER.includes(field))
}

function textOf(value: unknown): string {
  if (value === undefined) return 'none'
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function namedDifferences(
  stored: Readonly<Record<string, unknown>>,
  rebuilt: Readonly<Record<string, unknown>>,
  ignored: ReadonlySet<string>,
  prefix: string
): FieldDifference[] {
  const found: FieldDifference[] = []
  const compare = (name: string): void => {
    if (ignored.has(name) || isSame(stored[name], rebuilt[name])) return
    const [before, after] = [textOf(stored[name]), textOf(rebuilt[name])]
    found.push({ field: `${prefix}${name}`, stored: before, rebuilt: after })
  }
  for (const name of Object.keys(rebuilt)) compare(name)
  for (const name of Object.keys(stored)) if (!(name in rebuilt)) compare(name)
  return found
}

/** Compares values of a document: numbers, texts, dates, and lists of them. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime()
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((value, i) => isSame(value, b[i]))
}

function partsOf({ exact }: BarDocument): Readonly<Record<string, unknown>> {
  return (exact ?? {}) as Readonly<Record<string, unknown>>
}

/** Names the sums; a sum of a later version is named by its number. */
function namedParts(bar: BarDocument): Readonly<Record<string, unknown>> {
  const { sums, ...rest } = partsOf(bar) as { readonly sums?: readonly unknown[] }
  const named = (sums ?? []).map((sum, i) => [ACCUMULATOR_SUMS[i] ?? `sum ${i}`, sum] as const)
  return { ...rest, ...Object.fromEntries(named) }
}

function asRecord(bar: BarDocument): Readonly<Record<string, unknown>> {
  return bar as unknown as Readonly<Record<string, unknown>>
}

/** A stored bar compared with the rebuilt one. */
export interface Comparison {
  readonly action: SwapAction
  /** Why the stored bar may be of other trades; null when it is proven to be of the same. */
  readonly doubt: string | null
  readonly differences: readonly FieldDifference[]
  /** The document of a swap; for `remove`, the stored one. */
  readonly document: BarDocument
  readonly stored: BarDocument | undefined
}

/** Bars compared before they are handed on. */
const BATCH = 1000
const NO_PROOF = 'no stored bar proves its trades'
const UNPROVEN_DATE = 'activity bars follow one another, and not all of this date are proven'

/**
 * Compares every bar of a timeframe of a date, and hands the comparisons to `visit` in batches, in no
 * order.
 * @returns how many bars are still open and were not compared
 * @throws DATABASE_UNREACHABLE
 */
export async function compareTimeframe(
  day: SymbolDay,
  timeframe: Timeframe,
  options: { readonly policy: ConditionPolicy; readonly latenessLimitMs: number },
  visit: (batch: readonly Comparison[]) => Promise<void>
): Promise<number> {
  const { policy, latenessLimitMs } = options
  const seen = new Set<string>()
  const activity: Comparison[] = []
  let open = 0
  const handOn = async (batch: readonly Comparison[]): Promise<void> => {
    if (isActivity(timeframe)) activity.push(...batch)
    else await visit(batch)
  }
  await day.eachStored(timeframe, async (batch) => {
    for (const { _id } of batch) seen.add(_id)
    const final = batch.filter(({ status }) => status !== 'provisional')
    open += batch.length - final.length
    await handOn(await Promise.all(final.map((stored) => compareStored(day, stored, policy))))
  })
  const missing: Comparison[] = []
  for (const [id, rebuilt] of await day.under(policy)) {
    if (rebuilt.bar.timeframe !== timeframe || seen.has(id)) continue
    const fresh = day.toDocument(rebuilt, policy)
    const finalMs = finalMsOf(fresh)
    if (!isReleased(day.state, finalMs)) {
      open++
      continue
    }
    const isComplete = isBeyondLateness(day.state, finalMs, latenessLimitMs)
    const doubt = isComplete || isActivity(timeframe) ? null : NO_PROOF
    missing.push(missingBar(day, fresh, doubt))
    if (missing.length === BATCH) await handOn(missing.splice(0))
  }
  await handOn(missing)
  if (activity.length > 0) {
    const isClosed = open === 0 && isReleased(day.state, day.date.endMs)
    await visit(
      isClosed && activity.every(({ doubt }) => doubt === null) ? activity : doubted(activity)
    )
  }
  return open
}

/** The stored bar as it was compared is kept beside the rebuilt one: it guards the swap. */
export function shadowOf({ action, doubt, document, stored }: Comparison): ShadowBarDocument {
  if (stored === undefined) return { ...document, reprocess: { action, doubt } }
  const { source, revision, updatedAt } = stored
  return { ...document, reprocess: { action, doubt, guard: { source, revision, updatedAt } } }
}

/**
 * The stored bar is proven to be of the same trades when a rebuild under its own policy equals it
 * exactly. Only then may the new bar replace it: the consumer continues from the same offset.
 */
async function compareStored(
  day: SymbolDay,
  stored: BarDocument,
  policy: ConditionPolicy
): Promise<Comparison> {
  const fresh = await day.documentOf(stored._id, policy)
  if (fresh === undefined) {
    const differences = [{ field: 'tradeCount', stored: String(stored.tradeCount), rebuilt: '0' }]
    return {
      action: 'remove',
      doubt: await doubtOf(day, stored),
      differences,
      document: stored,
      stored
    }
  }
  const differences = contentDifferences(stored, fresh)
  if (differences.length > 0) {
    const document = replacementOf(stored, fresh)
    return { action: 'replace', doubt: await doubtOf(day, stored), differences, document, stored }
  }
  const { policy: name, conditionVersion } = fresh
  const document = { ...stored, policy: name, conditionVersion }
  const action = isOfOtherRules(stored, fresh) ? 'label' : 'keep'
  return { action, doubt: null, differences, document, stored }
}

/** A bar that is not stored. The only offset known for it is the checkpoint's. */
function missingBar(day: SymbolDay, fresh: BarDocument, doubt: string | null): Comparison {
  const { log = '', epoch = 0, nextOffset: offset = 0 } = day.state ?? {}
  // Stored trades do not tell the places of an activity bar's trades on the partition.
  const places = isActivity(fresh.timeframe) ? { from: [-1, -1], through: [-1, -1] } : {}
  const document: BarDocument = {
    ...fresh,
    status: 'final',
    revisionCause: 'reprocessed',
    source: { log, epoch, offset },
    exact: { ...(fresh.exact as object), ...places }
  }
  const differences = [
    { field: 'tradeCount', stored: 'none', rebuilt: String(fresh.tradeCount) },
    { field: 'close', stored: 'none', rebuilt: String(fresh.close) }
  ]
  return { action: 'insert', doubt, differences, document, stored: undefined }
}

/** Activity bars follow one another: a doubt about one is a doubt about all of the date. */
function doubted(comparisons: readonly Comparison[]): Comparison[] {
  return comparisons.map((one) =>
    one.action === 'keep' ? one : { ...one, doubt: one.doubt ?? UNPROVEN_DATE }
  )
}

async function doubtOf(day: SymbolDay, stored: BarDocument): Promise<string | null> {
  const policy = policyOf(stored)
  if (policy === undefined) {
    return `it was made with version ${stored.conditionVersion} of the condition table, which is not kept`
  }
  const own = await day.documentOf(stored._id, policy)
  if (own !== undefined && contentDifferences(stored, own).length === 0) return null
  const count = own?.tradeCount ?? 0
  return `a rebuild under its own policy ${policy} differs (${stored.tradeCount} trades stored, ${count} found)`
}

/** The new content with the history of the stored bar; a change of content is a revision. */
function replacementOf(stored: BarDocument, fresh: BarDocument): BarDocument {
  const { lateVolume, gaps, from, through } = stored.exact as Readonly<Record<string, unknown>>
  const { gaps: _gaps, ...sums } = fresh.exact as Readonly<Record<string, unknown>>
  return {
    ...fresh,
    status: 'revised',
    revision: stored.revision + 1,
    revisionCause: 'reprocessed',
    lateCount: stored.lateCount,
    lateVolume: stored.lateVolume,
    coverage: stored.coverage,
    gapIds: stored.gapIds,
    source: stored.source,
    exact: {
      ...sums,
      ...(lateVolume !== undefined && { lateVolume }),
      ...(gaps !== undefined && { gaps }),
      ...(from !== undefined && { from }),
      ...(through !== undefined && { through })
    }
  }
}

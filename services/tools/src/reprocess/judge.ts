import { isActivity, type ConditionPolicy } from '@tapedeck/domain'
import type { BarDocument, ShadowBarDocument, SwapAction } from '@tapedeck/mongo'
import { contentDifferences, isOfOtherRules, type FieldDifference } from './compare.ts'
import { policyOf, type Day } from './day.ts'

/** What was found out about one bar. */
export interface Judged {
  readonly action: SwapAction
  /** Why the stored bar's trades are not known to be these; null when they are. */
  readonly doubt: string | null
  readonly differences: readonly FieldDifference[]
  /** What stands in the shadow, but for the notes of this run. */
  readonly document: BarDocument
}

/**
 * Compares a stored bar with the rebuilt one. The stored bar's trades are proven to be the same by
 * building it anew under its own policy: only if that equals it exactly may the new one take its place,
 * for then later records go on from the same offset.
 */
export function judgeStored(day: Day, stored: BarDocument, policy: ConditionPolicy): Judged {
  const fresh = day.documentOf(stored._id, policy)
  if (fresh === undefined) {
    const differences = [{ field: 'tradeCount', stored: String(stored.tradeCount), rebuilt: '0' }]
    return { action: 'remove', doubt: doubtOf(day, stored), differences, document: stored }
  }
  const differences = contentDifferences(stored, fresh)
  const { policy: name, conditionVersion } = fresh
  if (differences.length === 0) {
    const document = { ...stored, policy: name, conditionVersion }
    return {
      action: isOfOtherRules(stored, fresh) ? 'label' : 'keep',
      doubt: null,
      differences,
      document
    }
  }
  return {
    action: 'replace',
    doubt: doubtOf(day, stored),
    differences,
    document: replacementOf(stored, fresh)
  }
}

/** A bar that is not stored: from its records' offsets on nothing is known but the checkpoint's. */
export function judgeMissing(day: Day, fresh: BarDocument, doubt: string | null): Judged {
  const { log = '', epoch = 0, nextOffset: offset = 0 } = day.state ?? {}
  const document: BarDocument = {
    ...fresh,
    status: 'final',
    revisionCause: 'reprocessed',
    source: { log, epoch, offset },
    exact: { ...(fresh.exact as object), ...placesOf(fresh) }
  }
  const differences = [
    { field: 'tradeCount', stored: 'none', rebuilt: String(fresh.tradeCount) },
    { field: 'close', stored: 'none', rebuilt: String(fresh.close) }
  ]
  return { action: 'insert', doubt, differences, document }
}

export function shadowOf(
  { action, doubt, document }: Judged,
  stored: BarDocument | undefined
): ShadowBarDocument {
  if (stored === undefined) return { ...document, reprocess: { action, doubt } }
  const { source, revision, updatedAt } = stored
  return { ...document, reprocess: { action, doubt, guard: { source, revision, updatedAt } } }
}

function doubtOf(day: Day, stored: BarDocument): string | null {
  const policy = policyOf(stored)
  if (policy === undefined) {
    return `it was made by version ${stored.conditionVersion} of the condition table, which is gone`
  }
  const own = day.documentOf(stored._id, policy)
  const count = own === undefined ? 0 : own.tradeCount
  if (own !== undefined && contentDifferences(stored, own).length === 0) return null
  return `built anew under its own policy ${policy} it is another one (${stored.tradeCount} trades stored, ${count} found)`
}

/** The new content with the stored bar's history; a change of content is a revision. */
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

/** A counted bar's trades have places on the partition, which stored trades do not tell. */
function placesOf({ timeframe }: BarDocument): object {
  return !isActivity(timeframe) ? {} : { from: [-1, -1], through: [-1, -1] }
}

import { BAR_FIELDS, type BarFields } from '@tapedeck/domain'
import type { Document } from 'mongodb'

/**
 * What a final bar was before a revision: its fields that a revision may change, and since when it was so. Each bar keeps
 * the newest of them (docs/adr/0046-a-bar-keeps-what-it-was.md).
 */
export interface BarVersion extends Partial<BarFields> {
  /** When it was stored. */
  readonly since: Date
}

/** A bar with what it was before. */
export interface VersionedBar extends BarFields {
  /** When it was stored as it is now. */
  readonly updatedAt: Date
  /** The oldest first. Absent unless it was revised; `[]`: it was never final before. */
  readonly versions?: readonly BarVersion[]
}

/** Versions of a bar at most; one is about 700 bytes. The oldest are dropped first. */
const MOST_VERSIONS = 20

const CHANGEABLE = Object.entries(BAR_FIELDS)
  .filter(([, { origin }]) => origin === 'trades' || origin === 'history')
  .map(([name]) => name)
const WAS = {
  since: '$updatedAt',
  ...Object.fromEntries(CHANGEABLE.map((name) => [name, `$${name}`]))
}

/**
 * The `versions` of a bar that replaces the stored one, as an aggregation expression over that one; undefined for a bar that
 * was never revised. A write that is repeated adds nothing.
 */
export function versionsAfter({
  status,
  revision
}: Pick<BarFields, 'status' | 'revision'>): Document | undefined {
  if (status !== 'revised') return undefined
  const isNewer = { $lt: ['$revision', revision] }
  const same = { $ifNull: ['$versions', '$$REMOVE'] }
  return { $cond: [WAS_FINAL, { $cond: [isNewer, VERSIONS_WITH_STORED, same] }, []] }
}

const WAS_FINAL = { $in: ['$status', ['final', 'revised']] }
const KEPT = { $concatArrays: [{ $ifNull: ['$versions', []] }, [WAS]] }

/** The `versions` of a stored bar with itself, for one that replaces it once. */
export const VERSIONS_WITH_STORED = { $slice: [KEPT, -MOST_VERSIONS] }

/**
 * The bar as it was stored at a time; `none` before it was first final; `unknown` when it was final by then perhaps, but
 * what it was is not kept: it was revised before versions were kept, or too often since.
 */
export function barAsOf(bar: VersionedBar, atMs: number): BarFields | 'none' | 'unknown' {
  const { updatedAt, versions: found, ...now } = bar
  if (now.status === 'provisional') return 'none'
  if (updatedAt.getTime() <= atMs) return now
  const versions = Array.isArray(found) ? (found as readonly BarVersion[]) : undefined
  const was = versions?.findLast(({ since }) => since.getTime() <= atMs)
  if (was !== undefined) {
    const { since: _, ...fields } = was
    return { ...now, ...fields }
  }
  const first = versions === undefined ? now : versions[0]
  return first === undefined || first.status === 'final' ? 'none' : 'unknown'
}

import type { Session } from './sessions.ts'

export const CONDITION_POLICIES = ['feed', 'sip', 'all'] as const
export type ConditionPolicy = (typeof CONDITION_POLICIES)[number]
/** Rises when the table changes, so that stored results say by which rules they were made. */
export const CONDITION_TABLE_VERSION = 1

/** What a trade may do to a bar; a bit set. */
export const MAY = {
  /** set high and low */
  setHighLow: 1,
  /** set open and close */
  setLast: 2,
  /** count as volume */
  addVolume: 4,
  /** set open and close only while no other trade has (implied by setLast) */
  setLastIfNone: 8
} as const

const EVERYTHING = MAY.setHighLow | MAY.setLast | MAY.addVolume | MAY.setLastIfNone

/**
 * Finnhub's 41 condition codes: may set high/low, may set last, counts as volume. Y yes, N no,
 * c only while no last is set. 41 is a flag, not a sale condition, and neutral.
 * Source: Finnhub's condition sheet, cross-checked with the CTS and UTDF sale-condition tables.
 */
const TABLE = `
1 YYY  2 YYY  3 NNY  4 YYY  5 NNY  6 YYY  7 YYY  8 YYY  9 YcY 10 NNY 11 NNY 12 NNY 13 YYY 14 YYY
15 YYY 16 NNN 17 NNY 18 YYY 19 YYY 20 NNN 21 YcY 22 NNY 23 YYY 24 NNY 25 NNY 26 NNY 27 NNY 28 YYY
29 YYY 30 YcY 31 YYY 32 YcY 33 YYY 34 YYY 35 YYY 36 YYY 37 NNY 38 NNY 39 YYN 40 NNY 41 YYY`

const STRICT: ReadonlyMap<string, number> = new Map(
  [...TABLE.matchAll(/(\d+) ([YN])([YcN])([YN])/g)].map(([, code = '', hl, last, volume]) => [
    code,
    (hl === 'Y' ? MAY.setHighLow : 0) |
      (last === 'Y' ? MAY.setLast | MAY.setLastIfNone : last === 'c' ? MAY.setLastIfNone : 0) |
      (volume === 'Y' ? MAY.addVolume : 0)
  ])
)

const ODD_LOT = '12'
const EXTENDED_HOURS = '24'

/**
 * What a trade may do under a policy, as bits of MAY. Codes combine by AND; none means regular.
 *
 * `sip`: the table as it is; extended-hours trades (24) set prices only outside the regular session.
 * `feed`: the same, and odd lots (12) set prices too, since a free feed has little else.
 * `all`: every print does everything.
 * An unknown code sets no price but counts as volume; `onUnknown` is told.
 */
export function eligibilityOf(
  conditions: readonly string[] | null | undefined,
  policy: ConditionPolicy,
  session: Session,
  onUnknown?: (code: string) => void
): number {
  if (policy === 'all' || !conditions) return EVERYTHING
  let may: number = EVERYTHING
  for (const code of conditions) {
    if (code === EXTENDED_HOURS && session !== 'regular') continue
    if (code === ODD_LOT && policy === 'feed') continue
    const rule = STRICT.get(code)
    if (rule === undefined) {
      onUnknown?.(code)
      may &= MAY.addVolume
    } else may &= rule
  }
  return may
}

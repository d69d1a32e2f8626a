import table from './condition-table.json' with { type: 'json' }
import type { Session } from './sessions.ts'

export const CONDITION_POLICIES = ['feed', 'sip', 'all'] as const
export type ConditionPolicy = (typeof CONDITION_POLICIES)[number]
/**
 * Rises when the table changes, so that stored results name the rules by which they were made.
 * The table is data: condition-table.json.
 */
export const CONDITION_TABLE_VERSION = table.version

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

interface Row {
  readonly name: string
  /** Three letters: high/low, last, volume. Y yes, N no, c only while no last is set. */
  readonly may: string
}

const ROWS = new Map<string, Row>(Object.entries(table.codes))

const STRICT: ReadonlyMap<string, number> = new Map(
  [...ROWS].map(
    ([
      code,
      {
        may: [highLow, last, volume]
      }
    ]) => [
      code,
      (highLow === 'Y' ? MAY.setHighLow : 0) |
        (last === 'Y' ? MAY.setLast | MAY.setLastIfNone : last === 'c' ? MAY.setLastIfNone : 0) |
        (volume === 'Y' ? MAY.addVolume : 0)
    ]
  )
)

const ODD_LOT = '12'
const EXTENDED_HOURS = '24'

/**
 * What a trade may do under a policy, as bits of MAY. Codes combine by AND; none means regular.
 *
 * `sip`: the table as it is; extended-hours trades (24) set prices only outside the regular session.
 * `feed`: the same, and odd lots (12) set prices too, because a free feed has few other trades.
 * `all`: every print may do everything.
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
    const rule = ruleOf(code, policy, session)
    if (rule === undefined) {
      onUnknown?.(code)
      may &= MAY.addVolume
    } else may &= rule
  }
  return may
}

/** What one code allows; undefined for an unknown one. */
function ruleOf(code: string, policy: ConditionPolicy, session: Session): number | undefined {
  if (code === EXTENDED_HOURS && session !== 'regular') return EVERYTHING
  if (code === ODD_LOT && policy === 'feed') return EVERYTHING
  return STRICT.get(code)
}

/** What a trade may do, in words; stored with every trade. */
export function eligibilityText(eligibility: number): string {
  return TEXTS[eligibility] ?? textOf(eligibility)
}

function textOf(eligibility: number): string {
  if (eligibility === EVERYTHING) return 'price and volume'
  const parts = [
    (eligibility & MAY.setHighLow) !== 0 && 'high and low',
    (eligibility & MAY.setLast) !== 0
      ? 'open and close'
      : (eligibility & MAY.setLastIfNone) !== 0 && 'open and close if no other',
    (eligibility & MAY.addVolume) !== 0 && 'volume'
  ].filter((part) => part !== false)
  return parts.length === 0 ? 'nothing' : parts.join(', ')
}

/** By the bits of MAY. */
const TEXTS: readonly string[] = Array.from({ length: EVERYTHING + 1 }, (_, bits) => textOf(bits))

/** The name of a condition code, such as "odd lot"; the code itself when the table does not have it. */
function conditionName(code: string): string {
  return ROWS.get(code)?.name ?? `code ${code}`
}

/** A condition code that restricts a trade, in words. */
export interface HinderingRule {
  readonly code: string
  readonly name: string
  /** What the code does not allow the trade to do. */
  readonly hinders: string
}

/** The codes of a trade that restrict it under a policy, and in what. */
export function hinderingRules(
  conditions: readonly string[] | null | undefined,
  policy: ConditionPolicy,
  session: Session
): HinderingRule[] {
  if (policy === 'all' || !conditions) return []
  return conditions.flatMap((code) => {
    const rule = ruleOf(code, policy, session) ?? MAY.addVolume
    const lost = EVERYTHING & ~rule
    if (lost === 0) return []
    const hinders = [
      (lost & MAY.setHighLow) !== 0 && 'high and low',
      (lost & MAY.setLast) !== 0 &&
        ((rule & MAY.setLastIfNone) === 0 ? 'open and close' : 'open and close beside others'),
      (lost & MAY.addVolume) !== 0 && 'volume'
    ].filter((part) => part !== false)
    return [{ code, name: ROWS.get(code)?.name ?? 'unknown code', hinders: hinders.join(', ') }]
  })
}

/** The code of an ordinary trade. */
const REGULAR = '1'

/** The codes of a trade in words, without their explanations; empty for an ordinary trade. */
export function conditionText(conditions: readonly string[] | null): string {
  return (conditions ?? [])
    .filter((code) => code !== REGULAR)
    .map((code) => conditionName(code).replace(/ \(.+\)$/, ''))
    .join(', ')
}

import { assert } from '@tapedeck/core'
import {
  CONDITION_POLICIES,
  eligibilityOf,
  hinderingRules,
  type ConditionPolicy,
  type HinderingRule,
  type Session
} from '@tapedeck/domain'
import type { LateTradeDocument, TapeTrade } from '@tapedeck/mongo'

/** Why a trade of a bar's window is not in the bar. */
export type LeftOut = LateTradeDocument['reason'] | 'conditions'

/** What a trade does to a bar. */
export interface Verdict {
  /** Null: it is in the bar. */
  readonly leftOut: LeftOut | null
  /** What its conditions allow, as bits of MAY; also for an excluded trade. */
  readonly eligibility: number
  /** The condition codes that restrict it, and in what. */
  readonly rules: readonly HinderingRule[]
}

/** Codes come in few combinations; no more than this are cached. */
const MOST_REMEMBERED = 1000

/** `verdictOf` with a cache by conditions, session and exclusion: a day has 100 000s of trades. */
export function cachedVerdicts(policy: ConditionPolicy): (one: TapeTrade) => Verdict {
  const known = new Map<string, Verdict>()
  return (one) => {
    const { conditions, session } = one.trade
    const key = `${conditions?.join(' ') ?? ''}|${session}|${one.exclusion?.reason ?? ''}`
    let verdict = known.get(key)
    if (verdict === undefined) {
      verdict = verdictOf(one, policy)
      if (known.size < MOST_REMEMBERED) known.set(key, verdict)
    }
    return verdict
  }
}

/** What a trade does to a bar under the bar's policy, as the consumer decided it. */
export function verdictOf({ trade, exclusion }: TapeTrade, policy: ConditionPolicy): Verdict {
  const session = trade.session as Session
  const eligibility = eligibilityOf(trade.conditions, policy, session)
  return {
    leftOut: exclusion?.reason ?? (eligibility === 0 ? 'conditions' : null),
    eligibility,
    rules: hinderingRules(trade.conditions, policy, session)
  }
}

/** The policy under which a bar was made. */
export function policyOf({ policy }: { readonly policy: string }): ConditionPolicy {
  const known = CONDITION_POLICIES.find((one) => one === policy)
  assert(
    known !== undefined,
    `a bar is of policy '${policy}', expected ${CONDITION_POLICIES.join(', ')}`
  )
  return known
}

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

/** What a trade is to a bar. */
export interface Verdict {
  /** Null: it is in the bar. */
  readonly leftOut: LeftOut | null
  /** What it may do, as bits of MAY; also of a trade that is left out. */
  readonly eligibility: number
  /** Its codes that keep it from something, and from what. */
  readonly rules: readonly HinderingRule[]
}

/** Codes come in few combinations; more than this are not remembered. */
const MOST_REMEMBERED = 1000

/** Judges trades like `judge`, and remembers what it said of the same codes: a day has 100 000s of trades. */
export function rememberingJudge(policy: ConditionPolicy): (one: TapeTrade) => Verdict {
  const known = new Map<string, Verdict>()
  return (one) => {
    const { conditions, session } = one.trade
    const key = `${conditions?.join(' ') ?? ''}|${session}|${one.exclusion?.reason ?? ''}`
    let verdict = known.get(key)
    if (verdict === undefined) {
      verdict = judge(one, policy)
      if (known.size < MOST_REMEMBERED) known.set(key, verdict)
    }
    return verdict
  }
}

/** Judges a trade by the policy of its bar, as the consumer did. */
export function judge({ trade, exclusion }: TapeTrade, policy: ConditionPolicy): Verdict {
  const session = trade.session as Session
  const eligibility = eligibilityOf(trade.conditions, policy, session)
  return {
    leftOut: exclusion?.reason ?? (eligibility === 0 ? 'conditions' : null),
    eligibility,
    rules: hinderingRules(trade.conditions, policy, session)
  }
}

/** The policy a bar was made by. */
export function policyOf({ policy }: { readonly policy: string }): ConditionPolicy {
  const known = CONDITION_POLICIES.find((one) => one === policy)
  assert(
    known !== undefined,
    `a bar is of policy '${policy}', expected ${CONDITION_POLICIES.join(', ')}`
  )
  return known
}

import { assert } from '@tapedeck/core'
import {
  BAR_FIELDS,
  BarAccumulator,
  CONDITION_POLICIES,
  CONDITION_TABLE_VERSION,
  eligibilityOf,
  hinderingRules,
  MAY,
  precedes,
  type BarFieldKind,
  type BarFields,
  type ConditionPolicy,
  type HinderingRule,
  type Print,
  type Session
} from '@tapedeck/domain'
import type { LateTradeDocument, TapeTrade } from '@tapedeck/mongo'

type Role = 'open' | 'high' | 'low' | 'close'

/** How often a rule applied. */
interface RuleCount extends HinderingRule {
  readonly trades: number
}

interface BarCounts {
  /** Trades of the window, included and excluded. */
  readonly trades: number
  readonly in: number
  readonly out: number
  /** Included trades that no rule restricts. */
  readonly unhindered: number
  readonly rules: readonly RuleCount[]
  readonly leftOut: readonly { readonly reason: LeftOut; readonly trades: number }[]
  /** False: the window has more trades, and every number is a lower bound. */
  readonly isComplete: boolean
}

/** The check of a bar whose trades were only partly counted. */
interface NotChecked {
  readonly isEqual: null
  readonly text: string
  readonly fields: readonly []
}

export interface BarSummary {
  readonly counts: BarCounts
  readonly check: BarCheck | NotChecked
  /** The prices that this trade set. After an incomplete count only the open is known. */
  rolesOf(print: Print): readonly Role[]
}

/**
 * Recomputes a bar from its trades with the consumer's own accumulator. Every sum is exact, so the result
 * equals the stored bar in every digit or not at all.
 */
export class BarAccount {
  readonly #bar: BarFields
  readonly #verdictOf: (one: TapeTrade) => Verdict
  readonly #accumulator = new BarAccumulator()
  #high: Print | undefined
  #low: Print | undefined
  #trades = 0
  #unhindered = 0
  readonly #rules = new Map<string, HinderingRule & { trades: number }>()
  readonly #leftOut = new Map<LeftOut, number>()

  constructor(bar: BarFields) {
    this.#bar = bar
    this.#verdictOf = cachedVerdicts(policyOf(bar))
  }

  take(one: TapeTrade): void {
    this.#trades++
    const { leftOut, eligibility, rules } = this.#verdictOf(one)
    for (const rule of rules) {
      const known = this.#rules.get(rule.code)
      if (known === undefined) this.#rules.set(rule.code, { ...rule, trades: 1 })
      else known.trades++
    }
    if (leftOut !== null) {
      this.#leftOut.set(leftOut, (this.#leftOut.get(leftOut) ?? 0) + 1)
      return
    }
    if (rules.length === 0) this.#unhindered++
    const { print, trade } = one
    // No direction here: the tick rule needs the tape before the window.
    this.#accumulator.add({
      ...print,
      size: trade.size,
      eligibility,
      session: trade.session as Session,
      feed: trade.feed,
      direction: 0,
      squaredReturn: 0
    })
    if ((eligibility & MAY.setHighLow) === 0) return
    const [high, low] = [this.#high, this.#low]
    if (high === undefined || print.price > high.price || isEarlier(print, high)) this.#high = print
    if (low === undefined || print.price < low.price || isEarlier(print, low)) this.#low = print
  }

  /** @param isComplete whether every trade was counted; if not, only the first ones were */
  summary(isComplete: boolean): BarSummary {
    const leftOut = [...this.#leftOut].map(([reason, trades]) => ({ reason, trades }))
    const out = leftOut.reduce((sum, { trades }) => sum + trades, 0)
    const { first, last, fallback } = this.#accumulator.exactParts()
    const open: Setter = ['open', storedKey(isComplete ? (first ?? fallback) : first)]
    const setters: readonly Setter[] = [
      open,
      ['high', keyOf(this.#high)],
      ['low', keyOf(this.#low)],
      ['close', storedKey(last ?? fallback)]
    ]
    const known = isComplete ? setters : [open]
    return {
      counts: {
        trades: this.#trades,
        in: this.#trades - out,
        out,
        unhindered: this.#unhindered,
        rules: [...this.#rules.values()].toSorted((a, b) => b.trades - a.trades),
        leftOut: leftOut.toSorted((a, b) => b.trades - a.trades),
        isComplete
      },
      check: isComplete ? checkOf(this.#bar, this.#accumulator) : this.#notChecked(),
      rolesOf: (print) => known.filter(([, key]) => key === keyOf(print)).map(([role]) => role)
    }
  }

  #notChecked(): NotChecked {
    const text =
      `not checked: its ${this.#bar.tradeCount} trades take longer to count than a request may; ` +
      `the first ${this.#trades} of its window were counted`
    return { isEqual: null, text, fields: [] }
  }
}

type Setter = readonly [Role, string | undefined]

/** Of equal prices, the first on the tape is the high or low. */
function isEarlier(print: Print, than: Print): boolean {
  return print.price === than.price && precedes(print, than)
}

function keyOf(print: Print | undefined): string | undefined {
  return print === undefined ? undefined : `${print.connection} ${print.sequence}`
}

function storedKey(print: ReturnType<BarAccumulator['exactParts']>['first']): string | undefined {
  return print === null ? undefined : `${print[1]} ${print[2]}`
}

/** Why a trade of a bar's window is not in the bar. */
type LeftOut = LateTradeDocument['reason'] | 'conditions'

/** What a trade does to a bar. */
interface Verdict {
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
function cachedVerdicts(policy: ConditionPolicy): (one: TapeTrade) => Verdict {
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

/** One value of a bar beside the same value recomputed from its trades. */
interface CheckedField {
  readonly field: string
  readonly bar: number | null
  readonly trades: number | null
  readonly isEqual: boolean
}

/** Whether the listed trades give the stored bar. */
interface BarCheck {
  readonly isEqual: boolean
  readonly text: string
  readonly fields: readonly CheckedField[]
}

/** Returns are not compared: they follow from the prices. */
const CHECKED_KINDS: readonly BarFieldKind[] = ['price', 'amount', 'count', 'time']

/** Compares a bar with the accumulator of its trades, digit by digit; pure. */
function checkOf(bar: BarFields, accumulator: BarAccumulator): BarCheck {
  const fields: CheckedField[] = []
  for (const [field, { origin, kind, sumInTapeOrder, of }] of Object.entries(BAR_FIELDS)) {
    // Values of the tape order need the trades before the window.
    if (origin !== 'trades' || sumInTapeOrder !== undefined || !CHECKED_KINDS.includes(kind))
      continue
    const stored = numberOf(bar[field as keyof BarFields])
    const counted = numberOf(of({ accumulator }))
    fields.push({ field, bar: stored, trades: counted, isEqual: stored === counted })
  }
  const isEqual = fields.every((one) => one.isEqual)
  return { isEqual, text: textOf(bar, fields, isEqual), fields }
}

/** Times in epoch ms; null for the time of a trade that does not exist. */
function numberOf(value: unknown): number | null {
  const number = value instanceof Date ? value.getTime() : value
  return typeof number === 'number' && !Number.isNaN(number) ? number : null
}

function textOf(bar: BarFields, fields: readonly CheckedField[], isEqual: boolean): string {
  if (isEqual) return `these ${bar.tradeCount} trades give exactly this bar`
  const found = fields.find(({ field }) => field === 'tradeCount')?.trades ?? 0
  if (bar.status === 'provisional') {
    return 'not equal at this moment, which is normal: the bar is provisional and is stored a moment after its trades'
  }
  if (found < bar.tradeCount) {
    return `only ${found} of the bar's ${bar.tradeCount} trades are stored: older ones may have been removed (TRADES_TTL)`
  }
  if (bar.conditionVersion !== CONDITION_TABLE_VERSION) {
    return `the bar was made by version ${bar.conditionVersion} of the condition table, these trades are evaluated by version ${CONDITION_TABLE_VERSION}`
  }
  const other = fields.filter((one) => !one.isEqual).map(({ field }) => field)
  return `the stored trades give another bar: ${other.join(', ')}`
}

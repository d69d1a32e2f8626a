import {
  MAY,
  precedes,
  BarAccumulator,
  type BarFields,
  type HinderingRule,
  type Print,
  type Session
} from '@tapedeck/domain'
import type { TapeTrade } from '@tapedeck/mongo'
import { checkOf, type BarCheck } from './bar-check.ts'
import { cachedVerdicts, policyOf, type LeftOut, type Verdict } from './bar-verdict.ts'

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
export interface NotChecked {
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

import { isActivity, CONDITION_POLICIES, tradeId, tradePlace } from '@tapedeck/domain'
import type { BarDocument, StoredTrade } from '@tapedeck/mongo'
import { contentDifferences, isOfTapeOrder, type FieldDifference } from './compare.ts'
import type { Day } from './day.ts'

/** A trade that a bar names but that is not among the stored ones. */
export interface NamedTrade {
  readonly id: string
  readonly tMs: number
  readonly price: number
}

export interface Explanation {
  readonly text: string
  /** Ids of the trades involved, as far as they can be found out. */
  readonly trades: readonly string[]
}

/** Ids shown at most. */
const SHOWN = 5

/** Knows the trades of one day, to say which of them a wrong bar has too many or too few. */
export class Explainer {
  readonly #day: Day
  readonly #ids: ReadonlySet<string>

  constructor(day: Day) {
    this.#day = day
    this.#ids = new Set(day.slice.trades.map(tradeId))
  }

  /** The trades that a stored bar names (first, last) and that are in none of the day's bars. */
  strangers({ exact }: BarDocument): NamedTrade[] {
    const { first, last, fallback } = (exact ?? {}) as Readonly<Record<string, unknown>>
    return [first, last, fallback]
      .map(namedTrade)
      .filter((one) => one !== undefined && !this.#ids.has(one.id))
      .filter((one) => one !== undefined)
  }

  /** Why a stored bar is not the one that its trades give; `strangers` are those of all of the day. */
  ofDifferent(
    stored: BarDocument,
    expected: BarDocument,
    differences: readonly FieldDifference[],
    strangers: readonly NamedTrade[]
  ): Explanation {
    const other = CONDITION_POLICIES.find((policy) => {
      if (policy === stored.policy) return false
      const bar = this.#day.documentOf(stored._id, policy)
      return bar !== undefined && contentDifferences(stored, bar).length === 0
    })
    if (other !== undefined) {
      return {
        text: `it was made under policy ${other} though it says ${stored.policy}`,
        trades: []
      }
    }
    if (isOfTapeOrder(differences)) return this.#ofTapeOrder(stored, strangers)
    if (isActivity(stored.timeframe) && strangers.length > 0) return ofSuccession(strangers)
    const surplus = stored.tradeCount - expected.tradeCount
    if (surplus > 0)
      return this.#ofSurplus(stored, surplus, stored.volume - expected.volume, strangers)
    if (surplus < 0) return this.#ofLack(stored, -surplus, expected.volume - stored.volume)
    return { text: 'as many trades, other values: the document or a trade was changed', trades: [] }
  }

  /** Why there is a bar without a trade. */
  ofUnexpected(stored: BarDocument, strangers: readonly NamedTrade[]): Explanation {
    if (isActivity(stored.timeframe) && strangers.length > 0) return ofSuccession(strangers)
    return this.#ofSurplus(stored, stored.tradeCount, stored.volume, strangers)
  }

  /** Why there is no bar. */
  ofMissing(expected: BarDocument, strangers: readonly NamedTrade[]): Explanation {
    if (isActivity(expected.timeframe) && strangers.length > 0) return ofSuccession(strangers)
    return {
      text: `${expected.tradeCount} trades are in no bar; was ${expected.timeframe} in TIMEFRAMES then?`,
      trades: this.#within(expected).slice(0, SHOWN).map(tradeId)
    }
  }

  #ofTapeOrder(bar: BarDocument, strangers: readonly NamedTrade[]): Explanation {
    if (strangers.length > 0) {
      return {
        text: `only moves from one price to the next differ: ${idsOf(strangers).join(', ')} is not there to be moved from`,
        trades: idsOf(strangers)
      }
    }
    const first = this.#day.slice.trades[0]
    const isFirst = first !== undefined && isWithin(bar, first.tMs)
    return {
      text: isFirst
        ? 'only moves from one price to the next differ: the trades before the date are not those of then'
        : 'only what follows the order of the tape differs: two connections were under way at once; ' +
          'npm run reprocess -- --source topic knows the order',
      trades: []
    }
  }

  #ofSurplus(
    bar: BarDocument,
    count: number,
    volume: number,
    strangers: readonly NamedTrade[]
  ): Explanation {
    const aside = [...this.#day.slice.aside].filter(([, { trade }]) => isWithin(bar, trade.tMs))
    const inIt = aside.filter(([, { trade }]) => count > 1 || isClose(trade.size, volume))
    const [one] = inIt
    if (one !== undefined) {
      const [, { reason }] = one
      const trades = inIt.slice(0, SHOWN).map(([id]) => id)
      return {
        text: `it holds ${trades.join(', ')}, kept aside in late_trades as ${reason}`,
        trades
      }
    }
    const gone = strangers.filter(({ tMs }) => isWithin(bar, tMs))
    const trades = idsOf(gone)
    const names = trades.length === 0 ? '' : `: ${trades.join(', ')}`
    return { text: `it holds ${count} trades that are not stored${names}`, trades }
  }

  #ofLack(bar: BarDocument, count: number, volume: number): Explanation {
    const within = this.#within(bar)
    const likely = count === 1 ? within.filter(({ size }) => isClose(size, volume)) : []
    const trades = likely.slice(0, SHOWN).map(tradeId)
    const names = trades.length === 0 ? '' : `: ${trades.join(' or ')}`
    return { text: `it lacks ${count} stored trades${names}`, trades }
  }

  #within(bar: BarDocument): StoredTrade[] {
    if (isActivity(bar.timeframe)) return []
    return this.#day.slice.trades.filter(({ tMs }) => isWithin(bar, tMs))
  }
}

/** Counted bars follow one another: where one has another trade, the next begin elsewhere. */
function ofSuccession(strangers: readonly NamedTrade[]): Explanation {
  const trades = idsOf(strangers)
  return { text: `bars of that many trades begin elsewhere without ${trades.join(', ')}`, trades }
}

function idsOf(trades: readonly NamedTrade[]): string[] {
  return [...new Set(trades.map(({ id }) => id))].slice(0, SHOWN)
}

function isWithin({ start, end, timeframe }: BarDocument, tMs: number): boolean {
  return tMs >= start.getTime() && (tMs < end.getTime() || isActivity(timeframe))
}

/** Volumes are compared as doubles of exact sums. */
function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a))
}

function namedTrade(print: unknown): NamedTrade | undefined {
  if (!Array.isArray(print)) return undefined
  const [tMs, connection, sequence, price] = print as [number, string, number, number]
  return { id: tradeId(tradePlace(connection, sequence)), tMs, price }
}

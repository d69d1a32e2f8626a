import { CONDITION_POLICIES, isActivity, tradeId, tradePlace } from '@tapedeck/domain'
import type { BarDocument, StoredTrade } from '@tapedeck/mongo'
import { contentDifferences, isOfTapeOrder, type FieldDifference } from '../reprocess/compare.ts'
import type { SymbolDay } from '../reprocess/symbol-day.ts'

/** A trade that a bar names and that is not stored. */
export interface ReferencedTrade {
  readonly id: string
  readonly tMs: number
  readonly price: number
}

export interface Explanation {
  readonly text: string
  /** Ids of the trades that cause the difference, as far as they are known. */
  readonly trades: readonly string[]
}

/** Ids in one explanation at most. */
const SHOWN = 5

/** Finds the trades of a date that a bar lacks, or holds although it should not. */
export class Explainer {
  readonly #day: SymbolDay
  readonly #ids: ReadonlySet<string>

  constructor(day: SymbolDay) {
    this.#day = day
    this.#ids = new Set(day.slice.trades.map(tradeId))
  }

  /** The trades that a stored bar names, such as its first and last, and that are not stored. */
  unstored({ exact }: BarDocument): ReferencedTrade[] {
    const { first, last, fallback } = (exact ?? {}) as Readonly<Record<string, unknown>>
    return [first, last, fallback]
      .map(referencedTrade)
      .filter((one) => one !== undefined && !this.#ids.has(one.id))
      .filter((one) => one !== undefined)
  }

  /** Why a stored bar differs from the rebuilt one; `unstored` are those of every bar of the date. */
  async ofDifferent(
    stored: BarDocument,
    expected: BarDocument,
    differences: readonly FieldDifference[],
    unstored: readonly ReferencedTrade[]
  ): Promise<Explanation> {
    for (const policy of CONDITION_POLICIES.filter((one) => one !== stored.policy)) {
      const bar = await this.#day.documentOf(stored._id, policy)
      if (bar === undefined || contentDifferences(stored, bar).length > 0) continue
      return {
        text: `it was made under policy ${policy}, but it names ${stored.policy}`,
        trades: []
      }
    }
    if (isOfTapeOrder(differences)) return this.#ofTapeOrder(stored, unstored)
    if (isActivity(stored.timeframe) && unstored.length > 0) return ofSequence(unstored)
    const surplus = stored.tradeCount - expected.tradeCount
    if (surplus > 0)
      return this.#ofSurplus(stored, surplus, stored.volume - expected.volume, unstored)
    if (surplus < 0) return this.#ofLack(stored, -surplus, expected.volume - stored.volume)
    return { text: 'as many trades, other values: the document or a trade was changed', trades: [] }
  }

  /** Why a bar without trades is stored. */
  ofUnexpected(stored: BarDocument, unstored: readonly ReferencedTrade[]): Explanation {
    if (isActivity(stored.timeframe) && unstored.length > 0) return ofSequence(unstored)
    return this.#ofSurplus(stored, stored.tradeCount, stored.volume, unstored)
  }

  /** Why a bar is not stored. */
  ofMissing(expected: BarDocument, unstored: readonly ReferencedTrade[]): Explanation {
    if (isActivity(expected.timeframe) && unstored.length > 0) return ofSequence(unstored)
    return {
      text: `${expected.tradeCount} trades are in no bar; was ${expected.timeframe} in TIMEFRAMES then?`,
      trades: this.#within(expected).slice(0, SHOWN).map(tradeId)
    }
  }

  #ofTapeOrder(bar: BarDocument, unstored: readonly ReferencedTrade[]): Explanation {
    if (unstored.length > 0) {
      return {
        text: `only moves from one price to the next differ: ${idsOf(unstored).join(', ')} before them is not stored`,
        trades: idsOf(unstored)
      }
    }
    const first = this.#day.slice.trades[0]
    const isFirst = first !== undefined && isWithin(bar, first.tMs)
    return {
      text: isFirst
        ? 'only moves from one price to the next differ: the trades before the date were changed'
        : 'only what depends on tape order differs: the trades of two connections alternate on the topic; ' +
          'npm run reprocess -- --source topic uses that order',
      trades: []
    }
  }

  #ofSurplus(
    bar: BarDocument,
    count: number,
    volume: number,
    unstored: readonly ReferencedTrade[]
  ): Explanation {
    const excluded = [...this.#day.slice.excluded].filter(([, { trade }]) =>
      isWithin(bar, trade.tMs)
    )
    const held = excluded.filter(([, { trade }]) => count > 1 || isClose(trade.size, volume))
    const [one] = held
    if (one !== undefined) {
      const [, { reason }] = one
      const trades = held.slice(0, SHOWN).map(([id]) => id)
      return {
        text: `it holds ${trades.join(', ')}, listed in late_trades as ${reason}`,
        trades
      }
    }
    const trades = idsOf(unstored.filter(({ tMs }) => isWithin(bar, tMs)))
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

/** Activity bars follow one another: a trade more in one moves the start of all later ones. */
function ofSequence(unstored: readonly ReferencedTrade[]): Explanation {
  const trades = idsOf(unstored)
  return { text: `activity bars start at other trades without ${trades.join(', ')}`, trades }
}

function idsOf(trades: readonly ReferencedTrade[]): string[] {
  return [...new Set(trades.map(({ id }) => id))].slice(0, SHOWN)
}

function isWithin({ start, end, timeframe }: BarDocument, tMs: number): boolean {
  return tMs >= start.getTime() && (tMs < end.getTime() || isActivity(timeframe))
}

/** Volumes are doubles rounded from exact sums. */
function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a))
}

function referencedTrade(print: unknown): ReferencedTrade | undefined {
  if (!Array.isArray(print)) return undefined
  const [tMs, connection, sequence, price] = print as [number, string, number, number]
  return { id: tradeId(tradePlace(connection, sequence)), tMs, price }
}

import { MAY } from './conditions.ts'
import { ExactSum, ExactSums, type StoredSum } from './exact-sum.ts'
import {
  earlier,
  later,
  precedes,
  printOf,
  storedPrint,
  type Print,
  type StoredPrint
} from './print.ts'
import type { Session } from './sessions.ts'

/** The sums of a accumulator in their stored order. */
export const ACCUMULATOR_SUMS = [
  'volume',
  'notional',
  'vwapVolume',
  'prices',
  'squares',
  'squaredReturns',
  'upVolume',
  'downVolume',
  'unchangedVolume'
] as const
const VOLUME = ACCUMULATOR_SUMS.indexOf('volume')
const NOTIONAL = ACCUMULATOR_SUMS.indexOf('notional')
const VWAP_VOLUME = ACCUMULATOR_SUMS.indexOf('vwapVolume')
const PRICES = ACCUMULATOR_SUMS.indexOf('prices')
const SQUARES = ACCUMULATOR_SUMS.indexOf('squares')
const SQUARED_RETURNS = ACCUMULATOR_SUMS.indexOf('squaredReturns')
const UP = ACCUMULATOR_SUMS.indexOf('upVolume')
const DOWN = ACCUMULATOR_SUMS.indexOf('downVolume')
const UNCHANGED = ACCUMULATOR_SUMS.indexOf('unchangedVolume')

/** What a stored bar needs beside its readable fields to be taken up again exactly. */
export interface ExactParts {
  /** The sums in the order of their names above. */
  readonly sums: readonly StoredSum[]
  /** Trades that set the price. */
  readonly priceCount: number
  readonly first: StoredPrint | null
  readonly last: StoredPrint | null
  readonly fallback: StoredPrint | null
}

/** All of a accumulator, as it stands in the store. */
export interface StoredAccumulator extends ExactParts {
  readonly high: number | null
  readonly low: number | null
  readonly tradeCount: number
  readonly firstTradeMs: number
  readonly lastTradeMs: number
  readonly session: Session | 'mixed'
  readonly feed: string
}

/** One trade as the accumulator takes it. */
export interface BarTrade extends Print {
  readonly size: number
  /** Bits of MAY. */
  readonly eligibility: number
  readonly session: Session
  readonly feed: string
  /** By the tick rule: 1 up, -1 down, 0 unchanged or unknown; see TickRule. */
  readonly direction: number
  /** Squared log return from the price before on the tape, in units of 1e-8; 0 for the first. */
  readonly squaredReturn: number
}

/** Squared returns are summed in units of 1e-8, which makes the sum's own unit 1e-16. */
export const RETURN_SCALE = 1e8
const UNIT_SQUARED = 1e48

/**
 * Trades of one symbol in one window, reduced to exact sums and extremes.
 *
 * Adding trades and merging tallies is commutative and associative: open and close follow
 * (time, producer's order), and sums never round. So any order of arrival, any split and any batch
 * boundary give the same accumulator. Ratios such as the VWAP are derived on read. Mutable on purpose:
 * one is touched for every trade.
 */
export class BarAccumulator {
  /** By their place in ACCUMULATOR_SUMS. */
  readonly #sums = new ExactSums(ACCUMULATOR_SUMS.length)
  #priceCount = 0
  #first: Print | undefined
  #last: Print | undefined
  /** Earliest trade that may set the price only while no other does. */
  #fallback: Print | undefined
  #high = -Infinity
  #low = Infinity
  #tradeCount = 0
  #firstTradeMs = Infinity
  #lastTradeMs = -Infinity
  #session: Session | 'mixed' | undefined
  #feed: string | undefined

  constructor(stored?: StoredAccumulator) {
    if (stored === undefined) return
    stored.sums.forEach((sum, index) => {
      this.#sums.set(index, sum)
    })
    this.#priceCount = stored.priceCount
    this.#first = printOf(stored.first)
    this.#last = printOf(stored.last)
    this.#fallback = printOf(stored.fallback)
    this.#high = stored.high ?? -Infinity
    this.#low = stored.low ?? Infinity
    this.#tradeCount = stored.tradeCount
    this.#firstTradeMs = stored.firstTradeMs
    this.#lastTradeMs = stored.lastTradeMs
    this.#session = stored.session
    this.#feed = stored.feed
  }

  add(trade: BarTrade): void {
    const { eligibility, price, size, tMs } = trade
    const sums = this.#sums
    if ((eligibility & MAY.setHighLow) !== 0) {
      if (price > this.#high) this.#high = price
      if (price < this.#low) this.#low = price
    }
    if ((eligibility & MAY.setLast) !== 0) {
      if (this.#first === undefined || precedes(trade, this.#first)) this.#first = trade
      if (this.#last === undefined || precedes(this.#last, trade)) this.#last = trade
      this.#priceCount++
      sums.add(PRICES, price)
      sums.addProduct(SQUARES, price, price)
      if (trade.squaredReturn !== 0) sums.add(SQUARED_RETURNS, trade.squaredReturn)
    } else if ((eligibility & MAY.setLastIfNone) !== 0) {
      if (this.#fallback === undefined || precedes(trade, this.#fallback)) this.#fallback = trade
    }
    if ((eligibility & MAY.addVolume) !== 0) {
      sums.add(VOLUME, size)
      if ((eligibility & MAY.setLast) !== 0) {
        sums.addProduct(NOTIONAL, price, size)
        sums.add(VWAP_VOLUME, size)
        const { direction } = trade
        sums.add(direction > 0 ? UP : direction < 0 ? DOWN : UNCHANGED, size)
      }
    }
    this.#tradeCount++
    if (tMs < this.#firstTradeMs) this.#firstTradeMs = tMs
    if (tMs > this.#lastTradeMs) this.#lastTradeMs = tMs
    this.#mix(trade.session, trade.feed)
  }

  merge(other: BarAccumulator): void {
    this.#sums.merge(other.#sums)
    this.#priceCount += other.#priceCount
    this.#first = earlier(this.#first, other.#first)
    this.#last = later(this.#last, other.#last)
    this.#fallback = earlier(this.#fallback, other.#fallback)
    this.#high = Math.max(this.#high, other.#high)
    this.#low = Math.min(this.#low, other.#low)
    this.#tradeCount += other.#tradeCount
    this.#firstTradeMs = Math.min(this.#firstTradeMs, other.#firstTradeMs)
    this.#lastTradeMs = Math.max(this.#lastTradeMs, other.#lastTradeMs)
    if (other.#session !== undefined && other.#feed !== undefined) {
      this.#mix(other.#session, other.#feed)
    }
  }

  get volume(): number {
    return this.#sums.toNumber(VOLUME)
  }

  /** The volume as a sum that others can be added to. */
  get exactVolume(): ExactSum {
    const sum = new ExactSum()
    sum.set(this.#sums.toStored(VOLUME))
    return sum
  }

  /** Sum of price x size over the trades that set the price and count as volume. */
  get notional(): number {
    return this.#sums.toNumber(NOTIONAL)
  }

  /** Volume by the way its trade moved the price, inferred by the tick rule. */
  get upVolume(): number {
    return this.#sums.toNumber(UP)
  }

  get downVolume(): number {
    return this.#sums.toNumber(DOWN)
  }

  get unchangedVolume(): number {
    return this.#sums.toNumber(UNCHANGED)
  }

  get open(): number | null {
    return (this.#first ?? this.#fallback)?.price ?? null
  }

  get close(): number | null {
    return (this.#last ?? this.#fallback)?.price ?? null
  }

  /** A trade that sets open or close but not the high and low still bounds neither. */
  get high(): number | null {
    return this.#high === -Infinity ? null : this.#high
  }

  get low(): number | null {
    return this.#low === Infinity ? null : this.#low
  }

  /** Sum of price x size over sum of size; null when nothing with volume set a price. */
  get vwap(): number | null {
    return this.#sums.isZero(VWAP_VOLUME) ? null : this.notional / this.#sums.toNumber(VWAP_VOLUME)
  }

  /** Mean of the prices that set the price, each trade counting once; null without one. */
  get meanPrice(): number | null {
    return this.#priceCount === 0 ? null : this.#sums.toNumber(PRICES) / this.#priceCount
  }

  /**
   * Standard deviation of those prices (of the population: divided by n). From exact sums, so that
   * n Σp² - (Σp)² loses nothing to cancellation, at any price.
   */
  get sdPrice(): number | null {
    if (this.#priceCount === 0) return null
    if (this.#priceCount === 1) return 0
    const sum = this.#sums.units(PRICES)
    const scatter = BigInt(this.#priceCount) * this.#sums.units(SQUARES) * 10n ** 24n - sum * sum
    return Math.sqrt(Number(scatter) / UNIT_SQUARED) / this.#priceCount
  }

  /** ln(close / open); null without a price. */
  get logReturn(): number | null {
    return this.open === null || this.close === null ? null : Math.log(this.close / this.open)
  }

  /**
   * Square root of the summed squared log returns from print to print on the tape, not annualised.
   * Source: Andersen, Bollerslev, Diebold & Labys (2003), realised volatility.
   */
  get realisedVolatility(): number | null {
    return this.#priceCount === 0
      ? null
      : Math.sqrt(this.#sums.toNumber(SQUARED_RETURNS) / RETURN_SCALE)
  }

  get tradeCount(): number {
    return this.#tradeCount
  }

  get firstTradeMs(): number {
    return this.#firstTradeMs
  }

  get lastTradeMs(): number {
    return this.#lastTradeMs
  }

  get session(): Session | 'mixed' {
    return this.#session ?? 'mixed'
  }

  get feed(): string {
    return this.#feed ?? 'mixed'
  }

  exactParts(): ExactParts {
    return {
      sums: ACCUMULATOR_SUMS.map((_, index) => this.#sums.toStored(index)),
      priceCount: this.#priceCount,
      first: storedPrint(this.#first),
      last: storedPrint(this.#last),
      fallback: storedPrint(this.#fallback)
    }
  }

  #mix(session: Session | 'mixed', feed: string): void {
    if (this.#session !== session) this.#session = this.#session === undefined ? session : 'mixed'
    if (this.#feed !== feed) this.#feed = this.#feed === undefined ? feed : 'mixed'
  }
}

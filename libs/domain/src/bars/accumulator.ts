import { MAY } from '../conditions.ts'
import type { Session } from '../sessions.ts'
import { ExactSum, ExactSums, nearestDouble, type StoredSum } from './exact-sum.ts'

/** A price with its place on the tape: by time, then by the producer's order. */
export interface Print {
  readonly tMs: number
  /** Connection ids ascend as text. */
  readonly connection: string
  /** Frame x MAX_FRAME_INDEX + index in the frame. */
  readonly sequence: number
  readonly price: number
}

type StoredPrint = readonly [tMs: number, connection: string, sequence: number, price: number]

/** Whether `a` comes before `b` on the tape. */
export function precedes(a: Print, b: Print): boolean {
  if (a.tMs !== b.tMs) return a.tMs < b.tMs
  if (a.connection !== b.connection) return a.connection < b.connection
  return a.sequence < b.sequence
}

/** The sums of an accumulator in their stored order. */
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

/** What a stored bar needs in addition to its readable fields so that it can be restored exactly. */
export interface ExactParts {
  /** In the order of ACCUMULATOR_SUMS. */
  readonly sums: readonly StoredSum[]
  /** Number of trades that set the price. */
  readonly priceCount: number
  readonly first: StoredPrint | null
  readonly last: StoredPrint | null
  readonly fallback: StoredPrint | null
}

/** A stored accumulator. */
export interface StoredAccumulator extends ExactParts {
  readonly high: number | null
  readonly low: number | null
  readonly tradeCount: number
  readonly firstTradeMs: number
  readonly lastTradeMs: number
  readonly session: Session | 'mixed'
  readonly feed: string
}

/** The parts of a trade that a bar needs. */
export interface BarTrade extends Print {
  readonly size: number
  /** Bits of MAY. */
  readonly eligibility: number
  readonly session: Session
  readonly feed: string
  /** By the tick rule: 1 up, -1 down, 0 unchanged or unknown; see TickRule. */
  readonly direction: number
  /** Squared log return from the previous price on the tape, in units of 1e-8; 0 for the first. */
  readonly squaredReturn: number
}

/** Squared returns are summed in units of 1e-8, so that the resolution of the sum is 1e-16. */
export const RETURN_SCALE = 1e8
/** The usual decimals of a sum; see ExactSums.exact. */
const UNIT_DECIMALS = 24
const UNIT_SQUARED = 1e48

/**
 * The trades of one symbol in one window, reduced to exact sums and extremes.
 *
 * Adding and merging are commutative and associative: open and close are chosen by (time, producer's
 * order), and sums never round. So any order of arrival, any split and any batch boundary give the same
 * result. Ratios such as the VWAP are derived on read, because averages cannot be merged. Mutable for
 * speed: `add` runs once per trade.
 */
export class BarAccumulator {
  readonly #sums = new ExactSums(ACCUMULATOR_SUMS.length)
  #priceCount = 0
  #first: Print | undefined
  #last: Print | undefined
  /** The earliest trade that may set the price only if no other trade does. */
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

  /** A copy of the volume's sum. */
  get exactVolume(): ExactSum {
    const sum = new ExactSum()
    sum.set(this.#sums.toStored(VOLUME))
    return sum
  }

  /** Sum of price x size of the trades that set the price and count as volume. */
  get notional(): number {
    return this.#sums.toNumber(NOTIONAL)
  }

  /** Volume of the trades that moved the price up, by the tick rule. */
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

  /** Null without a trade that may set it, even when there is an open and a close. */
  get high(): number | null {
    return this.#high === -Infinity ? null : this.#high
  }

  get low(): number | null {
    return this.#low === Infinity ? null : this.#low
  }

  /** Volume-weighted average price; null when no trade with volume set a price. */
  get vwap(): number | null {
    return this.#sums.isZero(VWAP_VOLUME) ? null : this.notional / this.#sums.toNumber(VWAP_VOLUME)
  }

  /** Mean over the trades that set the price; null without one. */
  get meanPrice(): number | null {
    return this.#priceCount === 0 ? null : this.#sums.toNumber(PRICES) / this.#priceCount
  }

  /**
   * Population standard deviation of the same prices. From exact sums, so that n Σp² - (Σp)² loses
   * nothing to cancellation.
   */
  get sdPrice(): number | null {
    if (this.#priceCount === 0) return null
    if (this.#priceCount === 1) return 0
    const sum = this.#sums.exact(PRICES)
    const squares = this.#sums.exact(SQUARES)
    // Both in units of 10^-(2 x decimals); Σp² may have twice the decimals of Σp.
    const decimals = Math.max(sum.decimals, squares.decimals)
    const n = BigInt(this.#priceCount)
    const scatter =
      n * squares.digits * 10n ** BigInt(2 * decimals - squares.decimals) -
      sum.digits ** 2n * 10n ** BigInt(2 * (decimals - sum.decimals))
    const variance =
      decimals === UNIT_DECIMALS
        ? Number(scatter) / UNIT_SQUARED
        : nearestDouble({ digits: scatter, decimals: 2 * decimals })
    return Math.sqrt(variance) / this.#priceCount
  }

  /** ln(close / open); null without a price. */
  get logReturn(): number | null {
    return this.open === null || this.close === null ? null : Math.log(this.close / this.open)
  }

  /**
   * Square root of the sum of squared log returns between consecutive prints on the tape, not
   * annualised. Source: Andersen, Bollerslev, Diebold & Labys (2003), realised volatility.
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

  toStored(): StoredAccumulator {
    const { high, low, tradeCount, firstTradeMs, lastTradeMs, session, feed } = this
    return { ...this.exactParts(), high, low, tradeCount, firstTradeMs, lastTradeMs, session, feed }
  }

  #mix(session: Session | 'mixed', feed: string): void {
    if (this.#session !== session) this.#session = this.#session === undefined ? session : 'mixed'
    if (this.#feed !== feed) this.#feed = this.#feed === undefined ? feed : 'mixed'
  }
}

function earlier(a: Print | undefined, b: Print | undefined): Print | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return precedes(b, a) ? b : a
}

function later(a: Print | undefined, b: Print | undefined): Print | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return precedes(a, b) ? b : a
}

function printOf(stored: StoredPrint | null | undefined): Print | undefined {
  if (stored === null || stored === undefined) return undefined
  const [tMs, connection, sequence, price] = stored
  return { tMs, connection, sequence, price }
}

function storedPrint(print: Print | undefined): StoredPrint | null {
  return print === undefined ? null : [print.tMs, print.connection, print.sequence, print.price]
}

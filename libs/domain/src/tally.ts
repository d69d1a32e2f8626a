import { MAY } from './conditions.ts'
import { ExactSum, type StoredSum } from './exact-sum.ts'
import type { Session } from './sessions.ts'

/** A price with its place in the tape: ordered by time, then by the producer's order. */
export interface Print {
  readonly tMs: number
  /** Connection ids rise as text. */
  readonly connection: string
  /** frame x 4096 + index in the frame. */
  readonly sequence: number
  readonly price: number
}

/** What a stored bar needs beside its readable fields to be taken up again exactly. */
export interface ExactParts {
  readonly volume: StoredSum
  readonly notional: StoredSum
  readonly vwapVolume: StoredSum
  readonly first: StoredPrint | null
  readonly last: StoredPrint | null
  readonly fallback: StoredPrint | null
}

/** All of a tally, as it stands in the store. */
export interface StoredTally extends ExactParts {
  readonly high: number | null
  readonly low: number | null
  readonly tradeCount: number
  readonly firstTradeMs: number
  readonly lastTradeMs: number
  readonly session: Session | 'mixed'
  readonly feed: string
}
type StoredPrint = readonly [tMs: number, connection: string, sequence: number, price: number]

/** One trade as the tally takes it. */
export interface TalliedTrade extends Print {
  readonly size: number
  /** Bits of MAY. */
  readonly eligibility: number
  readonly session: Session
  readonly feed: string
}

/**
 * Trades of one symbol in one window, reduced to exact sums and extremes.
 *
 * Adding trades and merging tallies is commutative and associative: open and close follow
 * (time, producer's order), and sums never round. So any order of arrival, any split and any batch
 * boundary give the same tally. Ratios such as the VWAP are derived on read. Mutable on purpose:
 * one is touched for every trade.
 */
export class Tally {
  readonly volume: ExactSum
  readonly notional: ExactSum
  readonly vwapVolume: ExactSum
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

  constructor(stored?: StoredTally) {
    this.volume = stored ? ExactSum.from(stored.volume) : new ExactSum()
    this.notional = stored ? ExactSum.from(stored.notional) : new ExactSum()
    this.vwapVolume = stored ? ExactSum.from(stored.vwapVolume) : new ExactSum()
    if (stored === undefined) return
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

  add(trade: TalliedTrade): void {
    const { eligibility, price, size, tMs } = trade
    if ((eligibility & MAY.setHighLow) !== 0) {
      if (price > this.#high) this.#high = price
      if (price < this.#low) this.#low = price
    }
    if ((eligibility & MAY.setLast) !== 0) {
      if (this.#first === undefined || precedes(trade, this.#first)) this.#first = trade
      if (this.#last === undefined || precedes(this.#last, trade)) this.#last = trade
    } else if ((eligibility & MAY.setLastIfNone) !== 0) {
      if (this.#fallback === undefined || precedes(trade, this.#fallback)) this.#fallback = trade
    }
    if ((eligibility & MAY.addVolume) !== 0) {
      this.volume.add(size)
      if ((eligibility & MAY.setLast) !== 0) {
        this.notional.addProduct(price, size)
        this.vwapVolume.add(size)
      }
    }
    this.#tradeCount++
    if (tMs < this.#firstTradeMs) this.#firstTradeMs = tMs
    if (tMs > this.#lastTradeMs) this.#lastTradeMs = tMs
    this.#mix(trade.session, trade.feed)
  }

  merge(other: Tally): void {
    this.volume.merge(other.volume)
    this.notional.merge(other.notional)
    this.vwapVolume.merge(other.vwapVolume)
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
    return this.vwapVolume.isZero() ? null : this.notional.toNumber() / this.vwapVolume.toNumber()
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
      volume: this.volume.toStored(),
      notional: this.notional.toStored(),
      vwapVolume: this.vwapVolume.toStored(),
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

function precedes(a: Print, b: Print): boolean {
  if (a.tMs !== b.tMs) return a.tMs < b.tMs
  if (a.connection !== b.connection) return a.connection < b.connection
  return a.sequence < b.sequence
}

function earlier(a: Print | undefined, b: Print | undefined): Print | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return precedes(b, a) ? b : a
}

function later(a: Print | undefined, b: Print | undefined): Print | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return precedes(a, b) ? b : a
}

function printOf(stored: StoredPrint | null): Print | undefined {
  if (stored === null) return undefined
  const [tMs, connection, sequence, price] = stored
  return { tMs, connection, sequence, price }
}

function storedPrint(print: Print | undefined): StoredPrint | null {
  return print === undefined ? null : [print.tMs, print.connection, print.sequence, print.price]
}

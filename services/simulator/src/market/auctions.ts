import { tradingDateAt } from '@tapedeck/domain'
import type { Instrument } from './instrument.ts'
import type { Random } from './random.ts'

/** An opening or closing print: one big trade at each end of the regular session. */
export interface Auction {
  readonly atMs: number
  /** Finnhub's code: 19 opening prints, 36 closing prints. */
  readonly code: '19' | '36'
}

/** The opening print comes within a second of the bell. */
const OPENING_SPREAD_MS = 900
/** The closing print comes just before it, so that it lies in the regular session. */
const CLOSING_SPREAD_MS = 90

/** The auctions of a stock one after another; those before `startMs` are over. */
export class Auctions {
  readonly #instrument: Instrument
  readonly #random: Random
  #coming: Auction[] = []
  #dayEndMs: number

  constructor(instrument: Instrument, random: Random, startMs: number) {
    this.#instrument = instrument
    this.#random = random
    this.#dayEndMs = startMs
  }

  /** The auction in (`afterMs`, `untilMs`], taken off the list; undefined when there is none. */
  next(afterMs: number, untilMs: number): Auction | undefined {
    if (this.#instrument.kind !== 'stock') return undefined
    if (afterMs >= this.#dayEndMs) this.#plan(afterMs)
    while (this.#coming[0] !== undefined && this.#coming[0].atMs <= afterMs) this.#coming.shift()
    const first = this.#coming[0]
    return first !== undefined && first.atMs <= untilMs ? this.#coming.shift() : undefined
  }

  #plan(atMs: number): void {
    const date = tradingDateAt(this.#instrument.symbol, atMs)
    this.#dayEndMs = date.endMs
    this.#coming = [
      { atMs: date.openMs + this.#random.whole(1, OPENING_SPREAD_MS), code: '19' },
      { atMs: date.closeMs - this.#random.whole(1, CLOSING_SPREAD_MS), code: '36' }
    ]
  }
}

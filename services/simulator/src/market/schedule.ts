import { sessionAt, tradingDateAt } from '@tapedeck/domain'
import type { Instrument } from './instrument.ts'
import type { Random } from './random.ts'

/** Of a regular session: at noon, and how much more at both ends. */
const NOON = 0.65
const RISE = 1.05
/** The upper bound of `activityAt`. */
export const HIGHEST_ACTIVITY = 1.7

/** Share of the mean rate outside the regular session. */
const HONEST = { pre: 0.15, post: 0.15, overnight: 0.03, closed: 0 } as const
/** Keeps a demonstration alive at any hour. */
const ALWAYS_OPEN = { pre: 0.7, post: 0.7, overnight: 0.7, closed: 0.7 } as const

/**
 * The rate of a symbol at a moment as a multiple of its mean rate. Stocks: U-shaped over the regular
 * session (highest at both ends, mean 1) and lower outside it. Everything else: constant.
 *
 * @param alwaysOpen stocks trade also while the exchange is closed
 */
export function activityAt({ symbol }: Instrument, atMs: number, alwaysOpen: boolean): number {
  const date = tradingDateAt(symbol, atMs)
  const session = sessionAt(symbol, date, atMs)
  if (session === 'continuous') return 1
  if (session !== 'regular') return (alwaysOpen ? ALWAYS_OPEN : HONEST)[session]
  // -1 at the open, 1 at the close; the square has the mean 1/3.
  const place = (2 * (atMs - date.openMs)) / (date.closeMs - date.openMs) - 1
  return NOON + RISE * place * place
}

/** The integral of that from the open of a regular session to a moment in it, all in epoch ms. */
export function sessionActivity(openMs: number, closeMs: number, atMs: number): number {
  const place = (2 * (atMs - openMs)) / (closeMs - openMs) - 1
  return ((closeMs - openMs) / 2) * (NOON * (place + 1) + (RISE / 3) * (place ** 3 + 1))
}

/** Whether a trade of that time carries the extended-hours code 24. */
export function isExtendedHours({ symbol, kind }: Instrument, atMs: number): boolean {
  return kind === 'stock' && sessionAt(symbol, tradingDateAt(symbol, atMs), atMs) !== 'regular'
}

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

/** The auctions of a stock in order, beginning at `startMs`. */
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

  /** Removes and returns the auction in (`afterMs`, `untilMs`]; undefined when there is none. */
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

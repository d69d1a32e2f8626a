import { activityAt, HIGHEST_ACTIVITY } from './activity.ts'
import { Auctions, type Auction } from './auctions.ts'
import type { Instrument } from './instrument.ts'
import { PriceWalk } from './price-walk.ts'
import { MEAN_PRINTS, PrintMaker, type Print } from './print-maker.ts'
import { randomOf, type Random } from './random.ts'

export interface SymbolMarketOptions {
  readonly seed: number
  readonly startMs: number
  /** Mean trades a second. */
  readonly tradesPerSecond: number
  readonly alwaysOpen: boolean
}

/**
 * The trades of one symbol. Events come as a Poisson process whose rate follows the day (thinned
 * from the highest rate), each with one or several prints. Depends on nothing but its options and
 * the symbol: neither on other symbols nor on how the time is cut into calls.
 */
export class SymbolMarket {
  readonly #instrument: Instrument
  readonly #options: SymbolMarketOptions
  readonly #random: Random
  readonly #price: PriceWalk
  readonly #auctions: Auctions
  readonly #prints: PrintMaker
  readonly #meanGapMs: number
  #atMs: number
  #nextMs: number

  constructor(instrument: Instrument, options: SymbolMarketOptions) {
    const name = `${options.seed} ${instrument.symbol} ${options.startMs}`
    this.#instrument = instrument
    this.#options = options
    this.#random = randomOf(`arrivals ${name}`)
    this.#price = new PriceWalk(instrument, randomOf(`price ${name}`), options.startMs)
    this.#auctions = new Auctions(instrument, randomOf(`auctions ${name}`), options.startMs)
    this.#prints = new PrintMaker(instrument, randomOf(`prints ${name}`))
    this.#meanGapMs = (1000 * MEAN_PRINTS) / (options.tradesPerSecond * HIGHEST_ACTIVITY)
    this.#atMs = options.startMs
    this.#nextMs = options.startMs + this.#gapMs()
  }

  /** Goes on at `atMs` after a time in which nobody wanted the symbol. */
  resume(atMs: number): void {
    this.#atMs = atMs
    this.#nextMs = atMs + this.#gapMs()
  }

  /** Appends the prints that arrive before `endMs`, in the order of arrival. */
  printsUntil(endMs: number, into: Print[]): void {
    while (this.#nextMs < endMs) {
      const atMs = this.#nextMs
      this.#auctionsUntil(atMs, into)
      this.#nextMs += this.#gapMs()
      const activity = activityAt(this.#instrument, atMs, this.#options.alwaysOpen)
      if (this.#random.uniform() * HIGHEST_ACTIVITY >= activity) continue
      this.#prints.event(atMs, this.#price.priceAt(atMs), into)
    }
    this.#auctionsUntil(endMs - 1, into)
  }

  #auctionsUntil(untilMs: number, into: Print[]): void {
    const next = (): Auction | undefined => this.#auctions.next(this.#atMs, untilMs)
    for (let auction = next(); auction !== undefined; auction = next()) {
      this.#prints.auction(auction, this.#price.priceAt(auction.atMs), into)
      this.#atMs = auction.atMs
    }
    this.#atMs = Math.max(this.#atMs, untilMs)
  }

  #gapMs(): number {
    return this.#meanGapMs * this.#random.exponential()
  }
}

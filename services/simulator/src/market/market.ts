import type { Clock } from '@tapedeck/core'
import { symbolProblems } from '@tapedeck/domain'
import type { Audience } from '../feed/client.ts'
import { framesOf, type TextFrame } from '../feed/frame.ts'
import { CATCH_UP_LIMIT_MS, type FrameBatch } from '../feed/playback.ts'
import { instrumentOf, type Instrument } from './instrument.ts'
import { PricePath, type MarketKind } from './price-path.ts'
import { MEAN_PRINTS, PrintMaker, type Print } from './prints.ts'
import { randomOf, type Random } from './random.ts'
import { activityAt, Auctions, HIGHEST_ACTIVITY, type Auction } from './schedule.ts'

export interface MarketOptions {
  /** Same seed and start: same tape. */
  readonly seed: number
  /** Epoch ms, whole. */
  readonly startMs: number
  /** Mean trades a second and symbol. */
  readonly tradesPerSecond: number
  /** Stocks trade also while the exchange is closed. */
  readonly alwaysOpen: boolean
  readonly market: MarketKind
}

/** The number of symbols whose price is kept while nobody subscribes to them. */
const MEMORY_SYMBOLS = 1024

/** A synthetic market of the subscribed symbols; pure: the caller supplies the time. */
export class Market {
  readonly #options: MarketOptions
  readonly #symbols = new Map<string, SymbolMarket>()
  #active: SymbolMarket[] = []
  #demand: ReadonlySet<string> = new Set()
  #atMs: number

  constructor(options: MarketOptions) {
    this.#options = options
    this.#atMs = options.startMs
  }

  /** Trades before this moment have been generated, epoch ms. */
  get atMs(): number {
    return this.#atMs
  }

  /** From now on these symbols trade; an invalid symbol stays silent. */
  want(symbols: ReadonlySet<string>): void {
    if (symbols === this.#demand) return
    const before = this.#demand
    this.#demand = symbols
    this.#active = []
    for (const symbol of symbols) {
      const known = this.#symbols.get(symbol)
      if (known === undefined && symbolProblems([symbol], 1).length > 0) continue
      const market = known ?? this.#open(symbol)
      if (known !== undefined && !before.has(symbol)) known.resume(this.#atMs)
      this.#active.push(market)
    }
    this.#forget()
  }

  /** Skips a time in which nothing trades. */
  skipTo(atMs: number): void {
    this.#atMs = Math.max(this.#atMs, atMs)
    for (const market of this.#active) market.resume(this.#atMs)
  }

  /** The trades that arrive before `endMs`, packed into frames in the order of arrival. */
  framesUntil(endMs: number): TextFrame[] {
    const prints: Print[] = []
    for (const market of this.#active) market.printsUntil(endMs, prints)
    if (this.#active.length > 1) prints.sort((a, b) => a.arrivesAtMs - b.arrivesAtMs)
    this.#atMs = endMs
    return framesOf(prints)
  }

  #open(symbol: string): SymbolMarket {
    const market = new SymbolMarket(instrumentOf(symbol), { ...this.#options, startMs: this.#atMs })
    this.#symbols.set(symbol, market)
    return market
  }

  #forget(): void {
    for (const symbol of this.#symbols.keys()) {
      if (this.#symbols.size <= MEMORY_SYMBOLS) return
      if (!this.#demand.has(symbol)) this.#symbols.delete(symbol)
    }
  }
}

/**
 * The trades of one symbol. Events are a Poisson process whose rate follows the day (thinned from the
 * highest rate), each with one or several prints. They depend only on the options and the symbol, not
 * on other symbols nor on how the time is cut into calls.
 */
class SymbolMarket {
  readonly #instrument: Instrument
  readonly #options: MarketOptions
  readonly #random: Random
  readonly #price: PricePath
  readonly #auctions: Auctions
  readonly #prints: PrintMaker
  readonly #meanGapMs: number
  #atMs: number
  #nextMs: number

  constructor(instrument: Instrument, options: MarketOptions) {
    const name = `${options.seed} ${instrument.symbol} ${options.startMs}`
    this.#instrument = instrument
    this.#options = options
    this.#random = randomOf(`arrivals ${name}`)
    this.#price = new PricePath(instrument, options.seed, options.market)
    this.#auctions = new Auctions(instrument, randomOf(`auctions ${name}`), options.startMs)
    this.#prints = new PrintMaker(instrument, randomOf(`prints ${name}`))
    this.#meanGapMs = (1000 * MEAN_PRINTS) / (options.tradesPerSecond * HIGHEST_ACTIVITY)
    this.#atMs = options.startMs
    this.#nextMs = options.startMs + this.#gapMs()
  }

  /** Continues at `atMs` after a time without subscriptions. */
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

/** The market is played in slices of this length, which is the longest delay of a trade. */
export const SLICE_MS = 20

/**
 * The market as endless batches. When the process was held up for more than a second (a sleeping
 * laptop, a rate beyond the machine), the missed time is skipped, as a live market would.
 */
export async function* marketBatches(
  market: Market,
  audience: Audience,
  clock: Clock,
  onSkipped: (skippedMs: number) => void
): AsyncGenerator<FrameBatch> {
  for (;;) {
    const nowMs = Math.floor(clock.now())
    const behindMs = nowMs - market.atMs
    if (behindMs > CATCH_UP_LIMIT_MS) {
      market.skipTo(nowMs)
      onSkipped(behindMs)
    }
    market.want(audience.symbols)
    const positionMs = market.atMs + SLICE_MS
    yield { frames: market.framesUntil(positionMs), positionMs }
  }
}

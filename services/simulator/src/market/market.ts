import { symbolProblems } from '@tapedeck/domain'
import { framesOf, type Frame } from '../feed/frame.ts'
import { instrumentOf } from './instrument.ts'
import type { Print } from './print-maker.ts'
import { SymbolMarket } from './symbol-market.ts'

export interface MarketOptions {
  /** Same seed and start: same tape. */
  readonly seed: number
  /** Epoch ms, whole. */
  readonly startMs: number
  /** Mean trades a second and symbol. */
  readonly tradesPerSecond: number
  /** Stocks trade when the exchange is closed, too. */
  readonly alwaysOpen: boolean
}

/** Symbols whose price is remembered while nobody wants them. */
const MEMORY_SYMBOLS = 1024

/** A made-up market of whatever symbols are in demand; pure, its time is what it is told. */
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

  /** How far the market has come, epoch ms. */
  get atMs(): number {
    return this.#atMs
  }

  /** From now on these symbols trade; one that is not a legal symbol stays silent. */
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

  /** Passes over a time in which nothing trades. */
  skipTo(atMs: number): void {
    this.#atMs = Math.max(this.#atMs, atMs)
    for (const market of this.#active) market.resume(this.#atMs)
  }

  /** The trades that arrive before `endMs`, packed into frames in the order of arrival. */
  framesUntil(endMs: number): Frame[] {
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

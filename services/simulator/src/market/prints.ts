import type { TradeText } from '../feed/frame.ts'
import type { Instrument } from './instrument.ts'
import type { Random } from './random.ts'
import { isExtendedHours, type Auction } from './schedule.ts'

/** A trade and the moment at which it reaches the feed, never before its own time. */
export interface Print extends TradeText {
  readonly arrivesAtMs: number
}

/** Shares of events by their number of prints: one; a burst; a sweep across several frames. */
const BURSTS = { share: 0.15, from: 2, to: 6 } as const
const SWEEPS = { share: 0.03, from: 10, to: 30 } as const
/** Prints of an event on average, so that a rate in trades can be kept. */
export const MEAN_PRINTS =
  1 +
  BURSTS.share * ((BURSTS.from + BURSTS.to) / 2 - 1) +
  SWEEPS.share * ((SWEEPS.from + SWEEPS.to) / 2 - 1)

const ISO_SHARE = { single: 0.25, burst: 0.6 } as const
/** Prints of a sweep on each level of the order book. */
const PRINTS_A_LEVEL = 5
/** Odd lots reported off exchange, at the price or better by less than a cent. */
const SUB_PENNY_SHARE = 0.25
const SUB_PENNY_TICKS = 0.1
/** Single prints that arrive out of order: by milliseconds, or by seconds. */
const BEHIND_SHARE = 0.01
const LATE_SHARE = 0.002
/** Prints at a price of their own: average price (3), derivatively priced (32). */
const AVERAGE_SHARE = 0.001
const DERIVED_SHARE = 0.0005

/** Makes the prints of one symbol: their number, prices, sizes and conditions. */
export class PrintMaker {
  readonly #instrument: Instrument
  readonly #random: Random
  readonly #symbolText: string
  /** The last price on the tick; 0 before the first. */
  #quoted = 0
  /** 1 when it rose last, -1 when it fell. */
  #side = 1

  constructor(instrument: Instrument, random: Random) {
    this.#instrument = instrument
    this.#random = random
    this.#symbolText = JSON.stringify(instrument.symbol)
  }

  /** One print, or several of the same millisecond. */
  event(atMs: number, fairPrice: number, into: Print[]): void {
    const random = this.#random
    const kind = random.uniform()
    if (kind < SWEEPS.share) {
      this.#several(atMs, fairPrice, random.whole(SWEEPS.from, SWEEPS.to), true, into)
    } else if (kind < SWEEPS.share + BURSTS.share) {
      const isIso = random.uniform() < ISO_SHARE.burst
      this.#several(atMs, fairPrice, random.whole(BURSTS.from, BURSTS.to), isIso, into)
    } else this.#single(atMs, fairPrice, into)
  }

  auction({ atMs, code }: Auction, fairPrice: number, into: Print[]): void {
    const size = 100 * this.#random.whole(50, 2000)
    into.push(this.#print(atMs, atMs, this.#quote(fairPrice), size, false, code))
  }

  #several(atMs: number, fairPrice: number, count: number, isIso: boolean, into: Print[]): void {
    const { tick } = this.#instrument
    const price = this.#quote(fairPrice)
    const levels = Math.floor((count - 1) / PRINTS_A_LEVEL)
    // Equal slices of one order are what makes equal prints.
    const kind: SizeKind = this.#random.uniform() < 0.3 ? 'slice' : 'any'
    for (let index = 0; index < count; index++) {
      // An order takes level after level and ends at the price that stays.
      const level = (Math.floor(index / PRINTS_A_LEVEL) - levels) * this.#side * tick
      const size = sizeOf(this.#instrument, fairPrice, kind, this.#random)
      into.push(this.#print(atMs, atMs, price + level, size, isIso))
    }
  }

  #single(atMs: number, fairPrice: number, into: Print[]): void {
    const random = this.#random
    const isStock = this.#instrument.kind === 'stock'
    const size = sizeOf(this.#instrument, fairPrice, 'any', random)
    const isIso = random.uniform() < ISO_SHARE.single
    let price = this.#quote(fairPrice)
    let tradedAtMs = atMs
    let code: string | undefined
    const oddity = random.uniform()
    if (oddity < LATE_SHARE) {
      tradedAtMs -= random.whole(1000, 5000)
      if (isStock && random.uniform() < 0.5) code = '30'
    } else if (oddity < LATE_SHARE + BEHIND_SHARE) tradedAtMs -= random.whole(20, 200)
    else if (isStock && oddity > 1 - AVERAGE_SHARE) code = '3'
    else if (isStock && oddity > 1 - AVERAGE_SHARE - DERIVED_SHARE) code = '32'
    if (code === '3' || code === '32') price = fairPrice * (1 + 0.002 * random.normal())
    else if (isStock && size < 100 && random.uniform() < SUB_PENNY_SHARE) {
      price += (random.uniform() - 0.5) * SUB_PENNY_TICKS * this.#instrument.tick
    }
    into.push(this.#print(atMs, tradedAtMs, price, size, isIso, code))
  }

  /**
   * The price on the tick. It stays until the fair price is a tick away, and then is the fair price: rounding
   * alone would jump to and fro about a half tick, and a bounce between bid and ask would too. Either could
   * be predicted.
   */
  #quote(fairPrice: number): number {
    const { tick } = this.#instrument
    if (Math.abs(fairPrice - this.#quoted) >= tick) {
      const price = Math.max(1, Math.round(fairPrice / tick)) * tick
      if (price !== this.#quoted) this.#side = price > this.#quoted ? 1 : -1
      this.#quoted = price
    }
    return this.#quoted
  }

  #print(
    arrivesAtMs: number,
    tradedAtMs: number,
    price: number,
    size: number,
    isIso: boolean,
    code?: string
  ): Print {
    const { symbol, kind, priceUnits } = this.#instrument
    const t = Math.floor(tradedAtMs)
    // Dividing whole units gives the double nearest to the decimal, hence its short text.
    const p = Math.max(1, Math.round(price * priceUnits)) / priceUnits
    const c =
      kind === 'stock'
        ? conditionsText(isIso, isExtendedHours(this.#instrument, t), size < 100, code)
        : 'null'
    const text = `{"c":${c},"p":${p},"s":${this.#symbolText},"t":${t},"v":${size}}`
    return { arrivesAtMs, symbol, text }
  }
}

/** `slice`: one of several equal parts of an order. */
type SizeKind = 'any' | 'slice'

const ODD_LOT_SHARE = 0.5
const MIXED_LOT_SHARE = 0.08
/** Value of a usual crypto trade in its quote currency. */
const CRYPTO_VALUE = 300
const CRYPTO_UNITS = 1e8
/** Keeps the text free of exponents: JSON writes 1e-7 for less. */
const SMALLEST_CRYPTO = 1e-6

/**
 * The size of a trade. Stocks: odd lots below 100, round lots, some mixed; whole shares. Crypto:
 * eight decimals around a usual value. Forex: 0, a price without a trade, as Finnhub sends it.
 */
function sizeOf({ kind }: Instrument, price: number, sizeKind: SizeKind, random: Random): number {
  if (kind === 'forex') return 0
  if (kind === 'crypto') {
    const size = (CRYPTO_VALUE * Math.exp(1.5 * random.normal())) / price
    return Math.max(SMALLEST_CRYPTO, Math.round(size * CRYPTO_UNITS) / CRYPTO_UNITS)
  }
  if (sizeKind === 'slice') return 100
  const draw = random.uniform()
  if (draw < ODD_LOT_SHARE) return 1 + Math.floor(99 * random.uniform() ** 2)
  const lots = 100 * (1 + Math.floor(1.5 * random.exponential()))
  return draw < ODD_LOT_SHARE + MIXED_LOT_SHARE ? lots + random.whole(1, 99) : lots
}

const KNOWN = new Map<string, string>()

/**
 * The conditions of a stock trade as JSON, in the order in which genuine frames have them: regular,
 * a special code, sweep (8), extended hours (24), odd lot (12). There are few: each is made once.
 */
function conditionsText(isIso: boolean, isExtended: boolean, isOddLot: boolean, code = ''): string {
  const key = `${isIso ? 'i' : ''}${isExtended ? 'e' : ''}${isOddLot ? 'o' : ''}${code}`
  const known = KNOWN.get(key)
  if (known !== undefined) return known
  const codes = ['1', code, isIso ? '8' : '', isExtended ? '24' : '', isOddLot ? '12' : '']
  const text = JSON.stringify(codes.filter((one) => one !== ''))
  KNOWN.set(key, text)
  return text
}

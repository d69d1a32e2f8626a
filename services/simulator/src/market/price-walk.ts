import type { Instrument } from './instrument.ts'
import type { Random } from './random.ts'

/*
 * All strengths are multiples of the instrument's volatility. They were chosen by trial so that a linear
 * regression over 20 bars is close to "the price stays put" for bars of a second to a minute, sometimes
 * better and sometimes worse, and worse for longer bars, because trends turn within them.
 */
/** Flutter: quick noise around the fair price, gone within about a second. */
const FLUTTER = 3
const FLUTTER_MS = 600
/** The walk proper, per square root of a second. */
const WALK = 0.2
/** Trends, per second; one lasts half an hour on average. */
const TREND = 0.02
const MEAN_TREND_MS = 1_800_000
const SHORTEST_TREND_MS = 120_000
/** The pull back to the start price halves a distance in about four hours. */
const PULL_PER_SECOND = 1 / 21_600
/** The longest time by which the price moves at once, after a pause. */
const LONGEST_STEP_MS = 3_600_000

/**
 * The price of one symbol over time: a geometric random walk with trends of changing direction, a
 * weak pull to its start price (a market that runs for weeks stays believable) and quick noise.
 */
export class PriceWalk {
  readonly #instrument: Instrument
  readonly #random: Random
  /** ln(fair price / start price) */
  #distance = 0
  /** ln(price / fair price) */
  #flutter = 0
  #trendPerSecond = 0
  #trendEndMs: number
  #atMs: number

  constructor(instrument: Instrument, random: Random, startMs: number) {
    this.#instrument = instrument
    this.#random = random
    this.#atMs = startMs
    this.#trendEndMs = startMs
  }

  /** Moves to `toMs`, never back, and returns the price there. */
  priceAt(toMs: number): number {
    if (toMs > this.#atMs) {
      if (toMs >= this.#trendEndMs) this.#turn(toMs)
      this.#move(Math.min(toMs - this.#atMs, LONGEST_STEP_MS))
      this.#atMs = toMs
    }
    return this.#instrument.startPrice * Math.exp(this.#distance + this.#flutter)
  }

  #move(stepMs: number): void {
    const { volatility } = this.#instrument
    const seconds = stepMs / 1000
    const pull = 1 - Math.exp(-PULL_PER_SECOND * seconds)
    const walk = WALK * volatility * Math.sqrt(seconds) * this.#random.normal()
    this.#distance += this.#trendPerSecond * seconds - pull * this.#distance + walk
    const kept = Math.exp(-stepMs / FLUTTER_MS)
    const fresh = FLUTTER * volatility * Math.sqrt(1 - kept * kept)
    this.#flutter = kept * this.#flutter + fresh * this.#random.normal()
  }

  #turn(atMs: number): void {
    this.#trendPerSecond = TREND * this.#instrument.volatility * this.#random.normal()
    this.#trendEndMs = atMs + SHORTEST_TREND_MS + MEAN_TREND_MS * this.#random.exponential()
  }
}

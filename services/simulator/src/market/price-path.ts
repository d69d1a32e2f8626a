import { tradingDateAt } from '@tapedeck/domain'
import type { Instrument } from './instrument.ts'
import { noiseOf } from './random.ts'
import { sessionActivity } from './schedule.ts'

/** What the price does. */
export const MARKETS = ['martingale', 'trending'] as const
export type MarketKind = (typeof MARKETS)[number]

const DAY_MS = 86_400_000
/** Of a day's distance from the start price this share is left the next day: weeks stay believable. */
const KEPT_A_DAY = 0.95
/** Days that still count; 0.95^120 is 0.2 %. */
const COUNTED_DAYS = 120
/** Variance outside the regular session, as a share of its mean inside. */
const OUTSIDE = 0.5
/** Standard deviation of ln(share / other share) by which the halves of a time differ in variance. */
const UNEVENNESS = 0.6
/** Within so little time the price is a straight line. */
const SHORTEST_MS = 25

/** Trending: up for four hours, down for four, with a tenth of the usual volatility. */
const TREND_MS = 4 * 3_600_000
/** ln of the price at the top over that at the bottom, in volatilities of a day. */
const TREND_HEIGHT = 4
const TREND_VOLATILITY = 0.1

/** A stretch of time at whose ends ln(price / start price) is known. */
interface Stretch {
  readonly fromMs: number
  readonly toMs: number
  readonly from: number
  readonly to: number
  /** Of the change within it, before the ends were known. */
  readonly variance: number
  /** Its place in the tree of halves: 1 is a day, 2i and 2i + 1 are the halves of i. */
  readonly place: number
}

/**
 * The price of a symbol as a function of seed, symbol and time alone: it needs no state, so a simulator that is
 * started again goes on where the price would be.
 *
 * Its logarithm is a Brownian motion in a random time of its own, built by halves (Levy's construction): the
 * middle of a stretch lies between the ends as far as the variance of its first half goes, plus a normal number. The
 * halves share the variance unevenly: by the time of day (U-shaped over the regular session) and by a
 * lognormal number, so that it clusters on every scale and changes have heavy tails that fade with
 * their length. Changes are uncorrelated: no past price tells the next one, but its size. Over days the
 * price returns to its start by 5 % of the distance a day, which is less than a tenth of a day's volatility.
 * Sources: Mandelbrot, Fisher & Calvet, A multifractal model of asset returns (1997); Cont, Empirical
 * properties of asset returns, Quantitative Finance 1 (2001).
 *
 * `trending` is for a market that can be predicted: the same with a tenth of the volatility about a line that
 * rises and falls in turn.
 */
export class PricePath {
  readonly #instrument: Instrument
  readonly #name: string
  readonly #kind: MarketKind
  readonly #dayVariance: number
  /** From the day down to the last stretch asked for. */
  #stretches: Stretch[] = []
  #noise: (place: number) => readonly [number, number]
  /** The regular session of the day. */
  #openMs = 0
  #closeMs = 0

  constructor(instrument: Instrument, seed: number, kind: MarketKind) {
    const { symbol, volatility } = instrument
    const share = kind === 'trending' ? TREND_VOLATILITY : 1
    this.#instrument = instrument
    this.#name = `price ${seed} ${symbol}`
    this.#kind = kind
    this.#dayVariance = (share * volatility) ** 2 * (DAY_MS / 1000)
    this.#noise = noiseOf(this.#name)
  }

  /** The price at a moment, epoch ms; cheapest when moments follow one another. */
  priceAt(atMs: number): number {
    const stretches = this.#stretches
    let last = stretches.at(-1)
    while (last !== undefined && (atMs < last.fromMs || atMs >= last.toMs)) {
      stretches.pop()
      last = stretches.at(-1)
    }
    last ??= this.#begin(Math.floor(atMs / DAY_MS))
    while (last.toMs - last.fromMs > SHORTEST_MS) last = this.#half(last, atMs)
    const { fromMs, toMs, from, to } = last
    const walked = from + ((to - from) * (atMs - fromMs)) / (toMs - fromMs)
    return this.#instrument.startPrice * Math.exp(walked + this.#trendAt(atMs))
  }

  #begin(day: number): Stretch {
    const { symbol } = this.#instrument
    const [fromMs, toMs] = [day * DAY_MS, (day + 1) * DAY_MS]
    this.#noise = noiseOf(`${this.#name} ${day}`)
    const { openMs, closeMs } = tradingDateAt(symbol, fromMs + 0.75 * DAY_MS)
    this.#openMs = openMs
    this.#closeMs = closeMs
    const [from, to] = [this.#levelAt(day), this.#levelAt(day + 1)]
    const whole = { fromMs, toMs, from, to, variance: this.#dayVariance, place: 1 }
    this.#stretches.push(whole)
    return whole
  }

  /** ln(price / start price) at the begin of a day: what is left of the changes of the days before. */
  #levelAt(day: number): number {
    const noise = noiseOf(`${this.#name} days`)
    let level = 0
    for (let before = day - COUNTED_DAYS; before < day; before++) {
      level = KEPT_A_DAY * level + Math.sqrt(this.#dayVariance) * noise(before)[0]
    }
    return level
  }

  #half({ fromMs, toMs, from, to, variance, place }: Stretch, atMs: number): Stretch {
    const middleMs = (fromMs + toMs) / 2
    const [unevenness, deviation] = this.#noise(place)
    const first = this.#usualBetween(fromMs, middleMs) * Math.exp(UNEVENNESS * unevenness)
    const share = first / (first + this.#usualBetween(middleMs, toMs))
    const middle =
      from + share * (to - from) + Math.sqrt(share * (1 - share) * variance) * deviation
    const half: Stretch =
      atMs < middleMs
        ? {
            fromMs,
            toMs: middleMs,
            from,
            to: middle,
            variance: share * variance,
            place: 2 * place
          }
        : {
            fromMs: middleMs,
            toMs,
            from: middle,
            to,
            variance: (1 - share) * variance,
            place: 2 * place + 1
          }
    this.#stretches.push(half)
    return half
  }

  /** The usual variance of a time, in any unit. */
  #usualBetween(fromMs: number, toMs: number): number {
    return this.#usualUntil(toMs) - this.#usualUntil(fromMs)
  }

  /** Integral of the usual variance: 1 inside the regular session on average, as much as there is trading. */
  #usualUntil(atMs: number): number {
    if (this.#instrument.kind !== 'stock') return atMs
    const [openMs, closeMs] = [this.#openMs, this.#closeMs]
    const inside = Math.min(Math.max(atMs, openMs), closeMs)
    return OUTSIDE * (atMs - inside) + sessionActivity(openMs, closeMs, inside)
  }

  /** ln of the price about which it moves: a line up, a line down. */
  #trendAt(atMs: number): number {
    if (this.#kind === 'martingale') return 0
    const place = (atMs / TREND_MS) % 2
    const height = TREND_HEIGHT * this.#instrument.volatility * Math.sqrt(DAY_MS / 1000)
    return height * (Math.min(place, 2 - place) - 0.5)
  }
}

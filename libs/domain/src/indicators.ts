/** Indicators of closes, with the names and usual values of their parameters. Lengths are in bars. */
export const INDICATORS = {
  sma: { label: 'SMA', parameters: [['length', 20]] },
  ema: { label: 'EMA', parameters: [['length', 50]] },
  bollinger: {
    label: 'Bollinger bands',
    parameters: [
      ['length', 20],
      ['width', 2]
    ]
  },
  rsi: { label: 'RSI', parameters: [['length', 14]] },
  macd: {
    label: 'MACD',
    parameters: [
      ['fast', 12],
      ['slow', 26],
      ['signal', 9]
    ]
  }
} as const satisfies Record<
  string,
  { label: string; parameters: readonly (readonly [name: string, usual: number])[] }
>
type IndicatorName = keyof typeof INDICATORS

/** An indicator with its parameters, in the order of INDICATORS. */
export interface Indicator {
  readonly name: IndicatorName
  readonly values: readonly number[]
}

/** Bars that a length may count, and standard deviations that a band may be wide, at most. */
const MAX_LENGTH = 500
const MAX_WIDTH = 10
/** What users may write. */
export const INDICATOR_FORMS =
  `sma:length, ema:length, rsi:length, bollinger:length:width, macd:fast:slow:signal; ` +
  `lengths from 1 to ${MAX_LENGTH}, width up to ${MAX_WIDTH}; parameters at the end may be left out`

/** Reads an indicator such as `sma:20`; undefined when it is none of INDICATOR_FORMS. Parameters left out are the usual ones. */
export function readIndicator(text: string): Indicator | undefined {
  const [name = '', ...rest] = text.split(':')
  if (!isIndicatorName(name)) return undefined
  const { parameters } = INDICATORS[name]
  const values = parameters.map(([, usual], at) =>
    rest[at] === undefined ? usual : rest[at].trim() === '' ? NaN : Number(rest[at])
  )
  const fits = values.every((one, at) =>
    parameters[at]?.[0] === 'width'
      ? one > 0 && one <= MAX_WIDTH
      : Number.isInteger(one) && one >= 1 && one <= MAX_LENGTH
  )
  return fits && rest.length <= parameters.length ? { name, values } : undefined
}

function isIndicatorName(name: string): name is IndicatorName {
  return Object.hasOwn(INDICATORS, name)
}

/** An indicator as text, with all its parameters: `bollinger:20:2`. */
export function indicatorText({ name, values }: Indicator): string {
  return [name, ...values].join(':')
}

/** The closes of bars for indicators: a bar without a price keeps the close before it, bars before the first price have that. */
export function closesOf(bars: readonly { readonly close: number | null }[]): number[] {
  let last = bars.find(({ close }) => close !== null)?.close ?? 0
  return bars.map(({ close }) => (last = close ?? last))
}

/** The lines of an indicator over closes, by their names: one line is called `value`. */
export function linesOf(
  closes: readonly number[],
  { name, values }: Indicator
): Readonly<Record<string, IndicatorLine>> {
  const [a = 1, b = 1, c = 1] = values
  switch (name) {
    case 'sma':
      return { value: sma(closes, a) }
    case 'ema':
      return { value: ema(closes, a) }
    case 'rsi':
      return { value: rsi(closes, a) }
    case 'bollinger':
      return { ...bollinger(closes, a, b) }
    default:
      return { ...macd(closes, a, b, c) }
  }
}

/**
 * Bars before the first one asked for that its values depend on. Exponential averages depend on all bars; after this many the
 * weight of the earlier ones is below 1e-8.
 */
export function warmUpOf({ name, values }: Indicator): number {
  const [a = 1, b = 1, c = 1] = values
  switch (name) {
    case 'sma':
    case 'bollinger':
      return a - 1
    // (1 - 2 / (n + 1)) ** (10 n) is about e ** -20, (1 - 1 / n) ** (20 n) too.
    case 'ema':
      return 10 * a
    case 'rsi':
      return 20 * a
    default:
      return 10 * (Math.max(a, b) + c)
  }
}

/** A value for each bar; null while there are too few bars before it. */
export type IndicatorLine = readonly (number | null)[]

/** What a bar adds to a VWAP; sums of one window, in the units of the feed. */
export interface VwapPart {
  /** Sum of price times size. */
  readonly notional: number
  /** Sum of sizes. */
  readonly volume: number
  /** The anchor: the sums begin again where it changes, such as at the open of a session. */
  readonly anchor: string
}

/** Moving average convergence and divergence: the difference of two averages, its average, and their difference. */
export interface Macd {
  readonly macd: IndicatorLine
  readonly signal: IndicatorLine
  readonly histogram: IndicatorLine
}

export interface BollingerBands {
  readonly middle: IndicatorLine
  readonly upper: IndicatorLine
  readonly lower: IndicatorLine
}

/**
 * Simple moving average: the mean of the last `length` values. Each window is summed by itself, so that no rounding
 * error accumulates. Murphy, Technical Analysis of the Financial Markets (1999), chapter 9.
 */
export function sma(values: readonly number[], length: number): IndicatorLine {
  return values.map((_, at) => (at + 1 < length ? null : meanOf(values, at + 1 - length, at + 1)))
}

/**
 * Exponential moving average with the weight 2 / (length + 1) on the newest value. It begins with the simple average of
 * the first `length` values, as in TA-Lib. Murphy (1999), chapter 9.
 */
export function ema(values: readonly number[], length: number): IndicatorLine {
  return smoothed(values, length, 2 / (length + 1))
}

/**
 * Relative strength index, 0 to 100: the share of the smoothed gains in the smoothed moves. Averages are Wilder's, with
 * the weight 1 / length, and begin with the simple average of the first `length` moves. Without any move it is 50.
 * Wilder, New Concepts in Technical Trading Systems (1978), section VI.
 */
export function rsi(values: readonly number[], length: number): IndicatorLine {
  const moves = values.slice(1).map((value, at) => value - (values[at] as number))
  const gains = smoothed(
    moves.map((move) => Math.max(0, move)),
    length,
    1 / length
  )
  const losses = smoothed(
    moves.map((move) => Math.max(0, -move)),
    length,
    1 / length
  )
  return values.map((_, at) => {
    const [gain, loss] = [gains[at - 1] ?? null, losses[at - 1] ?? null]
    if (gain === null || loss === null) return null
    return gain + loss === 0 ? 50 : (100 * gain) / (gain + loss)
  })
}

/**
 * MACD: the fast exponential average less the slow one, its exponential average (the signal), and the difference of the
 * two (the histogram). Appel, Technical Analysis: Power Tools for Active Investors (2005), chapter 8; usual lengths 12, 26, 9.
 */
export function macd(
  values: readonly number[],
  fast: number,
  slow: number,
  signalLength: number
): Macd {
  const [quick, calm] = [ema(values, fast), ema(values, slow)]
  const line = values.map((_, at) => difference(quick[at], calm[at]))
  const start = line.findIndex((value) => value !== null)
  const known = start < 0 ? [] : line.slice(start).filter((value) => value !== null)
  const own = ema(known, signalLength)
  const signal = values.map((_, at) => (start < 0 ? null : (own[at - start] ?? null)))
  return { macd: line, signal, histogram: line.map((value, at) => difference(value, signal[at])) }
}

/**
 * Bollinger bands: the simple average of `length` values, and that plus and minus `width` standard deviations of the same
 * values (of the population, divided by `length`). Bollinger on Bollinger Bands (2001), chapter 7; usual values 20 and 2.
 */
export function bollinger(
  values: readonly number[],
  length: number,
  width: number
): BollingerBands {
  const middle = sma(values, length)
  const spread = middle.map((mean, at) => {
    if (mean === null) return null
    let squares = 0
    for (let one = at + 1 - length; one <= at; one++)
      squares += ((values[one] as number) - mean) ** 2
    return width * Math.sqrt(squares / length)
  })
  const shifted = (sign: 1 | -1): IndicatorLine =>
    middle.map((mean, at) => {
      const by = spread[at] ?? null
      return mean === null || by === null ? null : mean + sign * by
    })
  return { middle, upper: shifted(1), lower: shifted(-1) }
}

/** The fields of a bar that a VWAP needs. */
interface VwapBar {
  readonly tradeDate: string
  readonly session: string
  readonly notional: number
  readonly vwap: number | null
}

/** What a session VWAP begins again at. */
export function anchorOf({ tradeDate, session }: Pick<VwapBar, 'tradeDate' | 'session'>): string {
  return `${tradeDate} ${session}`
}

/**
 * What a bar adds to the VWAP of its session. Some trades count as volume but not for the VWAP, so its volume follows from the
 * bar's own VWAP: notional / vwap.
 */
export function vwapPartOf(bar: VwapBar): VwapPart {
  const { notional, vwap } = bar
  const isPriced = vwap !== null && vwap !== 0
  return {
    notional: isPriced ? notional : 0,
    volume: isPriced ? notional / vwap : 0,
    anchor: anchorOf(bar)
  }
}

/**
 * Volume-weighted average price from the anchor to each bar: the sum of notionals over the sum of volumes. Null until
 * something with volume has traded since the anchor. Berkowitz, Logue and Noser, The Total Cost of Transactions on the
 * NYSE, Journal of Finance 43 (1988).
 */
export function anchoredVwap(parts: readonly VwapPart[]): IndicatorLine {
  let [notional, volume] = [0, 0]
  return parts.map((part, at) => {
    if (part.anchor !== parts[at - 1]?.anchor) [notional, volume] = [0, 0]
    notional += part.notional
    volume += part.volume
    return volume > 0 ? notional / volume : null
  })
}

/** An exponential average that begins with the simple one of the first `length` values. */
function smoothed(values: readonly number[], length: number, weight: number): IndicatorLine {
  let average: number | null = null
  return values.map((value, at) => {
    if (at + 1 < length) return null
    average = average === null ? meanOf(values, 0, length) : average + weight * (value - average)
    return average
  })
}

function meanOf(values: readonly number[], from: number, to: number): number {
  let sum = 0
  for (let at = from; at < to; at++) sum += values[at] as number
  return sum / (to - from)
}

function difference(
  left: number | null | undefined,
  right: number | null | undefined
): number | null {
  return typeof left === 'number' && typeof right === 'number' ? left - right : null
}

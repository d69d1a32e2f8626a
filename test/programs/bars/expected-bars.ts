import { sessionOfTrade, tradingDateAt } from '@tapedeck/domain'
import { decimalUnits, FACTOR_DECIMALS, SUM_DECIMALS } from './decimal-units.ts'

/** A trade with its place in the order of the feed. */
export interface PlacedTrade {
  readonly symbol: string
  readonly p: number
  /** Epoch ms. */
  readonly t: number
  readonly v: number
  readonly c: readonly string[] | null
  readonly feed: string
  readonly connection: string
  readonly frame: number
  readonly index: number
  /** When the producer received its frame, epoch ms. */
  readonly receivedAt: number
  /** Where its record stands, if that is known. */
  readonly partition?: number
  readonly offset?: number
}

/** Sums in units of 10^-SUM_DECIMALS, under the names of the stored ones. */
interface ExpectedSums {
  readonly volume: bigint
  readonly notional: bigint
  readonly prices: bigint
  readonly squares: bigint
  readonly squaredReturns: bigint
  readonly upVolume: bigint
  readonly downVolume: bigint
  readonly unchangedVolume: bigint
}

/** A bar as its trades give it when every print may set the price and counts as volume. */
export interface ExpectedBar {
  readonly symbol: string
  readonly timeframe: string
  readonly startMs: number
  readonly endMs: number
  readonly high: number
  readonly low: number
  readonly first: PlacedTrade
  readonly last: PlacedTrade
  readonly tradeCount: number
  readonly sums: ExpectedSums
  /** Of all its trades, else `mixed`. */
  readonly session: string
  readonly feed: string
  readonly tradeDate: string
  /** When the newest of its trades was received, epoch ms. */
  readonly receivedAt: number
  /** Of the records that brought them; NaN and 0 when these are not known. */
  readonly partition: number
  readonly nextOffset: number
  /** What came late by event time alone, whatever an idle clock added. Volume as in the sums. */
  readonly surelyLate: {
    readonly trades: number
    readonly frames: number
    readonly volume: bigint
  }
}

const LENGTHS_MS: Readonly<Record<string, number>> = {
  '1s': 1000,
  '5s': 5000,
  '15s': 15_000,
  '1m': 60_000,
  '5m': 300_000,
  '15m': 900_000,
  '1h': 3_600_000
}

/** The timeframes whose bars can be computed here. */
export const TIMEFRAMES: readonly string[] = [...Object.keys(LENGTHS_MS), '1d', 'regular']

/** Closing prints are waited for so long after the bell. */
const CLOSING_PRINTS_MS = 600_000

/** Epoch ms; `finalMs` is the watermark at which the bar is final. */
export interface ExpectedWindow {
  readonly startMs: number
  readonly endMs: number
  readonly finalMs: number
}

/**
 * The window that a trade falls into; undefined where `regular` does not take it. The market's calendar
 * is the project's own: it is not what a crash can break.
 */
export function windowOf(
  timeframe: string,
  { symbol, t, c }: Pick<PlacedTrade, 'symbol' | 't' | 'c'>
): ExpectedWindow | undefined {
  const lengthMs = LENGTHS_MS[timeframe]
  if (lengthMs !== undefined) {
    const startMs = Math.floor(t / lengthMs) * lengthMs
    return { startMs, endMs: startMs + lengthMs, finalMs: startMs + lengthMs }
  }
  const date = tradingDateAt(symbol, t)
  if (timeframe === '1d') {
    return { startMs: date.startMs, endMs: date.endMs, finalMs: date.endMs }
  }
  const session = sessionOfTrade(symbol, date, t, c)
  const { openMs, closeMs } = date
  if (session === 'continuous') return { startMs: openMs, endMs: closeMs, finalMs: closeMs }
  if (session !== 'regular') return undefined
  return { startMs: openMs, endMs: closeMs, finalMs: closeMs + CLOSING_PRINTS_MS }
}

/** A trade with what follows from the trades of its symbol before it. */
interface MeasuredTrade {
  readonly trade: PlacedTrade
  readonly session: string
  /** By the tick rule: 1 up, -1 down, 0 while no other price was seen. */
  readonly direction: number
  /** Squared log return from the print before on the same trading date; whole units of 1e-16. */
  readonly squaredReturn: bigint
  /** The newest trade of the frames before it, less the allowed delay; epoch ms. */
  readonly watermarkMs: number
}

/**
 * The bars of trades by id, by other means than the product's: no panes and no merging; sort, group,
 * and sums of decimal texts as big integers.
 */
export class BarRecount {
  readonly #trades: readonly MeasuredTrade[]

  /** @param allowedDelayMs ALLOWED_DELAY of the consumer */
  constructor(trades: readonly PlacedTrade[], allowedDelayMs: number) {
    this.#trades = [...Map.groupBy(trades, ({ symbol }) => symbol).values()].flatMap((own) =>
      measured(own, allowedDelayMs)
    )
  }

  /** By `<symbol>|<timeframe>|<start in epoch ms>`. */
  bars(timeframe: string): Map<string, ExpectedBar> {
    const windows = new Map<string, { window: ExpectedWindow; trades: MeasuredTrade[] }>()
    for (const one of this.#trades) {
      const window = windowOf(timeframe, one.trade)
      if (window === undefined) continue
      const id = `${one.trade.symbol}|${timeframe}|${window.startMs}`
      const found = windows.get(id)
      if (found === undefined) windows.set(id, { window, trades: [one] })
      else found.trades.push(one)
    }
    return new Map(
      [...windows].map(([id, { window, trades }]) => [id, barOf(timeframe, window, trades)])
    )
  }
}

/** Squared returns count in units of 1e-8, with 8 decimals. */
const RETURN_SCALE = 1e8
/** Units of a sum in one of 1e-8. */
const SUM_UNITS_OF_8_DECIMALS = 10n ** BigInt(SUM_DECIMALS - 8)
/** Units of a sum in one of a factor. */
const SUM_UNITS = 10n ** BigInt(SUM_DECIMALS - FACTOR_DECIMALS)

function measured(own: readonly PlacedTrade[], allowedDelayMs: number): MeasuredTrade[] {
  let before: { readonly price: number; readonly tradeDate: string } | undefined
  let direction = 0
  let newestMs = -Infinity
  let newestOfFramesMs = -Infinity
  let frame: PlacedTrade | undefined
  return own.toSorted(byPlace).map((trade) => {
    const { symbol, p, t, c } = trade
    const date = tradingDateAt(symbol, t)
    if (before !== undefined && p !== before.price) direction = p > before.price ? 1 : -1
    const isSameDate = before?.tradeDate === date.tradeDate
    const move = before === undefined || !isSameDate ? 0 : Math.log(p / before.price)
    before = { price: p, tradeDate: date.tradeDate }
    if (frame?.frame !== trade.frame || frame.connection !== trade.connection) {
      frame = trade
      newestOfFramesMs = newestMs
    }
    newestMs = Math.max(newestMs, t)
    return {
      trade,
      session: sessionOfTrade(symbol, date, t, c),
      direction,
      squaredReturn: BigInt(Math.round(move * move * RETURN_SCALE * 1e8)),
      watermarkMs: newestOfFramesMs - allowedDelayMs
    }
  })
}

function barOf(
  timeframe: string,
  { startMs, endMs, finalMs }: ExpectedWindow,
  group: readonly MeasuredTrade[]
): ExpectedBar {
  // Sorting is stable: trades of one time keep the order in which the feed sent them.
  const sorted = group.map(({ trade }) => trade).sort((a, b) => a.t - b.t)
  const [first] = sorted as [PlacedTrade]
  const late = group.filter(({ watermarkMs }) => watermarkMs >= finalMs)
  return {
    symbol: first.symbol,
    timeframe,
    startMs,
    endMs,
    high: sorted.reduce((high, { p }) => Math.max(high, p), -Infinity),
    low: sorted.reduce((low, { p }) => Math.min(low, p), Infinity),
    first,
    last: sorted.at(-1) ?? first,
    tradeCount: sorted.length,
    sums: sumsOf(group),
    session: commonOf(group.map(({ session }) => session)),
    feed: commonOf(sorted.map(({ feed }) => feed)),
    tradeDate: tradingDateAt(first.symbol, startMs).tradeDate,
    receivedAt: sorted.reduce((newest, { receivedAt }) => Math.max(newest, receivedAt), 0),
    partition: first.partition ?? NaN,
    nextOffset: sorted.reduce((next, { offset = -1 }) => Math.max(next, offset + 1), 0),
    surelyLate: {
      trades: late.length,
      frames: new Set(late.map(({ trade }) => `${trade.connection} ${trade.frame}`)).size,
      volume: sumsOf(late).volume
    }
  }
}

function sumsOf(group: readonly MeasuredTrade[]): ExpectedSums {
  let [volume, notional, prices, squares, squaredReturns] = [0n, 0n, 0n, 0n, 0n]
  let [upVolume, downVolume, unchangedVolume] = [0n, 0n, 0n]
  for (const { trade, direction, squaredReturn } of group) {
    const price = decimalUnits(trade.p)
    const size = decimalUnits(trade.v)
    volume += size
    notional += price * size
    prices += price
    squares += price * price
    squaredReturns += squaredReturn
    if (direction > 0) upVolume += size
    else if (direction < 0) downVolume += size
    else unchangedVolume += size
  }
  return {
    volume: volume * SUM_UNITS,
    notional,
    prices: prices * SUM_UNITS,
    squares,
    squaredReturns: squaredReturns * SUM_UNITS_OF_8_DECIMALS,
    upVolume: upVolume * SUM_UNITS,
    downVolume: downVolume * SUM_UNITS,
    unchangedVolume: unchangedVolume * SUM_UNITS
  }
}

function commonOf(values: readonly string[]): string {
  const [first = ''] = values
  return values.every((value) => value === first) ? first : 'mixed'
}

/** The order in which the feed sent them: connections rise with time, also as text. */
export function byPlace(a: PlacedTrade, b: PlacedTrade): number {
  if (a.connection !== b.connection) return a.connection < b.connection ? -1 : 1
  return a.frame - b.frame || a.index - b.index
}

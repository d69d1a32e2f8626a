import { coverageOf, type GapList } from '../feed-gaps.ts'
import { sessionAt, tradingDateAt } from '../sessions.ts'
import { tradesRoundTheClock } from '../symbols.ts'
import { anyWindowAt, type AnyWindow } from './any-window.ts'
import type { BarFields } from './bar-fields.ts'
import { barId } from './bar.ts'
import { lengthName, lengthOf, stepOf, windowAt, windowSpec, type Timeframe } from './window.ts'

/** Windows in time: those of a timeframe without activity bars, or any others. */
export type TimeWindows = Timeframe | AnyWindow

interface Span {
  readonly startMs: number
  readonly endMs: number
}

const HOUR_MS = 3_600_000

/** Time from the start of one window to that of the next, ms; less where a session cuts a window. */
export function stepOfWindows(windows: TimeWindows): number {
  return typeof windows === 'string' ? (stepOf(windows) ?? HOUR_MS) : windows.lengthMs
}

/** The name that bars of these windows have as their timeframe. */
export function nameOfWindows(windows: TimeWindows): Timeframe {
  return typeof windows === 'string' ? windows : lengthName(windows.lengthMs)
}

/**
 * The windows that start in [fromMs, toMs) and in which a symbol may trade: those that reach into a session from pre-market
 * to after-hours of the exchange's calendar, so none of a night, a weekend or a holiday. In the order of time.
 * @throws RangeError for activity bars, whose windows are not in time
 */
export function* sessionWindows(
  symbol: string,
  windows: TimeWindows,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }
): Generator<Span> {
  const windowOf = (ms: number): Span =>
    typeof windows === 'string' ? windowAt(symbol, windows, ms) : anyWindowAt(symbol, windows, ms)
  const kind = typeof windows === 'string' ? windowSpec(windows).kind : undefined
  for (let atMs = fromMs; ;) {
    const { startMs, endMs } = windowOf(atMs)
    // Not atMs: a window that begins before the end of the range may reach into a session that begins after it.
    if (startMs >= toMs) return
    const date = tradingDateAt(symbol, startMs)
    const isOpen =
      reachesInto(startMs, endMs, date) ||
      (endMs > date.endMs && reachesInto(startMs, endMs, tradingDateAt(symbol, endMs - 1)))
    if (isOpen && startMs >= fromMs) yield { startMs, endMs }
    if (kind === 'hopping') atMs = startMs + stepOfWindows(windows)
    else if (kind === 'regular session') atMs = date.endMs
    else if (isOpen || endMs >= date.endMs) atMs = endMs
    else atMs = Math.max(endMs, endMs <= date.preMs ? date.preMs : date.endMs)
  }
}

function reachesInto(
  startMs: number,
  endMs: number,
  { preMs, postEndMs }: { readonly preMs: number; readonly postEndMs: number }
): boolean {
  return startMs < postEndMs && endMs > preMs
}

/** A time without session around a moment in which no window of these symbols begins that reaches into a session. */
export function closedSpanAt(
  symbols: readonly string[],
  windows: TimeWindows,
  atMs: number
): Span | undefined {
  const lengthMs = typeof windows === 'string' ? lengthOf(windows) : windows.lengthMs
  const [stock] = symbols
  if (stock === undefined || lengthMs === undefined || lengthMs > HOUR_MS) return undefined
  if (symbols.some(tradesRoundTheClock)) return undefined
  const { startMs, preMs, postEndMs, endMs } = tradingDateAt(stock, atMs)
  const beforeMs = preMs - lengthMs
  if (atMs < beforeMs) return { startMs, endMs: beforeMs }
  return atMs >= postEndMs && endMs - lengthMs > atMs
    ? { startMs: postEndMs, endMs: endMs - lengthMs }
    : undefined
}

/** A row for a window without a bar. Its prices are null, or all the close of the bar before it. */
export interface FilledBar extends BarFields {
  readonly filled: true
}

/**
 * A window without a trade: volume and counts are 0. Coverage and gap ids are those of the recorded gaps, so that a window
 * without a feed (coverage below 1) differs from one without a trade.
 * @param before the last bar with a price before it; undefined: none. Its feed decides which gaps are the symbol's
 * @param isCarried whether the prices are its close
 */
export function filledBar(
  symbol: string,
  windows: TimeWindows,
  { startMs, endMs }: Span,
  {
    before,
    isCarried,
    gaps
  }: { readonly before: BarFields | undefined; readonly isCarried: boolean; readonly gaps: GapList }
): FilledBar {
  const timeframe = nameOfWindows(windows)
  const date = tradingDateAt(symbol, startMs)
  const feed = before?.feed ?? 'mixed'
  const found = gaps.within({ symbol, feed }, startMs, endMs)
  const price = isCarried ? (before?.close ?? null) : null
  const nothing = new Date(startMs)
  const [opens, closes] = [
    sessionAt(symbol, date, Math.max(startMs, Math.min(date.preMs, endMs - 1))),
    sessionAt(symbol, date, Math.min(endMs, date.postEndMs) - 1)
  ]
  return {
    _id: barId(symbol, timeframe, startMs),
    symbol,
    timeframe,
    start: new Date(startMs),
    end: new Date(endMs),
    open: price,
    high: price,
    low: price,
    close: price,
    volume: 0,
    notional: 0,
    vwap: null,
    meanPrice: null,
    sdPrice: null,
    logReturn: null,
    realisedVolatility: null,
    inferredUpVolume: 0,
    inferredDownVolume: 0,
    inferredUnchangedVolume: 0,
    tradeCount: 0,
    firstTradeAt: nothing,
    lastTradeAt: nothing,
    session: opens === closes ? opens : 'mixed',
    tradeDate: date.tradeDate,
    status: 'final',
    revision: 0,
    revisionCause: null,
    lateCount: 0,
    lateVolume: 0,
    coverage: coverageOf(symbol, timeframe, startMs, endMs, found),
    gapIds: found.map(({ id }) => id),
    policy: before?.policy ?? 'none',
    conditionVersion: (before?.conditionVersion ?? null) as number,
    feed,
    filled: true
  }
}

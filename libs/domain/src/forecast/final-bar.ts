import type { Bar } from '../bars/bar.ts'
import { coverageOf, type SymbolFeed, type GapList } from '../feed-gaps.ts'
import { tradingDateAt } from '../sessions.ts'

/** A final (or revised) bar as the forecasts need it; times are epoch ms, prices in quote currency. */
export interface FinalBar {
  readonly symbol: string
  readonly timeframe: string
  readonly startMs: number
  readonly endMs: number
  /** Null when no trade set a price. */
  readonly close: number | null
  readonly session: string
  readonly tradeDate: string
  /** Share of the window in which the feed was up, 0 to 1. */
  readonly coverage: number
  readonly feed: string
  /** 0 when first final, one more for every correction; it distinguishes a repeat from a revision. */
  readonly revision: number
}

/** Share of a stretch [startMs, endMs) of a series in which its feed was up, 0 to 1. */
export type CoverageOf = (subject: SymbolFeed, startMs: number, endMs: number) => number

/**
 * The bars that forecasts are made from, of these timeframes: first those revised among the changed
 * ones, as they were before the new ones became final.
 */
export function forecastBars(
  finals: readonly Bar[],
  changed: readonly Bar[],
  timeframes: ReadonlySet<string>
): FinalBar[] {
  const fresh = new Set(finals)
  const revised = changed.filter((bar) => bar.status === 'revised' && !fresh.has(bar))
  return [...revised, ...finals]
    .filter(({ timeframe }) => timeframes.has(timeframe))
    .map(finalBarOf)
}

/** The share of a stretch without a bar in which the feed was up, by the known gaps. */
export function coverageBy(gaps: GapList): CoverageOf {
  return (subject, startMs, endMs) =>
    coverageOf(subject.symbol, '1s', startMs, endMs, gaps.within(subject, startMs, endMs)) ?? 1
}

function finalBarOf(bar: Bar): FinalBar {
  const { symbol, timeframe, startMs, endMs, accumulator, gaps, revision } = bar
  return {
    symbol,
    timeframe,
    startMs,
    endMs,
    close: accumulator.close,
    session: accumulator.session,
    tradeDate: tradingDateAt(symbol, startMs).tradeDate,
    coverage: coverageOf(symbol, timeframe, startMs, endMs, gaps) ?? 1,
    feed: accumulator.feed,
    revision
  }
}

import {
  coverageOf,
  tradingDateAt,
  type Bar,
  type FinalBar,
  type GapList,
  type ForecastInput
} from '@tapedeck/domain'

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

/** The share of a stretch without a bar in which the feed was up, by the gaps that are known. */
export function coverageBy(gaps: GapList): NonNullable<ForecastInput['coverageOf']> {
  return (symbol, startMs, endMs) =>
    coverageOf(symbol, '1s', startMs, endMs, gaps.within(symbol, startMs, endMs)) ?? 1
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

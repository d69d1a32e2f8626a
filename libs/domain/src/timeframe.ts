import { Problems, type Variable } from '@tapedeck/core'

/**
 * The lengths of bars. All but the trading day are aligned to the UTC epoch, [start, end); the
 * trading day `1d` begins at 20:00 New York of the evening before for stocks and at 00:00 UTC for
 * round-the-clock markets (see sessions.ts).
 */
export const TIMEFRAMES = ['1s', '5s', '15s', '1m', '5m', '15m', '1h', '1d'] as const
export type Timeframe = (typeof TIMEFRAMES)[number]
export type IntradayTimeframe = Exclude<Timeframe, '1d'>

/** Milliseconds of an intraday window. */
export const WINDOW_MS: Readonly<Record<IntradayTimeframe, number>> = {
  '1s': 1000,
  '5s': 5000,
  '15s': 15_000,
  '1m': 60_000,
  '5m': 300_000,
  '15m': 900_000,
  '1h': 3_600_000
}

/** The pane: what trades are folded into once; every timeframe is a merge of panes. */
export const PANE_MS = 1000

export const DEFAULT_TIMEFRAMES: readonly Timeframe[] = ['1s', '5s', '1m', '5m', '15m', '1h', '1d']

export function isTimeframe(text: string): text is Timeframe {
  return (TIMEFRAMES as readonly string[]).includes(text)
}

/** A comma-separated list such as 1s,1m,1d; every unknown or repeated entry is named. */
export function timeframesVariable(): Variable<readonly Timeframe[]> {
  return {
    fallback: DEFAULT_TIMEFRAMES,
    required: true,
    secret: false,
    expected: `a list of ${TIMEFRAMES.join(', ')}`,
    parse(found) {
      const entries = found.split(',').map((entry) => entry.trim())
      const unknown = entries.filter((entry) => !isTimeframe(entry))
      const repeated = entries.filter((entry, index) => entries.indexOf(entry) !== index)
      const problems = [
        ...unknown.map(
          (entry) => `'${entry}' is unknown, expected one of ${TIMEFRAMES.join(', ')}`
        ),
        ...repeated.map((entry) => `'${entry}' is there twice, expected each once`)
      ]
      if (problems.length > 0) throw new Problems(problems)
      return TIMEFRAMES.filter((timeframe) => entries.includes(timeframe))
    }
  }
}

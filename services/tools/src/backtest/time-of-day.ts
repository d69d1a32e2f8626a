import { tradesRoundTheClock, tradingDateAt } from '@tapedeck/domain'
import type { Outcomes } from './outcomes.ts'

/** Coverage of the bands in one half hour of the day, over all symbols and models. */
export interface HalfHour {
  readonly timeframe: string
  readonly lookback: number
  readonly horizon: number
  /** Minutes after midnight: New York for stocks, UTC for what trades round the clock. */
  readonly minute: number
  readonly n: number
  readonly coverageOls: number
  readonly coverageBand: number
}

const HALF_HOUR_MIN = 30
const OPEN_MIN = 9 * 60 + 30
const DAY_MIN = 1440
const MINUTE_MS = 60_000

/** How reliable the bands are over the day, for each kind of forecast. */
export function timeOfDay(all: readonly Outcomes[]): HalfHour[] {
  const sums = new Map<string, { -readonly [K in keyof HalfHour]: HalfHour[K] }>()
  for (const one of all) {
    const { timeframe, lookback, horizon } = one
    for (const { targetMs, inOls, inBand } of one.scored()) {
      const minute = halfHourOf(one.symbol, targetMs)
      const key = `${timeframe}|${lookback}|${horizon}|${minute}`
      let sum = sums.get(key)
      if (sum === undefined) {
        sum = { timeframe, lookback, horizon, minute, n: 0, coverageOls: 0, coverageBand: 0 }
        sums.set(key, sum)
      }
      sum.n++
      if (inOls) sum.coverageOls++
      if (inBand) sum.coverageBand++
    }
  }
  return [...sums.values()]
    .map((sum) => ({
      ...sum,
      coverageOls: sum.coverageOls / sum.n,
      coverageBand: sum.coverageBand / sum.n
    }))
    .sort((a, b) => a.minute - b.minute)
}

/** The half hour of the local day in which a moment lies; stocks by their opening bell. */
function halfHourOf(symbol: string, atMs: number): number {
  const minute = tradesRoundTheClock(symbol)
    ? Math.floor(atMs / MINUTE_MS) % DAY_MIN
    : OPEN_MIN + Math.floor((atMs - tradingDateAt(symbol, atMs).openMs) / MINUTE_MS)
  const inDay = ((minute % DAY_MIN) + DAY_MIN) % DAY_MIN
  return inDay - (inDay % HALF_HOUR_MIN)
}

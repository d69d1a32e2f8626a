import { systemClock } from '@tapedeck/core'
import type { BarFields } from '@tapedeck/domain'
import { aBar, aForecast, aSymbol, T0_MS } from '../../../support/market-documents.ts'
import { apiOn } from '../reader-double.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS
export const NOW_MS = T0_MS + 10 * MINUTE_MS
const clock = { ...systemClock, now: () => NOW_MS }

/** Bars of one minute around T0, with a session before it; each has twice the notional of the one before it. */
const MINUTES = [-3, -2, -1, 0, 1, 2, 3].map((index) =>
  aBar('AAPL', '1m', MINUTE_MS, index, {
    close: 100 + index,
    notional: 1000 * (index + 4),
    vwap: 100 + index,
    session: index < -1 ? 'pre' : 'regular'
  })
)
const DAYS = [
  aBar('AAPL', '1d', DAY_MS, -1, { close: 80 }),
  aBar('AAPL', '1d', DAY_MS, 0, { close: 103, volume: 5000 })
]

/** An api on seven bars of one minute and two of a day of AAPL, with forecasts of two minutes; nothing of MSFT. */
export const app = apiOn(
  {
    symbols: () => Promise.resolve([aSymbol('AAPL', { lastPrice: 100 })]),
    async bars({ timeframe, fromMs, toMs, limit }) {
      const stored: readonly BarFields[] =
        timeframe === '1d' ? DAYS : timeframe === '1m' ? MINUTES : []
      return stored.filter(({ start }) => +start >= fromMs && +start < toMs).slice(-limit)
    },
    async forecasts({ fromMs, toMs, horizon }) {
      const made = [2, 4].map((index) =>
        aForecast('AAPL', index, undefined, { bandLower: 99, bandUpper: 101, forecast: 100.5 })
      )
      return made.filter(({ target }) => horizon === 1 && +target >= fromMs && +target < toMs)
    }
  },
  clock,
  { SYMBOLS: 'AAPL,MSFT' }
)

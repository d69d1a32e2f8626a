import { readConfig, buildApi } from '@tapedeck/api'
import { systemClock } from '@tapedeck/core'
import type { MarketReader } from '@tapedeck/mongo'
import { createContext, createLogger } from '@tapedeck/service'

/** A reader that holds nothing; a test replaces what it looks at. */
export function emptyReader(parts: Partial<MarketReader> = {}): MarketReader {
  return {
    ping: async () => undefined,
    symbols: async () => [],
    forecastSymbols: async () => [],
    trades: async () => [],
    bars: async () => [],
    forecasts: async () => [],
    forecastScores: async () => [],
    ...parts
  }
}

/** The api on a reader of the test's own, for its error paths and its sharing of reads. */
export function apiOn(parts: Partial<MarketReader>, clock = systemClock) {
  const { context } = createContext(createLogger('api', 'silent'))
  const config = readConfig({ MONGODB_URI: 'mongodb://unused', SYMBOLS: 'AAPL,MSFT' })
  return buildApi({ reader: emptyReader(parts), context, clock }, config)
}

import { readConfig, buildApi } from '@tapedeck/api/testing'
import { systemClock, type Env } from '@tapedeck/core'
import { createContext, createLogger } from '@tapedeck/service'

type Reader = Parameters<typeof buildApi>[0]['reader']

/** A reader that holds nothing; a test replaces what it looks at. */
function emptyReader(parts: Partial<Reader> = {}): Reader {
  return {
    ping: async () => undefined,
    symbols: async () => [],
    trades: async () => [],
    bars: async () => [],
    bar: async () => undefined,
    nextFirstTrade: async () => undefined,
    tape: async () => undefined,
    async *tradeHistory() {},
    async *barHistory() {},
    async *barsAsOf() {},
    async *composedBars() {},
    async *filledBars() {},
    secondsFrom: async ({ fromMs }) => fromMs,
    async *forecastHistory() {},
    lateTrades: async () => [],
    lateAges: async () => [],
    forecasts: async () => [],
    forecastScores: async () => [],
    forecastEvents: async () => [],
    forecastAbsences: async () => [],
    feeds: async () => [],
    quotes: async () => [],
    gaps: async () => [],
    storedUntil: async () => Infinity,
    subscriptions: async () => [],
    setWanted: async () => undefined,
    storedOffsets: async () => new Map(),
    runs: async () => [],
    runsInMotion: async () => [],
    runsOfAlerts: async () => [],
    run: async () => undefined,
    taskRuns: async () => [],
    taskStates: async () => new Map(),
    runRequests: async () => [],
    requestRun: async () => undefined,
    cancelRun: async () => false,
    schedules: async () => [],
    ...parts
  }
}

/** The api on a reader of the test's own, for its error paths and its sharing of reads. */
export function apiOn(
  parts: Partial<Reader>,
  clock = systemClock,
  env: Env = {},
  flow?: Parameters<typeof buildApi>[0]['flow']
) {
  const { context } = createContext(createLogger('api', 'silent'))
  const config = readConfig({ MONGODB_URI: 'mongodb://unused', SYMBOLS: 'AAPL,MSFT', ...env })
  return buildApi(
    { reader: emptyReader(parts), context, clock, ...(flow !== undefined && { flow }) },
    config
  )
}

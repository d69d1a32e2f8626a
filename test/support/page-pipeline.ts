import { recordsOf, type TradeRecord } from '@tapedeck/domain'
import { Market as SyntheticMarket } from '@tapedeck/simulator/testing'
import { freePort } from './free-port.ts'
import { openMarket, type Market } from './market.ts'
import type { Scope } from './scope.ts'
import { startService, type RunningService } from './service-process.ts'
import { until } from './until.ts'

const SEED = 1
const RATE = 3
const THIN_RATE = 0.1
/** Slices of the past; an outage is one without trades. */
const SLICE_MS = 1000
/** The producer's connections begin with the time in base 36, so theirs are later than these. */
const PAST_CONNECTION = '0a0000000past'

/** What the past of a pipeline is made of, back from now; times in ms. */
export interface Past {
  /** With a trade in ten seconds of the first symbol only. */
  readonly thinMs: number
  /** With the simulator's usual rate. */
  readonly denseMs: number
}

/** The whole pipeline as processes of its own: simulator, producer, broker, consumer, database, api. */
export interface Pipeline {
  readonly market: Market
  readonly url: string
  api(): RunningService
  /** Kills the api and starts it again on its port. */
  killApi(): Promise<void>
  /** Starts the feed: trades come from here on. */
  startFeed(): Promise<void>
}

/** Starts consumer and api on the past of these symbols; the feed starts when it is told to. */
export async function openPipeline(
  t: Scope,
  symbols: readonly string[],
  past: Past,
  more: Readonly<Record<string, string>> = {}
): Promise<Pipeline> {
  const market = await openMarket(t)
  const [port, feedPort] = [await freePort(), await freePort()]
  const env = {
    ...market.env,
    FLUSH_INTERVAL: '1s',
    SYMBOLS: symbols.join(','),
    FINNHUB_MAX_SYMBOLS: String(Math.max(50, symbols.length)),
    API_PORT: String(port),
    SIMULATOR_PORT: String(feedPort),
    SIMULATOR_SEED: String(SEED),
    SIMULATOR_RATE: String(RATE),
    FINNHUB_TOKEN: '',
    FINNHUB_URL: `ws://127.0.0.1:${feedPort}`,
    FEED_NAME: 'simulated',
    ...more
  }
  const start = async (name: string): Promise<RunningService> => {
    const service = await startService(name, env)
    t.after(() => service.stop())
    return service
  }
  const records = pastRecords(symbols, past, Date.now())
  const outage = outageOf(Date.now(), past)
  await market.publish(records)
  if (past.denseMs > 0) await market.publishGap({ id: 'gap-of-the-past', ...outage })
  await start('consumer')
  const published = records.reduce((sum, { trades }) => sum + trades.length, 0)
  await until(
    'the past is stored',
    async () => (await market.database.trades.countDocuments()) >= published,
    120_000
  )
  let api = await start('api')
  return {
    market,
    url: `http://127.0.0.1:${port}`,
    api: () => api,
    async killApi() {
      process.kill(api.pid, 'SIGKILL')
      await api.exited
      api = await start('api')
    },
    async startFeed() {
      await start('simulator')
      await start('producer')
    }
  }
}

/** Half a minute without a feed, five minutes ago. */
function outageOf(nowMs: number, { denseMs }: Past): { fromMs: number; toMs: number } {
  const fromMs = Math.floor((nowMs - Math.min(denseMs / 2, 300_000)) / SLICE_MS) * SLICE_MS
  return { fromMs, toMs: fromMs + 30_000 }
}

/** Records of a market that has the prices that the simulator goes on with; a late trade now and then revises a bar. */
function pastRecords(symbols: readonly string[], past: Past, nowMs: number): TradeRecord[] {
  const startMs = nowMs - past.denseMs - past.thinMs
  const denseMs = nowMs - past.denseMs
  const outage = outageOf(nowMs, past)
  const [thin, dense] = [
    marketFrom(symbols.slice(0, 1), startMs, THIN_RATE),
    marketFrom(symbols, denseMs, RATE)
  ]
  const records: TradeRecord[] = []
  let frame = 0
  for (const [market, endMs, sliceMs] of [
    [thin, denseMs, 60 * SLICE_MS],
    [dense, nowMs, SLICE_MS]
  ] as const) {
    while (market.atMs < endMs) {
      const toMs = Math.min(endMs, market.atMs + sliceMs)
      const isAway = market === dense && toMs > outage.fromMs && toMs <= outage.toMs
      for (const { text } of market.framesUntil(toMs)) {
        if (isAway) continue
        const { data } = JSON.parse(text) as {
          data: { s: string; p: number; t: number; v: number; c: string[] | null }[]
        }
        frame++
        const trades = data.map((trade, index) => ({ ...trade, index }))
        records.push(
          ...recordsOf(trades, {
            feed: 'simulated',
            connection: PAST_CONNECTION,
            frame,
            receivedAt: toMs
          })
        )
      }
    }
  }
  return records
}

function marketFrom(
  symbols: readonly string[],
  startMs: number,
  tradesPerSecond: number
): SyntheticMarket {
  const market = new SyntheticMarket({
    seed: SEED,
    startMs: Math.floor(startMs / SLICE_MS) * SLICE_MS,
    tradesPerSecond,
    alwaysOpen: true,
    market: 'martingale'
  })
  market.want(new Set(symbols))
  return market
}

import { messageOf, TapedeckError } from '@tapedeck/core'
import { startConsumer } from '@tapedeck/consumer'
import { readConfig as readConsumerConfig } from '@tapedeck/consumer/testing'
import type { FeedTimes } from '@tapedeck/feed'
import { startProducer } from '@tapedeck/producer'
import { readConfig as readProducerConfig } from '@tapedeck/producer/testing'
import { createContext, type ServiceContext } from '@tapedeck/service'
import { readConfig, startSimulator, type RunningSimulator } from '@tapedeck/simulator/testing'
import { openMarket, type Market } from '../../support/market.ts'
import { temporaryFolder, type Scope } from '../../support/scope.ts'
import { until } from '../../support/until.ts'
import {
  causesIn,
  feedErrorsIn,
  storedIn,
  valuesOf,
  type Observation,
  recordedLog,
  type LogLine
} from './observation.ts'

export const TOKEN = 'harness-token'

/** The pipeline from simulator to database on a topic and a database of its own; no part is a double. */
export interface Harness {
  readonly simulator: RunningSimulator
  readonly market: Market
  /** The environment of the producer. */
  readonly producerEnv: Readonly<Record<string, string>>
  /** Starts the producer; once. */
  startProducer(): Promise<void>
  /** Stops it in order: what it received is published. */
  stopProducer(): Promise<void>
  /** Ends the trades; resolves when the producer has received all that was sent on this connection. */
  endTrades(): Promise<void>
  /** Without the frame by which `endTrades` recognises the end. */
  observe(): Promise<Observation>
}

export interface HarnessOptions {
  readonly symbols: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly times: Partial<FeedTimes>
}

interface Service<T> {
  readonly result: T
  readonly lines: readonly LogLine[]
  readonly metrics: () => Promise<string>
  readonly failure: () => unknown
  stop(): Promise<void>
}

export async function openHarness(
  scope: Scope,
  { symbols, env, times }: HarnessOptions
): Promise<Harness> {
  const market = await openMarket(scope)
  const folder = await temporaryFolder(scope)
  const simulator = await start(scope, 'simulator', (context) =>
    startSimulator(readConfig(env), context)
  )
  const consumer = await start(scope, 'consumer', (context) =>
    startConsumer(readConsumerConfig({ ...market.env, LATENESS_LIMIT: '24h', ...env }), context)
  )
  const producerEnv = {
    ...market.env,
    ...env,
    TAPEDECK_DATA_DIR: folder,
    SYMBOLS: symbols.join(','),
    FINNHUB_TOKEN: TOKEN,
    FINNHUB_URL: simulator.result.url,
    FEED_NAME: 'simulated'
  }
  let producer: Service<unknown> | undefined
  let endFrames = 0
  return {
    simulator: simulator.result,
    market,
    producerEnv,
    async startProducer() {
      const config = { ...readProducerConfig(producerEnv), feedTimes: times }
      producer = await start(scope, 'producer', (context) => startProducer(config, context))
    },
    async stopProducer() {
      await producer?.stop()
    },
    async endTrades() {
      const others = async (): Promise<number> =>
        valuesOf((await producer?.metrics()) ?? '', 'frames_received_total')['other'] ?? 0
      const before = await others()
      simulator.result.perform({ do: 'send', text: '{"type":"end of the scenario"}' })
      simulator.result.perform({ do: 'mute', pings: true })
      await until('the last frame is received', async () => (await others()) > before)
      endFrames++
    },
    async observe() {
      const [produced = '', consumed, stored] = await Promise.all([
        producer?.metrics(),
        consumer.metrics(),
        storedIn(market.database)
      ])
      const lines = producer?.lines ?? []
      const frames = valuesOf(produced, 'frames_received_total')
      const failure = producer?.failure()
      return {
        simulator: simulator.result.stats(),
        frames: { ...frames, other: (frames['other'] ?? 0) - endFrames },
        received: valuesOf(produced, 'trades_received_total')[''] ?? 0,
        refused: valuesOf(produced, 'trades_refused_total'),
        copies: valuesOf(produced, 'copied_frames_total'),
        dropped: valuesOf(produced, 'copied_trades_total')['dropped'] ?? 0,
        publishedRecords: valuesOf(produced, 'records_published_total')[''] ?? 0,
        disconnections: valuesOf(produced, 'feed_disconnections_total')[''] ?? 0,
        causes: causesIn(lines),
        feedErrors: feedErrorsIn(lines),
        failure: failureCode(failure),
        unknownCodes: valuesOf(consumed, 'unknown_condition_total'),
        ...stored
      }
    }
  }
}

function failureCode(failure: unknown): string | undefined {
  if (failure === undefined) return undefined
  return failure instanceof TapedeckError ? failure.code : messageOf(failure)
}

async function start<T>(
  scope: Scope,
  name: string,
  begin: (context: ServiceContext) => Promise<T>
): Promise<Service<T>> {
  const { log, lines } = recordedLog(name)
  const { context, stop, stopped } = createContext(log)
  let failure: unknown
  void noteFailure()
  let ending: Promise<boolean> | undefined
  const end = async (): Promise<void> => {
    stop()
    ending ??= context.close()
    await ending
  }
  scope.after(end)
  const result = await begin(context)
  return {
    result,
    lines,
    // From the registry: a failed service no longer serves its metrics.
    metrics: async () => (await context.metrics.expose()).body,
    failure: () => failure,
    stop: end
  }

  async function noteFailure(): Promise<void> {
    failure = (await stopped)?.error
  }
}

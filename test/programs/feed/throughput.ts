import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { ensureTopics } from '@tapedeck/kafka'
import { freePort } from '../../support/free-port.ts'
import { servers } from '../../support/servers.ts'
import { startService } from '../../support/service-process.ts'
import { OwnScope, temporaryFolder } from '../../support/scope.ts'
import { until } from '../../support/until.ts'

/** What one producer does when the feed is faster than it. */
export interface Throughput {
  readonly frames: number
  readonly trades: number
  /** First frame to the last acknowledgement of the broker. */
  readonly seconds: number
  readonly framesPerSecond: number
  readonly tradesPerSecond: number
  readonly cpuMicrosecondsPerTrade: number
}

const TRADES = 500_000
const LIMIT_MS = 120_000
const SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'SPY']
const START_MS = Date.UTC(2026, 2, 10, 14)

/** Plays a made-up tape at full speed to a producer, each a real process. */
export async function measureThroughput(): Promise<Throughput> {
  const scope = new OwnScope()
  try {
    const folder = await temporaryFolder(scope)
    const tape = path.join(folder, 'tape.ndjson')
    await writeFile(tape, tapeText())
    const { brokers, topic, mongoUri, database } = servers()
    await ensureTopics({ brokers, topic, ssl: false, sasl: undefined })
    const port = String(await freePort())
    const env = {
      SYMBOLS: SYMBOLS.join(','),
      KAFKA_BROKERS: brokers.join(','),
      KAFKA_TOPIC: topic,
      MONGODB_URI: mongoUri,
      MONGODB_DB: database,
      TAPEDECK_DATA_DIR: folder,
      SIMULATOR_PORT: port,
      SIMULATOR_FILE: tape,
      SIMULATOR_SPEED: 'max',
      SIMULATOR_START: `subscribed:${SYMBOLS.length}`,
      FINNHUB_TOKEN: '',
      FINNHUB_URL: `ws://127.0.0.1:${port}`,
      FEED_NAME: 'simulated'
    }
    const simulator = await startService('simulator', env)
    scope.after(() => simulator.stop())
    const producer = await startService('producer', env)
    scope.after(() => producer.stop())
    const cpuBefore = await producer.metric('process_cpu_seconds_total')
    let startedMs: number | undefined
    await until(
      'all trades are published',
      async () => {
        const published = await producer.metric('tapedeck_trades_published_total')
        if (published > 0) startedMs ??= performance.now()
        return published >= TRADES
      },
      LIMIT_MS
    )
    const seconds = (performance.now() - (startedMs ?? 0)) / 1000
    const frames = await producer.metric('tapedeck_frames_received_total')
    const cpu = (await producer.metric('process_cpu_seconds_total')) - cpuBefore
    return {
      frames,
      trades: TRADES,
      seconds,
      framesPerSecond: Math.round(frames / seconds),
      tradesPerSecond: Math.round(TRADES / seconds),
      cpuMicrosecondsPerTrade: Number(((cpu / TRADES) * 1e6).toFixed(2))
    }
  } finally {
    await scope.end()
  }
}

export function throughputLine(measured: Throughput): string {
  const { framesPerSecond, tradesPerSecond, cpuMicrosecondsPerTrade, trades } = measured
  return (
    `one producer: ${framesPerSecond} frames/s, ${tradesPerSecond} trades/s, ` +
    `${cpuMicrosecondsPerTrade} us CPU a trade (${trades} trades, ten a frame, ` +
    `${SYMBOLS.length} symbols, simulator and broker on the same machine)\n`
  )
}

function tapeText(): string {
  const lines = Array.from({ length: TRADES }, (_, index) =>
    JSON.stringify({
      s: SYMBOLS[index % SYMBOLS.length],
      p: 100 + (index % 997) / 100,
      t: START_MS + Math.floor(index / 50),
      v: 1 + (index % 300),
      c: ['1']
    })
  )
  return `${lines.join('\n')}\n`
}

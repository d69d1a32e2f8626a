import { setTimeout as sleep } from 'node:timers/promises'
import { performance } from 'node:perf_hooks'
import { TapedeckError } from '@tapedeck/core'
import { openDatabase } from '@tapedeck/mongo'
import { freePort } from '../support/free-port.ts'
import { compareBars, type Comparison } from './compare-bars.ts'
import { startService, type RunningService } from './pipeline.ts'
import { processCost, type ProcessCost } from './process-cost.ts'
import type { ReferenceBar } from './reference-bars.ts'
import { tradesOf } from './tape.ts'

export interface VerifyOptions {
  readonly tape: string
  readonly reference: readonly ReferenceBar[]
  readonly brokers: readonly string[]
  readonly mongoUri: string
  readonly topic: string
  readonly database: string
  /** Processes of the servers, to be measured as well. */
  readonly processes?: readonly { readonly name: string; readonly pid: number }[]
  /** Writes a CPU profile of each process here. */
  readonly profileDir?: string
  /** Hears of the progress about once a second. */
  readonly onProgress?: (progress: Progress) => void
}

export interface Progress {
  readonly trades: number
  readonly sent: number
  readonly published: number
  readonly stored: number
  readonly seconds: number
}

export interface Verification extends Comparison {
  readonly trades: number
  readonly documents: number
  readonly symbols: number
  /** First frame sent until the last trade is stored and its checkpoint written. */
  readonly seconds: number
  readonly tradesPerSecond: number
  readonly processes: readonly ProcessCost[]
  readonly holds: boolean
}

/** Nothing moves for so long: the pipeline hangs. */
const STALL_LIMIT_MS = 60_000
const POLL_MS = 250

/**
 * Plays a tape at full speed through simulator, producer, Kafka, consumer and MongoDB, each a real
 * process, and compares the stored trades and 1-minute bars with the reference.
 * @throws TIMED_OUT when nothing moves for a minute
 */
export async function verifyTape(options: VerifyOptions): Promise<Verification> {
  const symbols = new Set<string>()
  let trades = 0
  for await (const { s } of tradesOf(options.tape)) {
    symbols.add(s)
    trades++
  }
  const services: RunningService[] = []
  try {
    const env = {
      KAFKA_BROKERS: options.brokers.join(','),
      KAFKA_TOPIC: options.topic,
      KAFKA_GROUP: options.topic,
      MONGODB_URI: options.mongoUri,
      MONGODB_DB: options.database,
      SYMBOLS: [...symbols].join(','),
      FINNHUB_MAX_SYMBOLS: String(Math.max(50, symbols.size)),
      FINNHUB_TOKEN: '',
      LOG_LEVEL: 'info'
    }
    const start = async (name: string, more: Record<string, string>): Promise<RunningService> => {
      const service = await startService(name, { ...env, ...more }, options.profileDir)
      services.push(service)
      return service
    }
    const feedPort = String(await freePort())
    const simulator = await start('simulator', {
      SIMULATOR_PORT: feedPort,
      SIMULATOR_FILE: options.tape,
      SIMULATOR_SPEED: 'max',
      SIMULATOR_START: `subscribed:${symbols.size}`,
      SIMULATOR_MAX_SYMBOLS: String(Math.max(51, symbols.size))
    })
    const consumer = await start('consumer', {
      CONDITION_POLICY: 'all',
      LATENESS_LIMIT: '36500d',
      FEED_NAME: 'recorded'
    })
    const producer = await start('producer', {
      FINNHUB_URL: `ws://127.0.0.1:${feedPort}`,
      FEED_NAME: 'recorded'
    })
    const before = await costsOf(options)
    const seconds = await waitForEnd(trades, { simulator, producer, consumer }, options)
    const servers = (await costsOf(options)).map((after) => ({
      ...after,
      cpuSeconds:
        after.cpuSeconds - (before.find(({ name }) => name === after.name)?.cpuSeconds ?? 0)
    }))
    const processes = [...(await Promise.all(services.map(costOf))), ...servers]
    // A graceful stop writes what is still open and the last checkpoint.
    for (const service of services.toReversed()) await service.stop()
    services.length = 0
    return {
      ...(await compare(options, trades)),
      symbols: symbols.size,
      seconds,
      processes,
      tradesPerSecond: Math.round(trades / seconds)
    }
  } finally {
    await Promise.all(services.map((service) => service.stop()))
  }
}

async function waitForEnd(
  trades: number,
  services: Readonly<Record<'simulator' | 'producer' | 'consumer', RunningService>>,
  { onProgress }: VerifyOptions
): Promise<number> {
  const { simulator, producer, consumer } = services
  let startedMs: number | undefined
  let movedMs = performance.now()
  let before = ''
  let told = 0
  for (;;) {
    const [sent, published, stored, present, aside] = await Promise.all([
      simulator.metric('tapedeck_simulator_trades_sent_total'),
      producer.metric('tapedeck_trades_published_total'),
      consumer.metric('tapedeck_trades_stored_total'),
      consumer.metric('tapedeck_trades_present_total'),
      producer.metric('tapedeck_trades_refused_total')
    ])
    const nowMs = performance.now()
    if (sent > 0) startedMs ??= nowMs
    const seconds = startedMs === undefined ? 0 : (nowMs - startedMs) / 1000
    if (seconds - told >= 1) {
      told = seconds
      onProgress?.({ trades, sent, published, stored, seconds })
    }
    if (stored + present + aside >= trades && (await lagOf(consumer)) === 0) return seconds
    const state = `${sent} ${published} ${stored} ${present}`
    if (state !== before) movedMs = nowMs
    before = state
    if (nowMs - movedMs > STALL_LIMIT_MS) {
      throw new TapedeckError(
        'TIMED_OUT',
        `Nothing moved for ${STALL_LIMIT_MS / 1000} s: ${sent} trades sent, ${published} published, ` +
          `${stored} stored, expected ${trades}\n${Object.values(services)
            .map((service) => service.lastLines())
            .join('\n')}`
      )
    }
    await sleep(POLL_MS)
  }
}

/** Records read but not yet in a checkpoint. */
async function lagOf(consumer: RunningService): Promise<number> {
  return consumer.metric('tapedeck_consumer_lag_records')
}

async function costsOf({ processes = [] }: VerifyOptions): Promise<ProcessCost[]> {
  const costs = await Promise.all(processes.map(({ name, pid }) => processCost(name, pid)))
  return costs.filter((cost) => cost !== undefined)
}

async function costOf(service: RunningService): Promise<ProcessCost> {
  const [cpuSeconds, rssBytes] = await Promise.all([
    service.metric('process_cpu_seconds_total'),
    service.metric('process_resident_memory_bytes')
  ])
  return { name: service.name, cpuSeconds, rssMebibytes: Math.round(rssBytes / 1024 ** 2) }
}

async function compare(
  { reference, mongoUri, database: name }: VerifyOptions,
  trades: number
): Promise<Comparison & Pick<Verification, 'trades' | 'documents' | 'holds'>> {
  const database = await openDatabase({
    uri: mongoUri,
    database: name,
    username: undefined,
    password: undefined,
    tradesTtlMs: undefined
  })
  try {
    const documents = await database.trades.countDocuments()
    const stored = await database.bars.find({ timeframe: '1m' }).toArray()
    const comparison = compareBars(reference, stored)
    const holds =
      documents === trades && comparison.equal === reference.length && comparison.unexpected === 0
    return { ...comparison, trades, documents, holds }
  } finally {
    await database.db.dropDatabase()
    await database.close()
  }
}

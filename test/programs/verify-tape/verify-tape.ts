import { openDatabase } from '@tapedeck/mongo'
import { freePort } from '../../support/free-port.ts'
import { checkDatabase, type DatabaseCheck } from './check-database.ts'
import { databaseConfig } from '../../support/own-database.ts'
import { startService, type RunningService } from '../../support/service-process.ts'
import { costsOf, type ProcessCost } from './process-cost.ts'
import type { ReferenceBar } from './reference-bars.ts'
import { readTapeTotals, type Redelivered } from './tape-totals.ts'
import { waitForEnd, type Progress } from './wait-for-end.ts'

export interface VerifyOptions {
  readonly tape: string
  readonly reference: readonly ReferenceBar[]
  readonly brokers: readonly string[]
  readonly mongoUri: string
  readonly topic: string
  readonly database: string
  /** `drop` unless told otherwise. */
  readonly redelivered?: Redelivered
  /** Processes of the servers, to be measured as well. */
  readonly processes?: readonly { readonly name: string; readonly pid: number }[]
  /** Writes a CPU profile of each process here. */
  readonly profileDir?: string
  /** Hears of the progress about once a second. */
  readonly onProgress?: (progress: Progress) => void
}

export interface Verification extends DatabaseCheck {
  readonly symbols: number
  /** First frame sent until the last trade is stored and its checkpoint written. */
  readonly seconds: number
  readonly tradesPerSecond: number
  readonly processes: readonly ProcessCost[]
}

/** Each is compared with the stored trades. */
const VERIFIED: readonly string[] = ['1s', '5s', '15s', '1m', '5m', '15m', '1h', '1d']
const ALLOWED_DELAY_MS = 2000

/**
 * Plays a tape at full speed through simulator, producer, Kafka, consumer and MongoDB, each a real
 * process, and compares what is stored with the tape and the reference. The database is dropped at
 * the end.
 * @throws TIMED_OUT when nothing moves for a minute
 */
export async function verifyTape(options: VerifyOptions): Promise<Verification> {
  const { tape, reference, mongoUri, database, redelivered = 'drop' } = options
  const totals = await readTapeTotals(tape, redelivered)
  const services: RunningService[] = []
  try {
    const { seconds, processes } = await play(options, totals, services)
    // A graceful stop writes what is still open and the last checkpoint.
    for (const service of services.toReversed()) await service.stop()
    return {
      ...(await checkDatabase({
        mongoUri,
        database,
        topic: options.topic,
        totals,
        reference,
        timeframes: VERIFIED,
        allowedDelayMs: ALLOWED_DELAY_MS
      })),
      symbols: totals.bySymbol.size,
      seconds,
      tradesPerSecond: Math.round(totals.trades / seconds),
      processes
    }
  } finally {
    await Promise.all(services.map((service) => service.stop()))
    await drop(options)
  }
}

async function play(
  options: VerifyOptions,
  totals: Awaited<ReturnType<typeof readTapeTotals>>,
  services: RunningService[]
): Promise<Pick<Verification, 'seconds' | 'processes'>> {
  const symbols = [...totals.bySymbol.keys()]
  const env = {
    KAFKA_BROKERS: options.brokers.join(','),
    KAFKA_TOPIC: options.topic,
    KAFKA_GROUP: options.topic,
    MONGODB_URI: options.mongoUri,
    MONGODB_DB: options.database,
    SYMBOLS: symbols.join(','),
    FINNHUB_MAX_SYMBOLS: String(Math.max(50, symbols.length)),
    FINNHUB_TOKEN: '',
    FEED_NAME: 'recorded',
    LOG_LEVEL: 'info'
  }
  const start = async (name: string, more: Record<string, string>): Promise<RunningService> => {
    const service = await startService(name, { ...env, ...more }, options.profileDir)
    services.push(service)
    return service
  }
  const feedPort = String(await freePort())
  const [simulator, consumer] = await Promise.all([
    start('simulator', {
      SIMULATOR_PORT: feedPort,
      SIMULATOR_FILE: options.tape,
      SIMULATOR_SPEED: 'max',
      SIMULATOR_START: `subscribed:${symbols.length}`,
      SIMULATOR_MAX_SYMBOLS: String(Math.max(51, symbols.length))
    }),
    start('consumer', {
      CONDITION_POLICY: 'all',
      ALLOWED_DELAY: `${ALLOWED_DELAY_MS}ms`,
      LATENESS_LIMIT: '36500d',
      REDELIVERED: options.redelivered ?? 'drop',
      TIMEFRAMES: VERIFIED.join(',')
    })
  ])
  const producer = await start('producer', { FINNHUB_URL: `ws://127.0.0.1:${feedPort}` })
  const before = await costsOf(options.processes ?? [])
  const seconds = await waitForEnd(totals, { simulator, producer, consumer }, options.onProgress)
  const servers = (await costsOf(options.processes ?? [])).map((after) => ({
    ...after,
    cpuSeconds: after.cpuSeconds - (before.find(({ name }) => name === after.name)?.cpuSeconds ?? 0)
  }))
  const own = await Promise.all([simulator, producer, consumer].map(costOf))
  return { seconds, processes: [...own, ...servers] }
}

async function costOf(service: RunningService): Promise<ProcessCost> {
  const [cpuSeconds, rssBytes] = await Promise.all([
    service.metric('process_cpu_seconds_total'),
    service.metric('process_resident_memory_bytes')
  ])
  return { name: service.name, cpuSeconds, rssMebibytes: Math.round(rssBytes / 1024 ** 2) }
}

async function drop({ mongoUri, database: name }: VerifyOptions): Promise<void> {
  const database = await openDatabase(databaseConfig(mongoUri, name))
  await database.db.dropDatabase().finally(() => database.close())
}

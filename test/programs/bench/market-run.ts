import { setTimeout as sleep } from 'node:timers/promises'
import { TapedeckError } from '@tapedeck/core'
import { ensureTopics, type KafkaConfig } from '@tapedeck/kafka'
import { findStoredOffsets, openDatabase, type Database } from '@tapedeck/mongo'
import { startService, type RunningService } from '../../support/service-process.ts'
import { until } from '../../support/until.ts'
import { processCost } from '../verify-tape/process-cost.ts'
import { MarketLoad, type MarketShape } from './market-load.ts'
import { tradesNotOnce } from './stored-results.ts'

export interface MarketOptions {
  readonly shape: MarketShape
  readonly seconds: number
  readonly kafka: KafkaConfig
  readonly mongoUri: string
  /** Of the consumer, with its database. */
  readonly env: Readonly<Record<string, string>>
  readonly database: string
  readonly servers: readonly { readonly name: string; readonly pid: number }[]
  /** With it the consumer is stopped in the end, not killed, since a killed one writes no profile. */
  readonly profileDir: string | undefined
  say(text: string): void
}

export interface MarketRun {
  readonly symbols: number
  readonly trades: number
  /** Stored in the measured time, a second. */
  readonly tradesPerSecond: number
  /** Behind the published trades outside of bursts, seconds. */
  readonly lag: Spread
  readonly mostRecordsBehind: number
  /** From the start of each burst until the lag is below LAG_BUDGET_S; Infinity: not before the end. */
  readonly afterBursts: readonly number[]
  /** From the end of a final bar's window, without the allowed delay, until it stands in the database, seconds. */
  readonly finality: Spread
  readonly finalBars: number
  /** Bars that were still provisional when they had been due. */
  readonly overdueBars: number
  /** CPU of each process, us a stored trade. */
  readonly cpu: Readonly<Record<string, number>>
  /** Documents that the consumer wrote for each stored trade, each time that one was. */
  readonly written: {
    readonly provisionalBars: number
    readonly otherBars: number
    readonly forecasts: number
  }
  readonly consumerMebibytes: number
  /** From the kill until the successor has stored a bar; undefined without a kill. */
  readonly restartSeconds: number | undefined
  readonly publisherLateSeconds: number
  readonly problems: readonly string[]
}

export interface Spread {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export const LAG_BUDGET_S = 2
/** The consumer's default of ALLOWED_DELAY. */
const ALLOWED_DELAY_MS = 2000
const POLL_MS = 100
const READY_LIMIT_MS = 30_000
const RESTART_LIMIT_MS = 60_000
const DRAIN_LIMIT_MS = 60_000

/** Publishes a market in real time to a consumer as shipped, and measures how it keeps up. */
export async function runMarket(options: MarketOptions): Promise<MarketRun> {
  const { shape, seconds, kafka, env, profileDir, say } = options
  const mongo = {
    uri: options.mongoUri,
    database: options.database,
    username: undefined,
    password: undefined
  }
  const database = await openDatabase({ ...mongo, tradesTtlMs: undefined })
  await ensureTopics(kafka, { partitions: shape.partitions })
  const load = new MarketLoad(kafka, shape)
  const services: RunningService[] = []
  const start = async (): Promise<RunningService> => {
    const service = await startService('consumer', env, profileDir)
    services.push(service)
    return service
  }
  const ended = new AbortController()
  let loading: Promise<void> = Promise.resolve()
  try {
    const consumer = await start()
    await until(
      'the consumer is ready',
      async () => (await consumer.readiness()).ready,
      READY_LIMIT_MS
    )
    const watch = new MarketWatch(database, kafka.topic, load, options)
    const processes = [{ name: 'consumer', pid: consumer.pid }, ...options.servers]
    const before = await costsOf(processes)
    loading = load.run(ended.signal)
    loading.catch(() => undefined) // awaited below
    await watch.forSeconds(seconds, consumer)
    const after = await costsOf(processes)
    const stored = await database.trades.estimatedDocumentCount()
    const [provisional = 0, all = 0, forecasts = 0] = await consumer.metrics(
      'tapedeck_bars_stored_total{status="provisional"}',
      'tapedeck_bars_stored_total',
      'tapedeck_forecasts_stored_total'
    )
    const measured = watch.measured()
    let restartSeconds: number | undefined
    if (profileDir === undefined) restartSeconds = await restart(database, consumer, start)
    ended.abort()
    await loading
    const drained = await watch.untilStored()
    say(`${load.trades} trades published; reading the bars`)
    return {
      symbols: shape.symbols,
      trades: load.trades,
      tradesPerSecond: Math.round(stored / seconds),
      ...measured,
      ...(await readFinality(database, watch)),
      cpu: Object.fromEntries(
        after.map(({ name, cpuSeconds }, index) => [
          name,
          ((cpuSeconds - (before[index]?.cpuSeconds ?? NaN)) / stored) * 1e6
        ])
      ),
      written: {
        provisionalBars: provisional / stored,
        otherBars: (all - provisional) / stored,
        forecasts: forecasts / stored
      },
      restartSeconds,
      publisherLateSeconds: load.lateSeconds,
      problems: [
        ...(drained === undefined ? [] : [`${drained}\n${services.at(-1)?.lastLines()}`]),
        ...(await tradesNotOnce(database, load.bySymbol, true))
      ]
    }
  } finally {
    ended.abort()
    await loading.catch(() => undefined)
    await Promise.all(services.map((service) => service.stop()))
    await load.close()
    await database.db.dropDatabase().finally(() => database.close())
  }
}

/** Kills the consumer and starts another at once. Returns the seconds until it has stored a bar. */
async function restart(
  database: Database,
  consumer: RunningService,
  start: () => Promise<RunningService>
): Promise<number> {
  const killedMs = performance.now()
  consumer.signal('SIGKILL')
  await consumer.exited
  const bars = await database.bars.estimatedDocumentCount()
  const successor = start()
  await until(
    'a new bar after the restart',
    async () => (await database.bars.estimatedDocumentCount()) > bars,
    RESTART_LIMIT_MS
  )
  const seconds = (performance.now() - killedMs) / 1000
  await successor
  return seconds
}

interface Sample {
  readonly seconds: number
  readonly lag: number
  readonly records: number
}

/** Looks at the checkpoints, not at what the consumer says of itself. */
class MarketWatch {
  readonly #database: Database
  readonly #topic: string
  readonly #load: MarketLoad
  readonly #options: MarketOptions
  readonly #samples: Sample[] = []
  /** Of each log: when a new checkpoint was first seen, epoch ms. */
  readonly commits = new Map<string, number[]>()
  readonly #offsets = new Map<number, number>()
  #mostMebibytes = 0
  measuredUntilMs = Infinity

  constructor(database: Database, topic: string, load: MarketLoad, options: MarketOptions) {
    this.#database = database
    this.#topic = topic
    this.#load = load
    this.#options = options
  }

  async forSeconds(seconds: number, consumer: RunningService): Promise<void> {
    const startedMs = performance.now()
    let saidS = 0
    for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - startedMs) / 1000) {
      const { seconds: lag, records } = await this.#look()
      this.#samples.push({ seconds: (performance.now() - startedMs) / 1000, lag, records })
      const cost = await processCost('consumer', consumer.pid)
      this.#mostMebibytes = Math.max(this.#mostMebibytes, cost?.rssMebibytes ?? NaN)
      if (elapsed - saidS >= 5) {
        saidS = elapsed
        this.#options.say(
          `${elapsed.toFixed(0)} s  ${this.#load.trades} trades, ${records} records or ${lag.toFixed(1)} s behind, ${cost?.rssMebibytes} MiB`
        )
      }
      await sleep(POLL_MS)
    }
    this.measuredUntilMs = Date.now()
  }

  /** Returns in words how much is not stored when time is up. */
  async untilStored(): Promise<string | undefined> {
    const deadlineMs = performance.now() + DRAIN_LIMIT_MS
    for (;;) {
      const { records } = await this.#look()
      if (records === 0) return undefined
      if (performance.now() > deadlineMs) return `${records} records are not stored in time`
      await sleep(POLL_MS)
    }
  }

  measured(): Pick<MarketRun, 'lag' | 'mostRecordsBehind' | 'afterBursts' | 'consumerMebibytes'> {
    const { burstsAt } = this.#options.shape
    const ends = burstsAt.map(
      (at) =>
        // A flush takes the burst in later than it begins.
        this.#samples.find(({ seconds, lag }) => seconds > at + 1 && lag < LAG_BUDGET_S)?.seconds ??
        Infinity
    )
    const outside = this.#samples.filter(({ seconds }) =>
      burstsAt.every((at, index) => seconds < at || seconds > (ends[index] ?? Infinity))
    )
    return {
      lag: spreadOf(outside.map(({ lag }) => [lag, 1])),
      mostRecordsBehind: Math.max(...this.#samples.map(({ records }) => records)),
      afterBursts: burstsAt.map((at, index) => (ends[index] ?? Infinity) - at),
      consumerMebibytes: this.#mostMebibytes
    }
  }

  async #look(): Promise<{ readonly records: number; readonly seconds: number }> {
    const stored = await findStoredOffsets(this.#database, this.#topic, READY_LIMIT_MS)
    for (const [partition, offset] of stored) {
      if (offset === this.#offsets.get(partition)) continue
      this.#offsets.set(partition, offset)
      const log = `${this.#topic}/${partition}`
      const seen = this.commits.get(log)
      if (seen === undefined) this.commits.set(log, [Date.now()])
      else seen.push(Date.now())
    }
    return this.#load.behind(stored, performance.now())
  }
}

/** A bar that a batch made stands for good when the checkpoint of that batch is seen, so the times are upper bounds. */
async function readFinality(
  { bars }: Database,
  { commits, measuredUntilMs }: MarketWatch
): Promise<Pick<MarketRun, 'finality' | 'finalBars' | 'overdueBars'>> {
  const groups = await bars
    .aggregate<{ _id: { log: string; made: Date; end: Date }; count: number }>(
      [
        { $match: { status: 'final', updatedAt: { $lt: new Date(measuredUntilMs) } } },
        {
          $group: {
            _id: { log: '$source.log', made: '$updatedAt', end: '$end' },
            count: { $sum: 1 }
          }
        }
      ],
      { allowDiskUse: true }
    )
    .toArray()
  const delays = groups.map(({ _id: { log, made, end }, count }) => {
    const stoodMs = commits.get(log)?.find((ms) => ms >= made.getTime()) ?? NaN
    return [(stoodMs - end.getTime() - ALLOWED_DELAY_MS) / 1000, count] as const
  })
  const dueMs = measuredUntilMs - ALLOWED_DELAY_MS - LAG_BUDGET_S * 1000
  return {
    finality: spreadOf(delays.filter(([delay]) => !Number.isNaN(delay))),
    finalBars: groups.reduce((sum, { count }) => sum + count, 0),
    overdueBars: await bars.countDocuments({
      status: 'provisional',
      end: { $lte: new Date(dueMs) }
    })
  }
}

async function costsOf(
  processes: MarketOptions['servers']
): Promise<{ readonly name: string; readonly cpuSeconds: number }[]> {
  return Promise.all(
    processes.map(async ({ name, pid }) => {
      const cost = await processCost(name, pid)
      if (cost === undefined) throw new TapedeckError('SERVER_FAILED', `${name} is gone`)
      return cost
    })
  )
}

/** The median, the 99th percentile and the greatest of values with their numbers; NaN of none. */
function spreadOf(weighted: readonly (readonly [value: number, count: number])[]): Spread {
  const sorted = weighted.toSorted(([a], [b]) => a - b)
  const total = sorted.reduce((sum, [, count]) => sum + count, 0)
  const at = (share: number): number => {
    let passed = 0
    for (const [value, count] of sorted) if ((passed += count) > total * share) return value
    return sorted.at(-1)?.[0] ?? NaN
  }
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1)?.[0] ?? NaN }
}

import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { TapedeckError } from '@tapedeck/core'
import { partitionEnds, type KafkaConfig } from '@tapedeck/kafka'
import { openDatabase, type CheckpointDocument, type Database } from '@tapedeck/mongo'
import { startService, type RunningService } from '../../support/service-process.ts'
import { costsOf, type ProcessCost } from '../verify-tape/process-cost.ts'
import { slowDown } from './slow-core.ts'
import { readResults, type StoredResults } from './stored-results.ts'

export interface PipelineOptions {
  readonly kafka: KafkaConfig
  readonly mongoUri: string
  readonly database: string
  readonly group: string
  readonly consumers: number
  /** Kills the first consumer (SIGKILL) half way; another takes its place at once. */
  readonly kill: boolean
  /** Part of the time that each consumer runs once it is ready, as on a slow core; undefined for all of it. */
  readonly slowPercent: number | undefined
  readonly trades: number
  readonly bySymbol: ReadonlyMap<string, number>
  /** False for trades of which some belong in no bar. */
  readonly areAllInBars: boolean
  readonly env: Readonly<Record<string, string>>
  readonly servers: readonly { readonly name: string; readonly pid: number }[]
  readonly profileDir: string | undefined
  say(text: string): void
}

export interface PipelineRun extends StoredResults {
  readonly consumers: number
  /** From the start of the processes until all is stored and in checkpoints. */
  readonly seconds: number
  /** From the start of the first process until its first bar is stored. */
  readonly firstBarSeconds: number
  /** From the first stored bar to the end. */
  readonly tradesPerSecond: number
  /**
   * From the kill until a bar is stored again; with other consumers about, until a partition of the
   * killed one has a new checkpoint.
   */
  readonly resumeSeconds: number | undefined
  readonly processes: readonly ProcessCost[]
  /** What the consumers that were not killed counted. */
  readonly written: Written
  /** Records not yet in a checkpoint, about each half second. */
  readonly lag: readonly (readonly [seconds: number, records: number])[]
}

/** Documents that were written, each time that one was; and flushes of a partition. */
interface Written {
  readonly provisionalBars: number
  readonly otherBars: number
  readonly forecasts: number
  readonly flushes: number
}

const STALL_LIMIT_MS = 60_000
const POLL_MS = 50
const LAG_EVERY_S = 0.5

/** Starts consumers on a topic that is full and measures until it is all stored. */
export async function runPipeline(options: PipelineOptions): Promise<PipelineRun> {
  const { kafka, mongoUri, database: name, consumers } = options
  const mongo = { uri: mongoUri, database: name, username: undefined, password: undefined }
  const database = await openDatabase({ ...mongo, tradesTtlMs: undefined })
  const services: RunningService[] = []
  const slowed: (() => Promise<void>)[] = []
  const release = (): Promise<unknown> => Promise.all(slowed.map((restore) => restore()))
  const start = async (): Promise<RunningService> => {
    const service = await startService(
      'consumer',
      {
        KAFKA_BROKERS: kafka.brokers.join(','),
        KAFKA_TOPIC: kafka.topic,
        KAFKA_GROUP: options.group,
        MONGODB_URI: mongoUri,
        MONGODB_DB: name,
        LATENESS_LIMIT: '36500d',
        LOG_LEVEL: 'info',
        ...options.env
      },
      options.profileDir
    )
    services.push(service)
    if (options.slowPercent !== undefined) slowed.push(slowDown(service.pid, options.slowPercent))
    return service
  }
  try {
    const ends = await partitionEnds(kafka)
    const before = await costsOf(options.servers)
    const startedMs = performance.now()
    const watch = new Watch(database, ends, startedMs, options)
    const watching = watch.untilStored(start, services)
    await Promise.all([...Array.from({ length: consumers }, start), watching])
    const seconds = (performance.now() - startedMs) / 1000
    await release()
    const own = await costsOf(services.map(({ pid }, i) => ({ name: `consumer ${i + 1}`, pid })))
    const after = await costsOf(options.servers)
    const written = await writtenBy(services)
    for (const service of services) await service.stop()
    const used = after.map((cost, i) => ({
      ...cost,
      cpuSeconds: cost.cpuSeconds - (before[i]?.cpuSeconds ?? 0)
    }))
    const firstBarSeconds = watch.firstBarSeconds ?? NaN
    return {
      ...(await readResults(database, options.bySymbol, options.areAllInBars)),
      consumers,
      seconds,
      firstBarSeconds,
      tradesPerSecond: Math.round(options.trades / (seconds - firstBarSeconds)),
      resumeSeconds: watch.resumeSeconds,
      processes: [...watch.dead, ...own, ...used],
      written,
      lag: watch.lag
    }
  } finally {
    await release()
    await Promise.all(services.map((service) => service.stop()))
    await database.db.dropDatabase().finally(() => database.close())
  }
}

/** Looks at checkpoints and bars, not at what the consumers say of themselves. */
class Watch {
  readonly lag: [number, number][] = []
  /** What the killed one had used. */
  readonly dead: ProcessCost[] = []
  firstBarSeconds: number | undefined
  resumeSeconds: number | undefined
  readonly #database: Database
  readonly #ends: ReadonlyMap<number, number>
  readonly #startedMs: number
  readonly #options: PipelineOptions
  #killedMs: number | undefined
  #barsAtKill = 0
  /** Checkpoints of the killed consumer's partitions as it left them. */
  readonly #orphaned = new Map<string, number>()
  #successor: Promise<unknown> = Promise.resolve()
  #movedMs: number
  #before = -1

  constructor(
    database: Database,
    ends: ReadonlyMap<number, number>,
    startedMs: number,
    options: PipelineOptions
  ) {
    this.#database = database
    this.#ends = ends
    this.#startedMs = startedMs
    this.#movedMs = startedMs
    this.#options = options
  }

  async untilStored(
    start: () => Promise<RunningService>,
    services: readonly RunningService[]
  ): Promise<void> {
    const { kafka, kill, say } = this.#options
    const total = [...this.#ends.values()].reduce((sum, end) => sum + end, 0)
    for (;;) {
      const [checkpoints, bars, trades] = await Promise.all([
        this.#database.checkpoints.find().toArray(),
        this.#database.bars.estimatedDocumentCount(),
        this.#database.trades.estimatedDocumentCount()
      ])
      const nowMs = performance.now()
      const seconds = (nowMs - this.#startedMs) / 1000
      if (bars > 0) this.firstBarSeconds ??= seconds
      const read = checkpoints
        .filter(({ _id }) => _id.startsWith(`${kafka.topic}/`))
        .reduce((sum, { nextOffset }) => sum + (nextOffset ?? 0), 0)
      if (seconds - (this.lag.at(-1)?.[0] ?? -1) >= LAG_EVERY_S) {
        this.lag.push([Number(seconds.toFixed(2)), total - read])
        say(
          `${seconds.toFixed(1)} s  ${total - read} records behind, ${trades} trades, ${bars} bars`
        )
      }
      if (this.#killedMs !== undefined && this.#isResumed(bars, checkpoints)) {
        this.resumeSeconds ??= (nowMs - this.#killedMs) / 1000
      }
      if (read >= total) break
      this.#noticeStall(read + bars + trades, nowMs, services)
      if (kill && this.#killedMs === undefined && trades >= this.#options.trades / 2) {
        await this.#kill(services, start)
      }
      await sleep(POLL_MS)
    }
    await this.#successor
  }

  #isResumed(bars: number, checkpoints: readonly CheckpointDocument[]): boolean {
    if (this.#options.consumers === 1) return bars > this.#barsAtKill
    return checkpoints.some(
      ({ _id, nextOffset }) => nextOffset > (this.#orphaned.get(_id) ?? Infinity)
    )
  }

  /** What the dead one had under way at the server is counted before the successor starts. */
  async #kill(
    services: readonly RunningService[],
    start: () => Promise<RunningService>
  ): Promise<void> {
    const [victim] = services
    if (victim === undefined) return
    this.dead.push(...(await costsOf([{ name: 'consumer 1', pid: victim.pid }])))
    this.#killedMs = performance.now()
    process.kill(victim.pid, 'SIGKILL')
    await victim.exited
    this.#barsAtKill = await this.#database.bars.estimatedDocumentCount()
    const owned = this.#database.checkpoints.find({ 'owner.pid': victim.pid })
    for (const { _id, nextOffset } of await owned.toArray()) this.#orphaned.set(_id, nextOffset)
    this.#options.say(`consumer 1 killed with ${this.#barsAtKill} bars stored`)
    this.#successor = start()
    this.#successor.catch(() => undefined) // told at the end, or as a stall
  }

  #noticeStall(state: number, nowMs: number, services: readonly RunningService[]): void {
    if (state !== this.#before) this.#movedMs = nowMs
    this.#before = state
    if (nowMs - this.#movedMs <= STALL_LIMIT_MS) return
    throw new TapedeckError(
      'TIMED_OUT',
      `Nothing moved for ${STALL_LIMIT_MS / 1000} s\n${services.map((each) => each.lastLines()).join('\n')}`
    )
  }
}

async function writtenBy(services: readonly RunningService[]): Promise<Written> {
  const running = await Promise.all(
    services.map((service) =>
      service
        .metrics(
          'tapedeck_bars_stored_total{status="provisional"}',
          'tapedeck_bars_stored_total',
          'tapedeck_forecasts_stored_total',
          'tapedeck_flush_seconds_count'
        )
        .catch(() => [0, 0, 0, 0])
    )
  )
  const sum = (index: number): number =>
    running.reduce((total, counts) => total + (counts[index] ?? 0), 0)
  const provisionalBars = sum(0)
  return {
    provisionalBars,
    otherBars: sum(1) - provisionalBars,
    forecasts: sum(2),
    flushes: sum(3)
  }
}

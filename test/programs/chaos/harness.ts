import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'
import { specName } from '@tapedeck/domain'
import type { KafkaConfig } from '@tapedeck/kafka'
import { openDatabase, type Database } from '@tapedeck/mongo'
import { readConfig, startServers, type Progress, type Servers } from '@tapedeck/stack/testing'
import { freePort } from '../../support/free-port.ts'
import { databaseConfig } from '../../support/own-database.ts'
import { startService, type RunningService } from '../../support/service-process.ts'
import type { TapeTrade } from '../../support/tape.ts'
import { CausedOutages } from './caused-outages.ts'
import { writeFeedFile } from './feed-file.ts'
import { FORECASTS } from './forecasts/specs.ts'
import { PresentFeed } from './present-feed.ts'
import { presentTape } from './present-tape.ts'
import { SupervisedService, type OwnExit } from './supervised-service.ts'
import { TIMEFRAMES } from '../bars/expected-bars.ts'

export interface HarnessOptions {
  readonly trades: readonly TapeTrade[]
  readonly tradesPerSecond: number
  /** Of brokers and of mongods: 1 or 3. */
  readonly nodes: number
  /** Consumers in the group. */
  readonly consumers: number
  /** The trades happen while they are played, and the tape waits for nobody. */
  readonly isPresent: boolean
  readonly progress: Progress
  readonly signal: AbortSignal
  onOwnExit(end: OwnExit): void
}

/** The processes of a run. All are its own, so that it never kills another program's servers. */
export interface Harness {
  readonly kafka: KafkaConfig
  readonly database: Database
  /** As the simulator plays it. */
  readonly tape: readonly TapeTrade[]
  /** Only in the present. */
  readonly present: PresentFeed | undefined
  readonly outages: CausedOutages
  /** Of the consumers, for commands under their rules. */
  readonly consumerEnv: Readonly<Record<string, string>>
  readonly simulator: RunningService
  readonly producer: SupervisedService
  readonly consumers: readonly SupervisedService[]
  /** Restarted by the stack's supervisor within half a second. */
  readonly servers: Pick<Servers, 'kafka' | 'mongod'>
  /** Of everything that servers and services write. */
  readonly folder: string
  close(): Promise<void>
}

/** ALLOWED_DELAY of the consumers. */
export const ALLOWED_DELAY_MS = 2000

const CLOSE_LIMIT_MS = 5000
/** From the writing of a tape of the present to its first trade: a producer needs no longer to subscribe. */
const BEGIN_AFTER_MS = 10_000

/** Starts servers and services; the tape begins when the producer has subscribed to all symbols. */
export async function openHarness(options: HarnessOptions): Promise<Harness> {
  const { tradesPerSecond, nodes, isPresent, progress, signal, onOwnExit } = options
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-chaos-'))
  const closers: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true, force: true, maxRetries: 5 })
  ]
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) {
      await closer().catch(() => undefined)
    }
  }
  try {
    const servers = await startServers(
      readConfig({
        ...process.env,
        STACK: 'embedded',
        STACK_NODES: String(nodes),
        KAFKA_BROKERS: undefined,
        MONGODB_URI: undefined,
        TAPEDECK_DATA_DIR: folder
      }),
      { progress, signal, heapMebibytes: 256, preferredPorts: false }
    )
    closers.push(() => servers.close(CLOSE_LIMIT_MS))
    const brokers = servers.kafka.address()
    const mongoUri = servers.mongod.address()
    const database = await openDatabase(databaseConfig(mongoUri, 'chaos'), {
      appName: 'tapedeck-chaos',
      timeoutMs: 2000,
      maxPoolSize: 2
    })
    closers.push(() => database.close())

    const common = {
      KAFKA_BROKERS: brokers,
      KAFKA_TOPIC: 'raw_data',
      MONGODB_URI: mongoUri,
      MONGODB_DB: 'chaos',
      FINNHUB_TOKEN: '',
      FEED_NAME: 'recorded',
      LOG_LEVEL: 'info',
      TAPEDECK_DATA_DIR: folder
    }
    const supervised = (
      name: string,
      service: string,
      env: Record<string, string>,
      onAbsence?: (fromMs: number, toMs: number) => void
    ): SupervisedService => {
      const one = new SupervisedService({
        name,
        service,
        env: { ...common, ...env },
        onOwnExit,
        ...(onAbsence !== undefined && { onAbsence })
      })
      closers.push(() => one.stop())
      return one
    }
    const consumerEnv = {
      ...common,
      KAFKA_GROUP: 'chaos',
      TIMEFRAMES: TIMEFRAMES.join(','),
      FORECASTS: FORECASTS.map(specName).join(','),
      CONDITION_POLICY: 'all',
      ALLOWED_DELAY: `${ALLOWED_DELAY_MS}ms`,
      LATENESS_LIMIT: '36500d',
      SCORE_PAST: 'true'
    }
    const consumers = Array.from({ length: options.consumers }, (_, index) =>
      supervised(`consumer-${'abcdef'[index] ?? index}`, 'consumer', consumerEnv)
    )
    await untilUp(consumers, signal)

    const beginMs = Date.now() + BEGIN_AFTER_MS
    const tape = isPresent ? presentTape(options.trades, tradesPerSecond, beginMs) : options.trades
    const symbols = [...new Set(tape.map(({ s }) => s))]
    const feedFile = path.join(folder, 'feed.ndjson')
    await writeFeedFile(feedFile, tape, tradesPerSecond)
    const feedPort = await freePort()
    const scope = { after: (closer: () => Promise<unknown>) => void closers.push(closer) }
    const present = isPresent ? await PresentFeed.open(scope, feedPort, symbols) : undefined
    const simulator = await startService('simulator', {
      ...common,
      SIMULATOR_PORT: String(feedPort),
      SIMULATOR_FILE: feedFile,
      SIMULATOR_START: present?.startRule ?? `subscribed:${symbols.length}`,
      SIMULATOR_PING: '1s',
      SIMULATOR_MAX_SYMBOLS: String(Math.max(51, symbols.length + 1))
    })
    closers.push(() => simulator.stop())
    const outages = new CausedOutages()
    const producer = supervised(
      'producer',
      'producer',
      {
        SYMBOLS: symbols.join(','),
        FINNHUB_MAX_SYMBOLS: String(Math.max(50, symbols.length)),
        FINNHUB_URL: present?.url ?? `ws://127.0.0.1:${feedPort}`
      },
      (fromMs, toMs) => outages.add('producer down', fromMs, toMs)
    )
    await present?.begin(beginMs, UP_LIMIT_MS, signal)
    const kafka = { brokers: brokers.split(','), topic: 'raw_data', ssl: false, sasl: undefined }
    return {
      kafka,
      database,
      tape,
      present,
      outages,
      consumerEnv,
      simulator,
      producer,
      consumers,
      servers,
      folder,
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

const UP_LIMIT_MS = 60_000
const POLL_MS = 50

async function untilUp(services: readonly SupervisedService[], signal: AbortSignal): Promise<void> {
  const deadlineMs = performance.now() + UP_LIMIT_MS
  while (!services.every(({ running }) => running !== undefined)) {
    signal.throwIfAborted()
    if (performance.now() > deadlineMs) {
      const lines = services.map((service) => service.lastLines()).join('\n')
      throw new TapedeckError('SERVER_FAILED', `The consumers did not start:\n${lines}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

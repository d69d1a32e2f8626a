import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import path from 'node:path'
import { TapedeckError } from '@tapedeck/core'
import { encodeTradeRecord } from '@tapedeck/domain'
import { Publisher, type KafkaConfig } from '@tapedeck/kafka'
import { startService } from '../../support/service-process.ts'
import { aRecord, aTrade } from '../../support/trades.ts'
import { processCost } from '../verify-tape/process-cost.ts'

/** What live-clients.ts is told. */
export interface ClientsTask {
  readonly url: string
  readonly clients: number
}

export interface ClientsReport {
  /** That one client received. */
  readonly trades: number
  /** That clients were not sent because they read too slowly, of those whose messages are parsed. */
  readonly dropped: number
  /** Of all clients. */
  readonly bytes: number
  /** From the receipt of each trade. */
  readonly delaysMs: readonly number[]
  /** From the last trade of each provisional bar. */
  readonly barDelaysMs: readonly number[]
}

export interface LiveShape {
  readonly tradesPerSecond: number
  readonly clients: number
  readonly seconds: number
  /** Where a CPU profile of the api is written. */
  readonly profileDir: string | undefined
}

export interface LiveRun {
  readonly tradesPerSecond: number
  readonly clients: number
  readonly published: number
  /** That each client received. */
  readonly received: number
  readonly dropped: number
  /** From the receipt of a trade to a client. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** From the last trade of a provisional bar to a client. */
  readonly barP50Ms: number
  readonly barP99Ms: number
  /** Bytes a second of one client. */
  readonly bytesPerClient: number
  /** Of the api: cores in use, and MiB at the end. */
  readonly cpu: number
  readonly rssMebibytes: number
}

const SYMBOLS = Array.from({ length: 50 }, (_, index) => `SYM${index}`)
/** A frame of Finnhub has ten trades at most; of one symbol they are fewer. */
const TRADES_A_RECORD = 3
/** Published before it is measured, and waited for after it. */
const MARGIN_MS = 2000
const TICK_MS = 5

/** Publishes at a rate while clients are connected, and measures what reaches them. */
export async function runLive(
  kafka: KafkaConfig,
  env: Readonly<Record<string, string>>,
  { tradesPerSecond, clients, seconds, profileDir }: LiveShape
): Promise<LiveRun> {
  const api = await startService('api', env, profileDir)
  const child = fork(path.join(import.meta.dirname, 'live-clients.ts'))
  const publisher = new Publisher(kafka, { clientId: 'bench', topic: kafka.topic })
  try {
    const task: ClientsTask = {
      url: `ws://127.0.0.1:${env['API_PORT'] ?? ''}/api/v1/stream`,
      clients
    }
    child.send(task)
    await once(child, 'message')
    await publish(publisher, tradesPerSecond, MARGIN_MS / 1000)
    child.send('measure')
    const before = await processCost('api', api.pid)
    const published = await publish(publisher, tradesPerSecond, seconds)
    await sleep(MARGIN_MS)
    const after = await processCost('api', api.pid)
    child.send('report')
    const [report] = (await once(child, 'message')) as [ClientsReport]
    const [p50Ms, p99Ms] = percentiles(report.delaysMs)
    const [barP50Ms, barP99Ms] = percentiles(report.barDelaysMs)
    if (Number.isNaN(p50Ms))
      throw new TapedeckError('SERVER_FAILED', `no trade came:\n${api.lastLines()}`)
    return {
      tradesPerSecond,
      clients,
      published,
      received: report.trades,
      dropped: report.dropped,
      p50Ms,
      p99Ms,
      barP50Ms,
      barP99Ms,
      bytesPerClient: report.bytes / clients / seconds,
      cpu: ((after?.cpuSeconds ?? NaN) - (before?.cpuSeconds ?? NaN)) / seconds,
      rssMebibytes: after?.rssMebibytes ?? NaN
    }
  } finally {
    child.kill()
    await publisher.close()
    await api.stop()
  }
}

/** The median and the 99th percentile; NaN of nothing. */
function percentiles(delaysMs: readonly number[]): readonly [number, number] {
  const sorted = delaysMs.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN
  return [at(0.5), at(0.99)]
}

let frame = 0

async function publish(
  publisher: Publisher,
  tradesPerSecond: number,
  seconds: number
): Promise<number> {
  const startedMs = performance.now()
  let published = 0
  for (;;) {
    const elapsed = (performance.now() - startedMs) / 1000
    if (elapsed >= seconds) return published
    const records = []
    while (published < elapsed * tradesPerSecond) {
      frame++
      const nowMs = Date.now()
      const trades = Array.from({ length: TRADES_A_RECORD }, (_, index) =>
        aTrade({ p: 100 + ((frame + index) % 100) / 100, t: nowMs, v: 100 })
      )
      const symbol = SYMBOLS[frame % SYMBOLS.length] ?? 'SYM0'
      records.push(
        encodeTradeRecord(
          aRecord({ symbol, frame, trades, receivedAt: nowMs, connection: CONNECTION })
        )
      )
      published += TRADES_A_RECORD
    }
    if (records.length > 0) await publisher.send(records)
    await sleep(TICK_MS)
  }
}

const CONNECTION = `bench-${process.pid}`

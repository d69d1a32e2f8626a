import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { FrameDeduplicator, GAP_KEY, type TradeRecord } from '@tapedeck/domain'
import { createClient, partitionEnds, type KafkaConfig } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import type { ScriptedFeed } from '../../support/scripted-feed.ts'

const MAIN = path.resolve(import.meta.dirname, '../../../services/producer/src/main.ts')
const EVERY_MS = 10
const SYMBOLS = ['AAPL', 'MSFT'] as const

/** A producer in a process of its own that tests may kill. */
export interface ProducerProcess {
  readonly child: ChildProcess
  /** The value of a metric without labels; undefined while it does not answer. */
  metric(name: string): Promise<number | undefined>
  /** Why it is not ready, as /readyz says it; empty while it does not answer. */
  readiness(): Promise<string>
  kill(): Promise<void>
  /** Stops it; resolves with the exit code. */
  stop(): Promise<number>
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-producer-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

export function startProducerProcess(
  t: TestContext,
  env: Readonly<Record<string, string>>
): ProducerProcess {
  const child = fork(MAIN, [], {
    env: { ...process.env, SYMBOLS: SYMBOLS.join(','), LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc']
  })
  let url: string | undefined
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('"health is served"')) url = (JSON.parse(line) as { url: string }).url
    })
  }
  const exited = once(child, 'exit') as Promise<[number | null]>
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  t.after(kill)
  return {
    child,
    kill,
    async metric(name) {
      if (url === undefined) return undefined
      const text = await (await fetch(`${url}/metrics`)).text()
      const value = new RegExp(`^tapedeck_${name} (\\S+)`, 'm').exec(text)?.[1]
      return value === undefined ? undefined : Number(value)
    },
    async readiness() {
      return url === undefined ? '' : (await fetch(`${url}/readyz`)).text()
    },
    async stop() {
      child.kill('SIGTERM')
      const [code] = await exited
      return code ?? -1
    }
  }
}

/** Sends numbered frames with a trade of each symbol on the newest connection until stopped. */
export function sendFrames(
  t: TestContext,
  feed: ScriptedFeed,
  perTick: number
): { readonly sent: { connection: number; atMs: number }[]; stop(): void } {
  const sent: { connection: number; atMs: number }[] = []
  const counts = new Map<number, number>()
  const timer = setInterval(() => {
    const connection = feed.connections.length - 1
    const open = feed.connections[connection]
    if (open === undefined || open.socket.readyState !== 1) return
    if (open.symbols.length < SYMBOLS.length) return
    for (let i = 0; i < perTick; i++) {
      const number = (counts.get(connection) ?? 0) + 1
      counts.set(connection, number)
      const data = SYMBOLS.map((s) => ({ c: ['1'], p: number, s, t: 1_764_000_600_000, v: 100 }))
      feed.send(JSON.stringify({ data, type: 'trade' }))
      sent.push({ connection, atMs: performance.now() })
    }
  }, EVERY_MS)
  const stop = (): void => clearInterval(timer)
  t.after(stop)
  return { sent, stop }
}

interface Read {
  readonly partition: number
  readonly record: TradeRecord
}

/** Everything on the topic now except gaps. The reader closes before the broker can. */
async function readAll(kafka: KafkaConfig, ends: ReadonlyMap<number, number>): Promise<Read[]> {
  const read: Read[] = []
  const nextOffsets = new Map<number, number>()
  const reader = createClient(kafka, 'test').consumer({
    groupId: `${kafka.topic}-${process.pid}`,
    maxWaitTimeInMs: 100
  })
  try {
    await reader.connect()
    await reader.subscribe({ topics: [kafka.topic], fromBeginning: true })
    await reader.run({
      eachMessage: ({ partition, message: { offset, key, value } }) => {
        nextOffsets.set(partition, Number(offset) + 1)
        if (key?.toString() === GAP_KEY) return Promise.resolve()
        read.push({ partition, record: JSON.parse(value?.toString() ?? '') as TradeRecord })
        return Promise.resolve()
      }
    })
    await eventually(() => {
      for (const [partition, end] of ends) assert.ok((nextOffsets.get(partition) ?? 0) >= end)
    })
    return read
  } finally {
    await reader.disconnect()
  }
}

/** The records of raw_data as the consumer accepts them: each once, in the order of its partition. */
export async function acceptedRecords(
  kafka: KafkaConfig
): Promise<{ records: TradeRecord[]; repeated: number }> {
  const ends = await partitionEnds(kafka)
  const all = await readAll(kafka, ends)
  const ledgers = new Map([...ends.keys()].map((partition) => [partition, new FrameDeduplicator()]))
  const records = all
    .filter(({ partition, record }) =>
      ledgers.get(partition)?.accept(record.connection, record.frame, record.symbol)
    )
    .map(({ record }) => record)
  return { records, repeated: all.length - records.length }
}

/**
 * Asserts that of each connection, in the order of the connections, each symbol has the frames from
 * 1 on without a hole, in order. Answers how many frames each connection has.
 */
export function framesWithoutHole(records: readonly TradeRecord[]): number[] {
  const counts: number[][] = []
  for (const symbol of SYMBOLS) {
    const own = records.filter((record) => record.symbol === symbol)
    const connections = [...new Set(own.map(({ connection }) => connection))]
    assert.deepEqual(connections, connections.toSorted(), 'connections are in order')
    counts.push(
      connections.map((connection) => {
        const frames = own.filter((one) => one.connection === connection)
        frames.forEach(({ frame, trades }, i) => {
          assert.equal(frame, i + 1, `${symbol} of ${connection}`)
          assert.equal(trades[0]?.p, frame)
        })
        return frames.length
      })
    )
  }
  assert.deepEqual(counts[0], counts[1])
  return counts[0] ?? []
}

/** Resolves when the broker has everything the producer received. */
export async function allPublished(producer: ProducerProcess): Promise<void> {
  await eventually(
    async () => {
      assert.equal(await producer.metric('queued_records'), 0)
      assert.equal(await producer.metric('spool_bytes'), 0)
    },
    { timeoutMs: 60_000 }
  )
}

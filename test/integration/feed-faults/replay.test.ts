import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { parseFrame } from '@tapedeck/finnhub'
import { encodeTradeRecord, recordsOf, type TradeRecord } from '@tapedeck/domain'
import { startProducer } from '@tapedeck/producer'
import { readConfig } from '@tapedeck/producer/testing'
import { readConfig as readSimulatorConfig, startSimulator } from '@tapedeck/simulator/testing'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { wholeNumbers } from '../../support/random-numbers.ts'
import { readTopic, type TopicRecord } from '../../support/read-topic.ts'

const options = { timeout: 120_000 }
const SYMBOLS = ['AAPL', 'MSFT', 'BINANCE:BTCUSDT', 'IC MARKETS:1']
const START_MS = Date.UTC(2026, 2, 10, 14)
const HOUR_MS = 3_600_000

interface Captured {
  readonly t: number
  readonly c: string
  readonly n: number
  readonly f: string
}

/** An hour on three connections: pings each minute, bursts, prints of every kind, malformed frames. */
function capturedHour(): Captured[] {
  const next = wholeNumbers(7)
  const captured: Captured[] = []
  const add = (t: number, f: string): void => {
    const c = `0mwv6bn${Math.floor((t - START_MS) / (HOUR_MS / 3))}sff46`
    const last = captured.at(-1)
    captured.push({ t, c, n: last?.c === c ? last.n + 1 : 1, f })
  }
  const trade = (t: number): string => {
    const s = SYMBOLS[next(SYMBOLS.length)] ?? ''
    const c = ['"c":["1"],', '"c":["1","12"],', '"c":null,', '"c":[],', ''][next(5)] ?? ''
    const v = ['100', '0', '8e-05', '7', '0.0042'][next(5)] ?? ''
    const odd = next(50) === 0 ? ['0', 'null', '"1"', '1e999'][next(4)] : undefined
    const p = odd ?? (100 + next(9000) / 100).toFixed(next(3))
    return `{${c}"p":${p},"s":"${s}","t":${t - next(500)},"v":${v}}`
  }
  const ODD = ['{"type":"trade"}', '{"data":[', 'Bad Gateway', '{"type":"weather"}']
  for (let t = START_MS; t < START_MS + HOUR_MS; t += 1 + next(900)) {
    if (next(100) === 0) add(t, '{"type":"ping"}')
    if (next(200) === 0) add(t, ODD[next(ODD.length)] ?? '')
    const count = 1 + next(10)
    const trades = Array.from({ length: count }, () => trade(t)).join(',')
    add(t, `{"data":[${trades}],"type":"trade"}`)
  }
  return captured
}

/** The records that these frames give, in order for each symbol. */
function expectedRecords(captured: readonly Captured[]): TradeRecord[] {
  return captured.flatMap(({ t, c, n, f }) => {
    const frame = parseFrame(f)
    if (frame.kind !== 'trades') return []
    const origin = { feed: 'simulated', connection: c, frame: n, receivedAt: t }
    return recordsOf(frame.trades, origin)
  })
}

/** A value without the parts that must differ: connection and receive time. */
function comparable({ key, value }: Pick<TopicRecord, 'key' | 'value'>): string {
  const bare = value
    .replace(/"connection":"[^"]*"/, '"connection":""')
    .replace(/"receivedAt":\d+/, '"receivedAt":0')
  return `${key} ${bare}`
}

function bySymbol(records: readonly Pick<TopicRecord, 'key' | 'value'>[]): Map<string, string[]> {
  const symbols = new Map<string, string[]>()
  for (const record of records) {
    const values = symbols.get(record.key) ?? []
    values.push(comparable(record))
    symbols.set(record.key, values)
  }
  return symbols
}

/** Plays a capture to a producer and returns the records of its topic. With `captureDir` it captures. */
async function replay(
  t: TestContext,
  file: string,
  count: number,
  captureDir = ''
): Promise<readonly TopicRecord[]> {
  const market = await openMarket(t)
  const simulator = await inService(t, (context) =>
    startSimulator(
      readSimulatorConfig({
        SIMULATOR_FILE: file,
        SIMULATOR_SPEED: 'max',
        SIMULATOR_START: `subscribed:${SYMBOLS.length}`,
        SIMULATOR_PING: '10ms' // of its own it sends none in between
      }),
      context
    )
  )
  const config = {
    ...readConfig({
      ...market.env,
      TAPEDECK_DATA_DIR: await aFolder(t),
      CAPTURE_DIR: captureDir,
      SYMBOLS: SYMBOLS.join(','),
      FINNHUB_TOKEN: 'any',
      FINNHUB_URL: simulator.result.url,
      FEED_NAME: 'simulated'
    }),
    feedTimes: { backoffBaseMs: 50, backoffCapMs: 200 }
  }
  const producer = await inService(t, (context) => startProducer(config, context))
  await eventually(() => assert.ok(simulator.result.stats().tapeEnded))
  const all = await readTopic(t, market.kafka, market.kafka.topic, count)
  const isOfTrades = ({ value }: TopicRecord): boolean => 'trades' in (JSON.parse(value) as object)
  await eventually(() => assert.ok(all.filter(isOfTrades).length >= count))
  assert.equal(await producer.stop(), true)
  return all.filter(isOfTrades)
}

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-replay-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A file of many members, as a writer that flushes each second leaves it. */
function packed(captured: readonly Captured[]): Buffer {
  const lines = captured.map((one) => `${JSON.stringify(one)}\n`)
  const members: Buffer[] = []
  for (let i = 0; i < lines.length; i += 200) {
    members.push(gzipSync(lines.slice(i, i + 200).join('')))
  }
  return Buffer.concat(members)
}

/** The files of a capture, in the order of their names, as one. */
async function joined(folder: string): Promise<Buffer> {
  const names = (await readdir(folder)).toSorted()
  return Buffer.concat(await Promise.all(names.map((name) => readFile(path.join(folder, name)))))
}

function linesOf(capture: Buffer): Captured[] {
  const lines = gunzipSync(capture).toString().trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Captured)
}

describe('a captured hour', () => {
  it(
    'gives byte-equal records on replay, except for connection and receipt',
    options,
    async (t) => {
      const captured = capturedHour()
      const expected = expectedRecords(captured)
      assert.ok(expected.length > 10_000)
      assert.equal(new Set(expected.map(({ connection }) => connection)).size, 3)
      const wanted = bySymbol(expected.map((record) => encodeTradeRecord(record)))
      const folder = await aFolder(t)
      const hour = path.join(folder, 'hour.ndjson.gz')
      await writeFile(hour, packed(captured))

      const captureDir = path.join(folder, 'captured')
      assert.deepEqual(bySymbol(await replay(t, hour, expected.length, captureDir)), wanted)

      // The producer's own capture of the replay gives the same records again.
      const again = await joined(captureDir)
      const texts = (lines: readonly Captured[]): unknown[] => lines.map(({ n, f }) => [n, f])
      assert.deepEqual(texts(linesOf(again)).slice(0, captured.length), texts(captured))
      const copy = path.join(folder, 'copy.ndjson.gz')
      await writeFile(copy, again)
      assert.deepEqual(bySymbol(await replay(t, copy, expected.length)), wanted)
    }
  )
})

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { TradeRecord } from '@tapedeck/domain'
import { startProducer } from '@tapedeck/producer'
import { readConfig } from '@tapedeck/producer/testing'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { ownBroker, signalTo } from '../../support/own-broker.ts'
import { readTopic } from '../../support/read-topic.ts'
import { startScriptedFeed, type ScriptedFeed } from '../../support/scripted-feed.ts'
import { acceptedRecords, startProducerProcess, temporaryFolder } from './killed-producer.ts'

const options = { timeout: 120_000 }
const T0_MS = Date.now() - 60_000

/** Two equal trades and one of another symbol, as frame `n` of a tape. */
function frame(n: number): string {
  const trade = (s: string) => ({ c: ['1'], p: 100 + n / 100, s, t: T0_MS + n * 10, v: 5 })
  return JSON.stringify({ data: [trade('AAPL'), trade('AAPL'), trade('MSFT')], type: 'trade' })
}

/** Frames 1 to `count`, each three times in a row. */
function thrice(count: number): string[] {
  return Array.from({ length: count * 3 }, (_, index) => frame(1 + Math.floor(index / 3)))
}

interface Harness {
  readonly market: Market
  readonly feed: ScriptedFeed
  metrics(): Promise<string>
}

async function openHarness(
  t: TestContext,
  env: Readonly<Record<string, string>>
): Promise<Harness> {
  const market = await openMarket(t)
  const feed = await startScriptedFeed(t)
  const config = readConfig({
    ...market.env,
    ...env,
    SYMBOLS: 'AAPL,MSFT',
    FINNHUB_TOKEN: 'token',
    FINNHUB_URL: feed.url,
    FEED_NAME: 'simulated'
  })
  const { result } = await inService(t, (context) => startProducer(config, context))
  await inService(t, (context) => startConsumer(market.consumer(), context))
  await eventually(() => assert.equal(feed.connections.at(-1)?.symbols.length, 2))
  return { market, feed, metrics: async () => (await fetch(`${result.healthUrl}/metrics`)).text() }
}

async function recordsOf(t: TestContext, { kafka }: Market, count: number): Promise<TradeRecord[]> {
  const records = await readTopic(t, kafka, kafka.topic, count)
  return records
    .map(({ value }) => JSON.parse(value) as TradeRecord)
    .filter(({ symbol }) => symbol === 'AAPL')
}

/** Trades stored, trades marked as copies, trades in the bars of the day, and what the status says. */
async function counted(
  { market: { database } }: Harness,
  expected: readonly [stored: number, marked: number, status: number]
): Promise<void> {
  const [stored, marked, copiedTrades] = expected
  await eventually(async () => {
    assert.equal(await database.trades.countDocuments(), stored)
    assert.equal(await database.trades.countDocuments({ copyOf: { $exists: true } }), marked)
    const bars = await database.bars.find({ timeframe: '1d' }).toArray()
    assert.equal(
      bars.reduce((sum, { tradeCount }) => sum + tradeCount, 0),
      stored
    )
    const status = await database.feedStatus.findOne({ _id: 'simulated' })
    assert.deepEqual([status?.copiedFrames, status?.copiedTrades], [copiedTrades / 3, copiedTrades])
  })
}

describe('a feed that sends every frame three times', () => {
  it('has its copies stored and marked by default', options, async (t) => {
    const harness = await openHarness(t, {})
    harness.feed.send(...thrice(20))
    await counted(harness, [180, 120, 120])
    const records = await recordsOf(t, harness.market, 120)
    assert.deepEqual(
      records.slice(0, 6).map(({ frame: number, copyOf }) => [number, copyOf]),
      [
        [1, undefined],
        [2, 1],
        [3, 1],
        [4, undefined],
        [5, 4],
        [6, 4]
      ]
    )
    const { connection = '' } = records[0] ?? {}
    const copy = await harness.market.database.trades.findOne({ _id: `${connection}-3-1` })
    assert.equal(copy?.copyOf, `${connection}-1-1`)
    const metrics = await harness.metrics()
    assert.match(metrics, /copied_frames_total\{handling="kept"\} 40/)
    assert.match(metrics, /copied_trades_total\{handling="kept"\} 120/)
    assert.match(metrics, /trades_received_total 180/)
  })

  it('has them dropped and counted with FRAME_COPIES=drop', options, async (t) => {
    const harness = await openHarness(t, { FRAME_COPIES: 'drop' })
    harness.feed.send(...thrice(20))
    await counted(harness, [60, 0, 120])
    const records = await recordsOf(t, harness.market, 40)
    assert.ok(records.every(({ copyOf }) => copyOf === undefined))
    const metrics = await harness.metrics()
    assert.match(metrics, /copied_frames_total\{handling="dropped"\} 40/)
    assert.match(metrics, /copied_trades_total\{handling="dropped"\} 120/)
    assert.match(metrics, /trades_published_total 60/)
  })

  it('keeps their marks in the spool and over a restart', { timeout: 240_000 }, async (t) => {
    const { kafka, server } = await ownBroker(t)
    const feed = await startScriptedFeed(t)
    const env = {
      KAFKA_BROKERS: kafka.brokers.join(','),
      KAFKA_TOPIC: kafka.topic,
      FINNHUB_TOKEN: 'token',
      FINNHUB_URL: feed.url,
      SYMBOLS: 'AAPL,MSFT',
      SPOOL_AFTER: '100ms',
      SPOOL_DIR: await temporaryFolder(t)
    }
    const first = startProducerProcess(t, env)
    await eventually(() => assert.equal(feed.connections.at(-1)?.symbols.length, 2))
    feed.send(frame(0))
    await eventually(async () => assert.equal(await first.metric('trades_published_total'), 3))
    signalTo(server, 'SIGSTOP')
    feed.send(frame(1), frame(1), frame(2))
    await eventually(async () => {
      assert.equal(await first.metric('trades_received_total'), 12)
      // Gaps may be among them.
      assert.ok(((await first.metric('records_spooled_total')) ?? 0) >= 6)
      assert.equal(await first.metric('queued_records'), 0)
    })
    await first.kill()

    const second = startProducerProcess(t, env)
    await eventually(() => assert.equal(feed.connections.length, 2))
    await eventually(() => assert.equal(feed.connections.at(-1)?.symbols.length, 2))
    signalTo(server, 'SIGCONT')
    // The memory of frames begins with the connection: this one counts as new.
    feed.send(frame(2), frame(2))
    await eventually(async () => assert.equal(await second.metric('trades_published_total'), 15))
    const { records } = await acceptedRecords(kafka)
    const values = records.filter(({ symbol }) => symbol === 'AAPL')
    assert.deepEqual(
      values.map(({ frame: number, copyOf }) => [number, copyOf]),
      [
        [1, undefined],
        [2, undefined],
        [3, 2],
        [4, undefined],
        [1, undefined],
        [2, 1]
      ]
    )
  })
})

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { hasCode } from '@tapedeck/core'
import type { TradeRecord } from '@tapedeck/domain'
import { deadTopicOf } from '@tapedeck/kafka'
import { startProducer } from '@tapedeck/producer'
import { readConfig } from '@tapedeck/producer/testing'
import { eventually } from '../../support/eventually.ts'
import { inService, type InService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { readTopic } from '../../support/read-topic.ts'
import { startScriptedFeed, type ScriptedFeed } from '../../support/scripted-feed.ts'

const options = { timeout: 120_000 }
const TOKEN = 'c0ffee-token'

interface Harness {
  readonly market: Market
  readonly feed: ScriptedFeed
  readonly producer: InService<{ healthUrl: string }>
  metrics(): Promise<string>
}

async function openHarness(t: TestContext, symbols: string): Promise<Harness> {
  const market = await openMarket(t)
  const feed = await startScriptedFeed(t)
  const producer = await inService(t, (context) =>
    startProducer(
      readConfig({
        ...market.env,
        SYMBOLS: symbols,
        FINNHUB_TOKEN: TOKEN,
        FINNHUB_URL: feed.url,
        FEED_NAME: 'simulated'
      }),
      context
    )
  )
  await eventually(() =>
    assert.equal(feed.connections.at(-1)?.symbols.length, symbols.split(',').length)
  )
  return {
    market,
    feed,
    producer,
    metrics: async () => (await fetch(`${producer.result.healthUrl}/metrics`)).text()
  }
}

function frame(...trades: readonly (readonly [string, number])[]): string {
  const data = trades.map(([s, p]) => ({ c: ['1'], p, s, t: 1_764_000_600_000, v: 100 }))
  return JSON.stringify({ data, type: 'trade' })
}

async function recordsOf(
  t: TestContext,
  { market }: Harness,
  count: number
): Promise<TradeRecord[]> {
  const records = await readTopic(t, market.kafka, market.kafka.topic, count)
  assert.equal(records.length, count)
  for (const { key, value } of records) assert.equal(key, (JSON.parse(value) as TradeRecord).symbol)
  return records.map(({ value }) => JSON.parse(value) as TradeRecord)
}

describe('producer', () => {
  it(
    'publishes one record per symbol and frame, with the indexes in the frame',
    options,
    async (t) => {
      const harness = await openHarness(t, 'AAPL,MSFT')
      harness.feed.send(frame(['AAPL', 1], ['MSFT', 2], ['AAPL', 3]))
      harness.feed.send('{"type":"ping"}')
      harness.feed.send(frame(['AAPL', 4]))
      const records = await recordsOf(t, harness, 3)
      assert.deepEqual(
        records
          .toSorted((a, b) => a.frame - b.frame || (a.symbol < b.symbol ? -1 : 1))
          .map(({ symbol, frame: number, indexes, trades, feed, version }) => ({
            symbol,
            number,
            indexes,
            prices: trades.map(({ p }) => p),
            feed,
            version
          })),
        [
          {
            symbol: 'AAPL',
            number: 1,
            indexes: [0, 2],
            prices: [1, 3],
            feed: 'simulated',
            version: 1
          },
          { symbol: 'MSFT', number: 1, indexes: [1], prices: [2], feed: 'simulated', version: 1 },
          { symbol: 'AAPL', number: 3, indexes: [0], prices: [4], feed: 'simulated', version: 1 }
        ]
      )
      assert.deepEqual(harness.feed.connections[0]?.symbols, ['AAPL', 'MSFT'])
    }
  )

  it('keeps the order of each symbol, however many frames come at once', options, async (t) => {
    const harness = await openHarness(t, 'AAPL,MSFT')
    const count = 3000
    for (let i = 1; i <= count; i++) harness.feed.send(frame(['AAPL', i], ['MSFT', i]))
    const records = await recordsOf(t, harness, 2 * count)
    for (const symbol of ['AAPL', 'MSFT']) {
      const prices = records
        .filter((record) => record.symbol === symbol)
        .map(({ trades }) => trades[0]?.p)
      assert.deepEqual(
        prices,
        Array.from({ length: count }, (_, i) => i + 1)
      )
    }
  })

  it(
    'survives every kind of frame, counts what does not fit and sends it to the dead letters',
    options,
    async (t) => {
      const harness = await openHarness(t, 'AAPL')
      const bad = ['{', '[]', '{"type":"trade"}', '{"no":"type"}']
      for (const text of bad) harness.feed.send(text)
      harness.feed.send('{"type":"news","data":[]}')
      harness.feed.send('{"type":"error","msg":"Subscribing to too many symbols"}')
      harness.feed.send(
        '{"type":"trade","data":[{"s":"AAPL","p":0,"t":1,"v":1},{"s":"AAPL","p":7,"t":1,"v":1}]}'
      )
      const [record] = await recordsOf(t, harness, 1)
      assert.deepEqual(
        { indexes: record?.indexes, trades: record?.trades },
        { indexes: [1], trades: [{ p: 7, t: 1, v: 1 }] }
      )
      const letters = await readTopic(
        t,
        harness.market.kafka,
        deadTopicOf(harness.market.kafka.topic),
        5
      )
      const raws = letters.map(({ value }) => (JSON.parse(value) as { raw: string }).raw)
      assert.deepEqual(raws.slice(0, 4), bad)
      assert.match(raws[4] ?? '', /"p":0/)
      const text = await harness.metrics()
      assert.match(text, /frames_received_total\{kind="malformed"\} 4/)
      assert.match(text, /trades_refused_total\{reason="price is not positive"\} 1/)
      assert.match(text, /frames_received_total\{kind="error"\} 1/)
      await eventually(async () => {
        const status = await harness.market.database.feedStatus.findOne({ _id: 'simulated' })
        assert.equal(status?.lastError, 'Subscribing to too many symbols')
        assert.equal(status?.symbols[0]?.standing, 'receiving')
      })
    }
  )

  it('connects and subscribes again, under a connection id that rises', options, async (t) => {
    const harness = await openHarness(t, 'AAPL,MSFT')
    harness.feed.send(frame(['AAPL', 1]))
    await eventually(async () => assert.match(await harness.metrics(), /trades_published_total 1/))
    harness.feed.connections[0]?.socket.terminate()
    await eventually(() => assert.deepEqual(harness.feed.connections[1]?.symbols, ['AAPL', 'MSFT']))
    harness.feed.send(frame(['AAPL', 2]))
    const [first, second] = await recordsOf(t, harness, 2)
    assert.deepEqual(
      { first: first?.trades[0]?.p, second: second?.trades[0]?.p },
      { first: 1, second: 2 }
    )
    assert.ok((first?.connection ?? '') < (second?.connection ?? ''))
  })

  it(
    'waits and tries again while the feed refuses, and says why it is not ready',
    options,
    async (t) => {
      const harness = await openHarness(t, 'AAPL')
      harness.feed.refuse(524)
      harness.feed.connections[0]?.socket.terminate()
      const url = `${harness.producer.result.healthUrl}/readyz`
      await eventually(async () => assert.match(await (await fetch(url)).text(), /answers 524/))
      harness.feed.refuse(undefined)
      await eventually(() => assert.equal(harness.feed.connections.length, 2))
    }
  )

  it('fails with a clear error on a wrong token, which it never shows', options, async (t) => {
    const harness = await openHarness(t, 'AAPL')
    harness.feed.refuse(401)
    harness.feed.connections[0]?.socket.terminate()
    const failure = await harness.producer.stopped
    assert.ok(hasCode(failure?.error, 'FEED_REFUSED'))
    assert.match(failure.error.message, /401, expected a valid FINNHUB_TOKEN/)
    assert.doesNotMatch(`${failure.error.stack}${await harness.metrics()}`, new RegExp(TOKEN))
  })

  it('publishes what it received before it stops', options, async (t) => {
    const harness = await openHarness(t, 'AAPL')
    for (let i = 1; i <= 500; i++) harness.feed.send(frame(['AAPL', i]))
    await eventually(async () =>
      assert.match(await harness.metrics(), /trades_received_total [1-9]/)
    )
    assert.equal(await harness.producer.stop(), true)
    const { kafka } = harness.market
    const received = await readTopic(t, kafka, kafka.topic, 1)
    const frames = received.map(({ value }) => (JSON.parse(value) as TradeRecord).frame)
    assert.deepEqual(
      frames,
      Array.from({ length: frames.length }, (_, i) => i + 1)
    )
  })
})

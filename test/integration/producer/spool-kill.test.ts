import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TradeRecord } from '@tapedeck/domain'
import { createClient, deadTopicOf } from '@tapedeck/kafka'
import { aTrade } from '../../support/trades.ts'
import { eventually } from '../../support/eventually.ts'
import { openMarket } from '../../support/market.ts'
import { readTopic } from '../../support/read-topic.ts'
import { startScriptedFeed } from '../../support/scripted-feed.ts'
import {
  acceptedRecords,
  allPublished,
  framesWithoutHole,
  sendFrames,
  startProducerProcess,
  temporaryFolder
} from './killed-producer.ts'

const SPOOL_AFTER_MS = 300
const MARGIN_MS = 500

describe('producer under load', { timeout: 180_000 }, () => {
  it('loses only the last moment when it is killed at any time', async (t) => {
    const market = await openMarket(t)
    const feed = await startScriptedFeed(t)
    const env = {
      ...market.env,
      MONGODB_URI: '', // a killed producer's lease would hold up the next one
      FINNHUB_TOKEN: 'token',
      FINNHUB_URL: feed.url,
      SPOOL_DIR: await temporaryFolder(t),
      SPOOL_AFTER: `${SPOOL_AFTER_MS}ms`
    }
    const { sent, stop } = sendFrames(t, feed, 20)
    const KILLS = 5
    const oldEnough: number[] = []
    for (let run = 0; run < KILLS; run++) {
      const producer = startProducerProcess(t, env)
      const enough = 4000 + run * 1371
      await eventually(async () => {
        assert.ok(((await producer.metric('trades_published_total')) ?? 0) > enough)
      })
      const limitMs = performance.now() - SPOOL_AFTER_MS - MARGIN_MS
      await producer.kill()
      oldEnough.push(
        sent.filter(({ connection, atMs }) => connection === run && atMs < limitMs).length
      )
    }
    const last = startProducerProcess(t, env)
    await eventually(async () => {
      assert.ok(((await last.metric('trades_published_total')) ?? 0) > 200)
    })
    stop()
    const expected = sent.filter(({ connection }) => connection === KILLS).length
    await eventually(async () => {
      assert.equal(await last.metric('trades_received_total'), 2 * expected)
    })
    await allPublished(last)
    const { records, repeated } = await acceptedRecords(market.kafka)
    const counts = framesWithoutHole(records)
    t.diagnostic(
      `frames ${counts.join(', ')}; at least ${oldEnough.join(', ')}; ${repeated} repeated`
    )
    assert.equal(counts.length, KILLS + 1)
    oldEnough.forEach((count, run) => assert.ok((counts[run] ?? 0) >= count))
    assert.equal(counts[KILLS], expected)
  })

  it('sends a record that the broker refuses to the dead letters, and continues', async (t) => {
    const market = await openMarket(t)
    const admin = createClient(market.kafka, 'test').admin()
    await admin.connect()
    t.after(() => admin.disconnect())
    const { topic } = market.kafka
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        { type: 2, name: topic, configEntries: [{ name: 'max.message.bytes', value: '20000' }] }
      ]
    })
    const feed = await startScriptedFeed(t)
    const producer = startProducerProcess(t, {
      ...market.env,
      MONGODB_URI: '', // a killed producer's lease would hold up the next one
      FINNHUB_TOKEN: 'token',
      FINNHUB_URL: feed.url,
      SPOOL_DIR: await temporaryFolder(t)
    })
    await eventually(() => assert.equal(feed.connections[0]?.symbols.length, 2))
    const frame = (p: number, count: number): string =>
      JSON.stringify({
        type: 'trade',
        data: Array.from({ length: count }, () => ({ s: 'AAPL', ...aTrade({ p }) }))
      })
    feed.send(frame(1, 1))
    feed.send(frame(2, 900)) // more than 20 kB
    feed.send(frame(3, 1))
    await eventually(async () => assert.equal(await producer.metric('trades_published_total'), 2))
    const records = await readTopic(t, market.kafka, topic, 2)
    assert.deepEqual(
      records.map(({ value }) => (JSON.parse(value) as TradeRecord).trades[0]?.p),
      [1, 3]
    )
    const [letter] = await readTopic(t, market.kafka, deadTopicOf(topic), 1)
    assert.match(letter?.value ?? '', /the broker refuses the record: .*MESSAGE_TOO_LARGE/)
    assert.equal(await producer.stop(), 0)
  })
})

import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { encodeTradeRecord, type TradeRecord } from '@tapedeck/domain'
import {
  createClient,
  ensureTopics,
  partitionOf,
  placementTopicOf,
  readDeadTopic
} from '@tapedeck/kafka'
import type { BarDocument } from '@tapedeck/mongo'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import type { Scope } from '../../support/scope.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

const options = { timeout: 240_000 }
const main = path.resolve(import.meta.dirname, '../../../services/consumer/src/main.ts')
const SYMBOLS = Array.from({ length: 20 }, (_, index) => `SYM${index}`)

function tape(fromFrame: number, count: number): TradeRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const frame = fromFrame + index
    return aRecord({
      symbol: SYMBOLS[(frame * 7) % SYMBOLS.length] ?? 'SYM0',
      frame,
      trades: [aTrade({ p: 100 + (frame % 50) / 100, v: 1, t: START_MS + frame * 40 })]
    })
  })
}

/** Raises the number of partitions from 6 to 12, as an operator does. */
async function raisePartitions(t: Scope, { kafka }: Market): Promise<void> {
  const admin = createClient(kafka, 'test').admin()
  t.after(() => admin.disconnect())
  await admin.connect()
  await admin.createPartitions({ topicPartitions: [{ topic: kafka.topic, count: 12 }] })
  await eventually(async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [kafka.topic] })
    assert.equal(topics[0]?.partitions.length, 12)
  })
}

async function contents({ database }: Market): Promise<unknown[]> {
  const bars = await database.bars.find().sort({ _id: 1 }).toArray()
  return bars.map(({ source: _s, updatedAt: _u, status: _st, ...bar }: BarDocument) => bar)
}

async function countedOnce({ database }: Market, count: number): Promise<void> {
  await eventually(
    async () => {
      assert.equal(await database.trades.countDocuments(), count)
      const days = await database.bars.find({ timeframe: '1d' }).toArray()
      assert.equal(
        days.reduce((sum, { tradeCount }) => sum + tradeCount, 0),
        count
      )
    },
    { timeoutMs: 60_000 }
  )
}

describe('a symbol keeps its partition', () => {
  it('when partitions are added live, and on a rebuild from the topic', options, async (t) => {
    const calm = await openMarket(t)
    await calm.publish(tape(1, 600))
    const one = await inService(t, (context) => startConsumer(calm.consumer(), context))
    await countedOnce(calm, 600)
    await one.stop()

    const market = await openMarket(t)
    await market.publish(tape(1, 200))
    const first = await inService(t, (context) => startConsumer(market.consumer(), context))
    await market.publish(tape(201, 100))
    await raisePartitions(t, market)
    await market.publish(tape(301, 300))
    await countedOnce(market, 600)
    assert.deepEqual(await contents(market), await contents(calm))
    // The new partitions are read too.
    await eventually(async () =>
      assert.equal(await market.database.checkpoints.countDocuments(), 12)
    )
    await first.stop()

    await market.database.db.dropDatabase()
    await inService(t, (context) => startConsumer(market.consumer(), context))
    await countedOnce(market, 600)
    assert.deepEqual(await contents(market), await contents(calm))
  })

  it('when partitions are added behind a killed consumer with a lag', options, async (t) => {
    const market = await openMarket(t)
    let child: ChildProcess | undefined
    t.after(() => child?.kill('SIGKILL'))
    const start = (): ChildProcess =>
      fork(main, [], {
        env: { ...process.env, ...market.env, FLUSH_INTERVAL: '20ms', LOG_LEVEL: 'silent' },
        stdio: 'ignore'
      })
    child = start()
    const publishing = market.publish(tape(1, 1000))
    await eventually(async () => {
      assert.ok((await market.database.trades.countDocuments()) > 0)
    })
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    await publishing
    await raisePartitions(t, market)
    await market.publish(tape(1001, 500))
    child = start()
    await countedOnce(market, 1500)
  })

  it('and a record of another partitioner is refused aloud', options, async (t) => {
    const market = await openMarket(t)
    const { kafka } = market
    const home = partitionOf('AAPL', 6)
    const producer = createClient(kafka, 'test').producer()
    t.after(() => producer.disconnect())
    await producer.connect()
    const { result } = await inService(t, (context) => startConsumer(market.consumer(), context))
    const send = (frame: number, partition: number): Promise<unknown> => {
      const record = aRecord({ frame, trades: [aTrade({ t: START_MS + frame * 100 })] })
      const message = { ...encodeTradeRecord(record), partition }
      return producer.send({ topic: kafka.topic, messages: [message] })
    }
    for (let frame = 1; frame <= 20; frame++) await send(frame, frame % 2 === 0 ? home : 1)
    await countedOnce(market, 10)
    const letters: { reason: string; partition: number; raw: string }[] = []
    await eventually(async () => {
      letters.length = 0
      await readDeadTopic(kafka, ({ value }) => {
        letters.push(JSON.parse(value) as (typeof letters)[number])
        return undefined
      })
      assert.equal(letters.length, 10)
    })
    assert.equal(
      letters[0]?.reason,
      `wrong partition: the key AAPL belongs to partition ${home} of 6, found it on 1`
    )
    assert.match(letters[0].raw, /"symbol":"AAPL"/)
    const metrics = await (await fetch(`${result.healthUrl}/metrics`)).text()
    assert.match(metrics, /tapedeck_records_dead_total\{reason="wrong partition"\} 10/)
    const ready = await fetch(`${result.healthUrl}/readyz`)
    assert.equal(ready.status, 200)
    assert.match(await ready.text(), /10 records on partition 1 belong to another one \(AAPL\)/)
  })

  it('and a log is not read by another placement', options, async (t) => {
    const market = await openMarket(t)
    const { kafka } = market
    await market.publish(tape(1, 50))
    const first = await inService(t, (context) => startConsumer(market.consumer(), context))
    await countedOnce(market, 50)
    await first.stop()
    await raisePartitions(t, market)
    const admin = createClient(kafka, 'test').admin()
    t.after(() => admin.disconnect())
    await admin.connect()
    await admin.deleteTopics({ topics: [placementTopicOf(kafka.topic)] })
    await eventually(async () => {
      assert.ok(!(await admin.listTopics()).includes(placementTopicOf(kafka.topic)))
    })
    await ensureTopics(kafka)
    const second = await inService(t, (context) => startConsumer(market.consumer(), context))
    const failure = await second.stopped
    assert.match(String(failure?.error), /places its records on 12 partitions.*expected 6/)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { TradeRecord } from '@tapedeck/domain'
import { createClient, ensureTopics, openTopicIds } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import type { Scope } from '../../support/scope.ts'
import { aRecord, aTrade } from '../../support/trades.ts'

const options = { timeout: 120_000 }
/** AAPL's records go here: murmur2 of six partitions. */
const PARTITION = 3
const MINUTE_MS = Math.floor(Date.now() / 60_000) * 60_000 - 120_000

/** One trade a record, one record a second from the given frame on. */
function records(fromFrame: number, count: number): TradeRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const frame = fromFrame + index
    const atMs = MINUTE_MS + frame * 100
    return aRecord({ frame, receivedAt: atMs + 10, trades: [aTrade({ t: atMs, v: 1 })] })
  })
}

/** Deletes the topic and creates it again, without waiting for anybody who reads it. */
async function recreate(t: Scope, { kafka }: Market, partitions = 6): Promise<void> {
  const ids = openTopicIds(kafka, { clientId: 'test' })
  t.after(() => ids.close())
  const admin = createClient(kafka, 'test').admin()
  t.after(() => admin.disconnect())
  await admin.connect()
  await admin.deleteTopics({ topics: [kafka.topic] })
  await eventually(() => assert.rejects(ids.read()))
  await ensureTopics(kafka, { partitions })
}

/** All of the given trades are stored and counted once in the bars of a day. */
async function countedOnce({ database }: Market, count: number): Promise<void> {
  await eventually(async () => {
    assert.equal(await database.trades.countDocuments(), count)
    const days = await database.bars.find({ timeframe: '1d' }).toArray()
    assert.equal(
      days.reduce((sum, { tradeCount }) => sum + tradeCount, 0),
      count
    )
  })
}

async function assertGap({ database, kafka }: Market, from: number, to: number): Promise<string> {
  const gaps = await database.feedGaps.find({ log: { $exists: true } }).toArray()
  assert.equal(gaps.length, 1)
  const [gap] = gaps
  assert.equal(gap?.log, `${kafka.topic}/${PARTITION}`)
  assert.deepEqual([gap.from?.getTime(), gap.to?.getTime()], [from, to])
  assert.match(gap.cause, /^the topic was deleted and created again: records .* are lost$/)
  return gap._id
}

const receivedMs = (frame: number): number => MINUTE_MS + frame * 100 + 10

describe('a topic that was deleted and created again', () => {
  for (const [name, count] of [
    ['shorter than before', 5],
    ['longer than before', 40]
  ] as const) {
    it(`is read from its start when it is ${name}, after a stop`, options, async (t) => {
      const market = await openMarket(t)
      await market.publish(records(1, 20))
      const first = await inService(t, (context) => startConsumer(market.consumer(), context))
      await countedOnce(market, 20)
      await first.stop()
      // These are in no log when the consumer comes back.
      await market.publish(records(21, 3))

      await recreate(t, market)
      // The producer repeats a send of which it got no answer: it was read from the former log.
      await market.publish(records(20, 1))
      await market.publish(records(100, count))
      await inService(t, (context) => startConsumer(market.consumer(), context))
      await countedOnce(market, 20 + count)
      const gap = await assertGap(market, receivedMs(20), receivedMs(100))
      const bar = await market.database.bars.findOne({ _id: `AAPL|1m|${MINUTE_MS}` })
      assert.deepEqual([bar?.coverage, bar?.gapIds], [1 - 8 / 60, [gap]])
    })
  }

  for (const [name, count, partitions] of [
    ['shorter than before', 5, 6],
    ['longer than before', 60, 6],
    ['longer and wider than before', 60, 12]
  ] as const) {
    it(`is read from its start when it is ${name}, while running`, options, async (t) => {
      const market = await openMarket(t)
      await market.publish(records(1, 20))
      const { result } = await inService(t, (context) => startConsumer(market.consumer(), context))
      await countedOnce(market, 20)

      await recreate(t, market, partitions)
      await market.publish(records(100, count))
      await countedOnce(market, 20 + count)
      const gaps = await market.database.feedGaps.find({ log: { $exists: true } }).toArray()
      if (partitions === 6) await assertGap(market, receivedMs(20), receivedMs(100))
      else assert.ok(gaps.length <= 1)
      // It goes on in the new log.
      await market.publish(records(500, 20))
      await countedOnce(market, 40 + count)
      await eventually(async () => {
        assert.equal((await fetch(`${result.healthUrl}/readyz`)).status, 200)
      })
    })
  }
})

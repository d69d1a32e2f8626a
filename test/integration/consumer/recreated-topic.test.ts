import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, recreateTopic } from '../../support/market.ts'
import { assertGap, countedOnce, MINUTE_MS, records } from './changed-log.ts'

const options = { timeout: 120_000 }
const RECREATED = /^the topic was deleted and created again: records .* are lost$/

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

      await recreateTopic(t, market)
      // The producer repeats a send of which it got no answer: it was read from the former log.
      await market.publish(records(20, 1))
      await market.publish(records(100, count))
      await inService(t, (context) => startConsumer(market.consumer(), context))
      await countedOnce(market, 20 + count)
      const gap = await assertGap(market, 20, 100, RECREATED)
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

      await recreateTopic(t, market, partitions)
      await market.publish(records(100, count))
      await countedOnce(market, 20 + count)
      const gaps = await market.database.feedGaps.find({ log: { $exists: true } }).toArray()
      if (partitions === 6) await assertGap(market, 20, 100, RECREATED)
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

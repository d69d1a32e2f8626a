import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { PartitionFold } from '@tapedeck/domain'
import { deadTopicOf } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { readTopic } from '../../support/read-topic.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

// Goal: a defect that one record meets costs that record, not the partition.
// Method: the fold throws at one frame, after it took a part of it, whenever it is read.
it(
  'makes a record that a step throws at a dead letter, and keeps all others once',
  { timeout: 120_000 },
  async (t) => {
    const market = await openMarket(t)
    const take = PartitionFold.prototype.take
    t.mock.method(
      PartitionFold.prototype,
      'take',
      function (this: PartitionFold, ...[record, offset]: Parameters<typeof take>) {
        const folded = take.call(this, record, offset)
        if (record.frame === 3) throw new RangeError('Invalid time value')
        return folded
      }
    )
    const service = await inService(t, (context) => startConsumer(market.consumer(), context))
    const frames = [1, 2, 3, 4, 5]
    await market.publish(
      frames.map((frame) => aRecord({ frame, trades: [aTrade({ t: START_MS + frame, v: frame })] }))
    )
    await eventually(async () => {
      const bar = await market.database.bars.findOne({ _id: `AAPL|1m|${START_MS}` })
      assert.deepEqual([bar?.tradeCount, bar?.volume], [4, 12])
    })
    const letters = await readTopic(t, market.kafka, deadTopicOf(market.kafka.topic), 1)
    const letter = JSON.parse(letters[0]?.value ?? '{}') as Record<string, unknown>
    assert.deepEqual(
      [letters.length, letter['reason'], letter['offset']],
      [1, 'record fails: Invalid time value', 2]
    )
    assert.equal(await market.database.trades.countDocuments(), 4)
    assert.equal(await service.stop(), true)
  }
)

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { createClient } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade } from '../../support/trades.ts'

/** AAPL's records go here: murmur2 of six partitions. */
const PARTITION = 3

it(
  'records removed before they were read become a gap of that partition, which lowers the coverage of its bars',
  { timeout: 60_000 },
  async (t) => {
    const market = await openMarket(t)
    const minuteMs = Math.floor(Date.now() / 60_000) * 60_000 - 120_000
    const record = (frame: number, second: number) => {
      const atMs = minuteMs + second * 1000
      return aRecord({ frame, receivedAt: atMs + 10, trades: [aTrade({ t: atMs })] })
    }
    await market.publish([record(1, 0), record(2, 10)])
    const first = await inService(t, (context) => startConsumer(market.consumer(), context))
    await eventually(async () => assert.equal(await market.database.trades.countDocuments(), 2))
    await first.stop()

    await market.publish([record(3, 20), record(4, 30), record(5, 40)])
    const admin = createClient(market.kafka, 'test').admin()
    t.after(() => admin.disconnect())
    await admin.connect()
    await admin.fetchTopicMetadata({ topics: [market.kafka.topic] })
    await admin.deleteTopicRecords({
      topic: market.kafka.topic,
      partitions: [{ partition: PARTITION, offset: '4' }]
    })
    const { result } = await inService(t, (context) => startConsumer(market.consumer(), context))
    await eventually(async () => {
      const bar = await market.database.bars.findOne({ _id: `AAPL|1m|${minuteMs}` })
      assert.equal(bar?.tradeCount, 3)
    })

    const id = `gone-${market.kafka.topic}/${PARTITION}-2`
    const gap = await market.database.feedGaps.findOne({ _id: id })
    assert.deepEqual(
      { from: gap?.from?.getTime(), to: gap?.to?.getTime(), log: gap?.log },
      { from: minuteMs + 10_010, to: minuteMs + 40_010, log: `${market.kafka.topic}/${PARTITION}` }
    )
    assert.match(gap?.cause ?? '', /^2 records were removed from the topic/)
    await eventually(async () => {
      const bar = await market.database.bars.findOne({ _id: `AAPL|1m|${minuteMs}` })
      assert.deepEqual(
        { coverage: bar?.coverage, gapIds: bar?.gapIds },
        { coverage: 0.5, gapIds: [id] }
      )
    })
    const metrics = await (await fetch(`${result.healthUrl}/metrics`)).text()
    assert.match(metrics, /tapedeck_records_missing_total 2/)
  }
)

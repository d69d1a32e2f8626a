import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { encodeTradeRecord, type TradeRecord } from '@tapedeck/domain'
import { createClient, Publisher, type KafkaConfig } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { ownBroker } from '../../support/own-broker.ts'
import { copyPartition } from '../../support/partition-copy.ts'
import { startService, type RunningService } from '../../support/service-process.ts'
import { assertGap, countedOnce, PARTITION, receivedMs, records } from './changed-log.ts'

const options = { timeout: 240_000 }
const LOST_ITS_END = /^the topic lost records at its end: records .* are lost$/

/** Removes the records of the partition below an offset, as retention does. */
async function removeBelow(t: TestContext, kafka: KafkaConfig, offset: number): Promise<void> {
  const admin = createClient(kafka, 'test').admin()
  t.after(() => admin.disconnect())
  await admin.connect()
  await admin.fetchTopicMetadata({ topics: [kafka.topic] })
  const partitions = [{ partition: PARTITION, offset: String(offset) }]
  await admin.deleteTopicRecords({ topic: kafka.topic, partitions })
}

/** A consumer that can be stopped by a signal, as a host that was suspended. */
async function consumerProcess(t: TestContext, env: Market['env']): Promise<RunningService> {
  const service = await startService('consumer', env)
  t.after(async () => {
    service.signal('SIGCONT')
    await service.stop()
  })
  return service
}

describe('records removed from the beginning of the log', () => {
  it('cost nothing when they were read before, running or stopped', options, async (t) => {
    const market = await openMarket(t)
    await market.publish(records(1, 20))
    const first = await inService(t, (context) => startConsumer(market.consumer(), context))
    await countedOnce(market, 20)
    await removeBelow(t, market.kafka, 10)
    await market.publish(records(21, 5))
    await countedOnce(market, 25)
    await first.stop()
    // Also the record by which the log is recognised.
    await removeBelow(t, market.kafka, 25)
    await market.publish(records(26, 5))
    const { result } = await inService(t, (context) => startConsumer(market.consumer(), context))
    await countedOnce(market, 30)
    assert.equal(await market.database.feedGaps.countDocuments(), 0)
    const metrics = await (await fetch(`${result.healthUrl}/metrics`)).text()
    assert.match(metrics, /tapedeck_records_missing_total 0/)
  })

  it(
    'are a gap when a running consumer had not read them; it says so meanwhile',
    options,
    async (t) => {
      const market = await openMarket(t)
      const consumer = await consumerProcess(t, market.env)
      await market.publish(records(1, 20))
      await countedOnce(market, 20)
      consumer.signal('SIGSTOP')
      // The answer to a fetch that waits at the broker may hold the first of them.
      await market.publish(records(21, 1))
      await market.publish(records(22, 5))
      await removeBelow(t, market.kafka, 26)
      consumer.signal('SIGCONT')
      await eventually(async () => {
        const { ready, reasons } = await consumer.readiness()
        assert.equal(ready, false)
        assert.match(
          reasons.join(),
          new RegExp(`[56] records of partition ${PARTITION} were removed before they were read`)
        )
      })
      await market.publish(records(100, 3))
      await eventually(async () => {
        const [gap] = await market.database.feedGaps.find({ log: { $exists: true } }).toArray()
        assert.match(gap?.cause ?? '', /^[56] records were removed from the topic/)
        assert.equal(gap?.to?.getTime(), receivedMs(100))
      })
      const missing = await consumer.metric('tapedeck_records_missing_total')
      await countedOnce(market, 29 - missing)
      await eventually(async () => assert.equal((await consumer.readiness()).ready, true))
    }
  )
})

// Goal: records that stand where others stood are not taken for those, though topic and topic id are the same.
// Method: a partition's folder is put back to an earlier copy, or removed, under a killed broker.
describe('a log that lost its end under its topic id', () => {
  for (const [name, kind, kept] of [
    ['to an earlier copy of its partition', 'whole', 20],
    ['with the whole folder of its partition', 'empty', 0]
  ] as const) {
    for (const how of ['stopped', 'suspended', 'running'] as const) {
      const grown = how === 'running' ? 'is shorter' : 'has grown past the checkpoint'
      it(
        `${name} is read from its start: it ${grown}, the consumer was ${how}`,
        options,
        async (t) => {
          const market = await openMarket(t)
          const broker = await ownBroker(t)
          const { kafka } = broker
          const env = {
            ...market.env,
            KAFKA_BROKERS: kafka.brokers.join(','),
            KAFKA_TOPIC: kafka.topic,
            KAFKA_GROUP: kafka.topic
          }
          const publish = async (given: readonly TradeRecord[]): Promise<void> => {
            // One of its own each time: an idempotent producer notices the loss as well.
            const publisher = new Publisher(kafka, { clientId: 'test', topic: kafka.topic })
            await publisher.send(given.map(encodeTradeRecord))
            await publisher.close()
          }
          const first = await consumerProcess(t, env)
          await publish(records(1, 20))
          await countedOnce(market, 20)
          const copy = await copyPartition(broker, PARTITION, kind)
          await publish(records(21, 10))
          await countedOnce(market, 30)

          if (how === 'stopped') await first.stop()
          if (how === 'suspended') first.signal('SIGSTOP')
          await copy.restore()
          const count = how === 'running' ? 3 : 40
          await publish(records(100, count))
          if (how === 'suspended') first.signal('SIGCONT')
          const consumer = how === 'stopped' ? await consumerProcess(t, env) : first
          await countedOnce(market, 30 + count)
          await assertGap(market, 30, 100, LOST_ITS_END)
          await publish(records(200, 5))
          await countedOnce(market, 35 + count)
          await eventually(async () => assert.equal((await consumer.readiness()).ready, true))
          assert.equal(await consumer.metric('tapedeck_records_repeated_total'), kept)
          // Its connections would outlive a broker that is closed before.
          await consumer.stop()
        }
      )
    }
  }
})

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { encodeTradeRecord } from '@tapedeck/domain'
import { createClient, openTradeSource, type KafkaConfig } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { storedBatches } from '../../support/segment.ts'
import { servers } from '../../support/servers.ts'
import { aRecord, aTrade } from '../../support/trades.ts'

const CODECS = ['gzip', 'snappy', 'lz4', 'zstd']

/** Enough for several blocks of each format: Snappy's have 32 KiB here, LZ4's 64 KiB. */
const RECORDS = 800
const values = Array.from(
  { length: RECORDS },
  (_, frame) =>
    encodeTradeRecord(aRecord({ frame, trades: [aTrade({ p: 100 + frame / 7 })] })).value
)

/** Creates a topic of one partition in which the broker keeps everything by that codec. */
async function topicBy(t: TestContext, compression: string): Promise<KafkaConfig> {
  const { brokers, topic } = servers()
  const config = { brokers, topic, ssl: false, sasl: undefined }
  const admin = createClient(config, 'test').admin()
  t.after(() => admin.disconnect())
  await admin.connect()
  const configEntries = [{ name: 'compression.type', value: compression }]
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] })
  return config
}

async function publish(t: TestContext, config: KafkaConfig, compression: number): Promise<void> {
  const producer = createClient(config, 'test').producer()
  t.after(() => producer.disconnect())
  await producer.connect()
  const messages = values.map((value) => ({ key: 'AAPL', value }))
  await producer.send({ topic: config.topic, compression, messages })
}

/** Reads all records as the consumer does. */
async function readAll(t: TestContext, config: KafkaConfig): Promise<(string | undefined)[]> {
  const read: (string | undefined)[] = []
  const source = await openTradeSource(
    config,
    { groupId: config.topic, clientId: 'test' },
    {
      assigned: () => undefined,
      nextOffset: () => Promise.resolve(read.length),
      read({ records }) {
        for (const { value } of records) read.push(value?.toString())
        return Promise.resolve()
      },
      failed: (error) => assert.fail(error)
    }
  )
  t.after(() => source.close())
  await eventually(() => assert.equal(read.length, RECORDS))
  return read
}

describe('compressed records', { timeout: 120_000 }, () => {
  CODECS.forEach((name, index) => {
    const codec = index + 1

    it(`are read when the broker keeps the topic by ${name}, framed by its Java library`, async (t) => {
      const config = await topicBy(t, name)
      await publish(t, config, 0)
      const batches = await storedBatches(config.topic, 0)
      assert.deepEqual([...new Set(batches.map((batch) => batch.codec))], [codec])
      assert.deepEqual(await readAll(t, config), values)
    })

    it(`are read when a client of kafkajs sends them by ${name}`, async (t) => {
      const config = await topicBy(t, 'producer')
      await publish(t, config, codec)
      const batches = await storedBatches(config.topic, 0)
      assert.deepEqual([...new Set(batches.map((batch) => batch.codec))], [codec])
      assert.deepEqual(await readAll(t, config), values)
    })
  })
})

import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { encodeTradeRecord, type TradeRecord } from '@tapedeck/domain'
import { createClient, deadTopicOf } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { readTopic } from '../../support/read-topic.ts'
import { damageRecords, setCodec, storedBatches } from '../../support/segment.ts'
import { aRecord, aTrade } from '../../support/trades.ts'

/** AAPL's records go here: murmur2 of six partitions. */
const PARTITION = 3
const LZ4 = 3

/** Each call makes a batch of its own on the topic. */
async function publisherOf(
  t: TestContext,
  { kafka }: Market
): Promise<(records: readonly TradeRecord[]) => Promise<void>> {
  const producer = createClient(kafka, 'test').producer()
  t.after(() => producer.disconnect())
  await producer.connect()
  return async (records) => {
    const messages = records.map(encodeTradeRecord)
    await producer.send({ topic: kafka.topic, compression: LZ4, messages })
  }
}

// Goal: a batch that nobody can decode costs its own records and nothing else, and is said.
// Method: the broker's file is damaged on disk; the broker and kafkajs check no checksum on reading.
it(
  'makes a batch that cannot be decoded a dead letter and a gap, and reads on behind it',
  { timeout: 120_000 },
  async (t) => {
    const market = await openMarket(t)
    const { topic } = market.kafka
    const publish = await publisherOf(t, market)
    const minuteMs = Math.floor(Date.now() / 60_000) * 60_000 - 120_000
    const record = (frame: number, second: number) => {
      const atMs = minuteMs + second * 1000
      return aRecord({ frame, receivedAt: atMs + 10, trades: [aTrade({ t: atMs })] })
    }
    await publish([record(1, 0)])
    await publish([record(2, 10), record(3, 11), record(4, 12)])
    await publish([record(5, 20)])
    await publish([record(6, 30)])
    await publish([record(7, 40)])
    const [, damaged, , unknown] = await storedBatches(topic, PARTITION)
    assert.ok(damaged !== undefined && unknown !== undefined)
    assert.deepEqual([damaged.baseOffset, damaged.lastOffset, damaged.codec], [1, 3, LZ4])
    await damageRecords(topic, PARTITION, damaged)
    await setCodec(topic, PARTITION, unknown, 6)

    await inService(t, (context) => startConsumer(market.consumer(), context))
    await eventually(async () => {
      const bar = await market.database.bars.findOne({ _id: `AAPL|1m|${minuteMs}` })
      assert.equal(bar?.tradeCount, 3)
      assert.equal(bar.gapIds.length, 2)
      assert.ok((bar.coverage ?? 1) < 1, `coverage ${bar.coverage}`)
    })
    const stored = await market.database.trades.find().sort({ tradedAt: 1 }).toArray()
    assert.deepEqual(
      stored.map(({ tradedAt }) => (tradedAt.getTime() - minuteMs) / 1000),
      [0, 20, 40]
    )
    const letters = (await readTopic(t, market.kafka, deadTopicOf(topic), 2)).map(
      ({ value }) => JSON.parse(value) as Record<string, unknown>
    )
    assert.deepEqual(
      letters.map((letter) => [
        letter['stage'],
        letter['topic'],
        letter['partition'],
        letter['offset'],
        letter['lastOffset']
      ]),
      [
        ['consumer', topic, PARTITION, 1, 3],
        ['consumer', topic, PARTITION, 5, 5]
      ]
    )
    assert.match(String(letters[0]?.['reason']), /^batch is unreadable: LZ4: /)
    assert.equal(letters[1]?.['reason'], 'batch is unreadable: codec 6, expected 0 to 4')
    const bytes = Buffer.from(String(letters[0]?.['raw']), 'base64')
    assert.equal(bytes.length, damaged.length)

    const id = `unreadable-${topic}/${PARTITION}-1`
    const gap = await market.database.feedGaps.findOne({ _id: id })
    assert.equal(gap?.from?.getTime(), minuteMs + 10)
    assert.equal(gap.log, `${topic}/${PARTITION}`)
    assert.match(gap.cause, /^3 records could not be decoded: LZ4: /)
    const checkpoint = await market.database.checkpoints.findOne({ _id: `${topic}/${PARTITION}` })
    assert.equal(checkpoint?.nextOffset, 7)
  }
)

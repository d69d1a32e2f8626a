import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { createClient } from '@tapedeck/kafka'
import type { BarDocument } from '@tapedeck/mongo'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { readTopic } from '../../support/read-topic.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

it(
  'publishes every bar to a compacted topic, the newest version last, as it is stored',
  { timeout: 60_000 },
  async (t) => {
    const market = await openMarket(t)
    const at = (frame: number, second: number) =>
      aRecord({ frame, trades: [aTrade({ t: START_MS + second * 1000, p: 100 + frame })] })
    await inService(t, (context) =>
      startConsumer(market.consumer({ TIMEFRAMES: '1m,100t' }), context)
    )
    const stored = async (status: string): Promise<BarDocument> => {
      const bar = await market.database.bars.findOne({ _id: `AAPL|1m|${START_MS}` })
      assert.equal(bar?.status, status)
      return bar
    }
    await market.publish([at(1, 0)])
    await eventually(() => stored('provisional'))
    await market.publish([at(2, 120)])
    await eventually(() => stored('final'))
    await market.publish([at(3, 30)])
    const revised = await eventually(() => stored('revised'))

    const topic = `${market.kafka.topic}.bars`
    const records = await readTopic(t, market.kafka, topic, 4)
    const versions = records
      .filter(({ key }) => key === 'AAPL|1m')
      .flatMap(({ value }) => (JSON.parse(value) as { bars: Record<string, unknown>[] }).bars)
      .filter(({ start }) => start === START_MS)
    assert.deepEqual(
      [...new Set(versions.map(({ status }) => status))],
      ['provisional', 'final', 'revised']
    )
    const { id, ...newest } = versions.at(-1) ?? {}
    assert.equal(id, revised._id)
    for (const [field, value] of Object.entries(newest)) {
      const held = revised[field as keyof BarDocument]
      const expected = held instanceof Date ? held.getTime() : held
      assert.deepEqual(value, expected, field)
    }
    assert.deepEqual(
      { close: newest['close'], revision: newest['revision'], end: newest['end'] },
      { close: 103, revision: 1, end: START_MS + 60_000 }
    )
    assert.ok(records.some(({ key }) => key === 'AAPL|100t'))

    const admin = createClient(market.kafka, 'test').admin()
    t.after(() => admin.disconnect())
    await admin.connect()
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: ['cleanup.policy', 'retention.bytes'] }]
    })
    const values = resources[0]?.configEntries.map(({ configValue }) => configValue)
    assert.deepEqual(values?.toSorted(), ['67108864', 'compact,delete'])
  }
)

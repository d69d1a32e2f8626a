import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { encodeTradeRecord } from '@tapedeck/domain'
import { createClient } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade } from '../../support/trades.ts'

// Goal: a producer of others may publish in transactions; its markers are no records, and what it aborts never was.
it(
  'stores what a transaction committed, nothing that was aborted, and ends bars before a marker',
  { timeout: 120_000 },
  async (t) => {
    const market = await openMarket(t)
    const { kafka, database } = market
    const producer = createClient(kafka, 'test').producer({
      transactionalId: kafka.topic,
      idempotent: true,
      maxInFlightRequests: 1
    })
    t.after(() => producer.disconnect())
    await producer.connect()
    const nowMs = Date.now()
    const prices: Record<string, number> = { committed: 101, aborted: 102, after: 103 }
    for (const [connection, p] of Object.entries(prices)) {
      const transaction = await producer.transaction()
      const record = aRecord({
        connection,
        receivedAt: nowMs,
        trades: [aTrade({ p, t: nowMs })]
      })
      await transaction.send({ topic: kafka.topic, messages: [encodeTradeRecord(record)] })
      await (connection === 'aborted' ? transaction.abort() : transaction.commit())
    }
    await inService(t, (context) =>
      startConsumer(market.consumer({ ALLOWED_DELAY: '200ms' }), context)
    )
    await eventually(async () => {
      const bar = await database.bars.findOne({ timeframe: '1s' })
      const { status, tradeCount, high } = bar ?? {}
      assert.deepEqual({ status, tradeCount, high }, { status: 'final', tradeCount: 2, high: 103 })
    })
    const stored = await database.trades.find().toArray()
    assert.deepEqual(new Set(stored.map(({ price }) => price)), new Set([101, 103]))
  }
)

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { encodeGapRecord } from '@tapedeck/domain'
import { Publisher } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade } from '../../support/trades.ts'

const options = { timeout: 60_000 }

describe('feed gaps', () => {
  it(
    'become one document each, closed by the closing record, whatever the order of partitions',
    options,
    async (t) => {
      const market = await openMarket(t)
      await inService(t, (context) => startConsumer(market.consumer(), context))
      const gap = { id: 'gap-1', fromMs: 1000, toMs: null, symbols: ['AAPL'] }
      await market.publishGap(gap)
      await eventually(async () => {
        const found = await market.database.feedGaps.findOne({ _id: 'gap-1' })
        assert.equal(found?.from?.getTime(), 1000)
        assert.equal(found.to, null)
        assert.equal(found.cause, 'closed with code 1006')
      })
      await market.publishGap({ ...gap, toMs: 9000 })
      await market.publishGap(gap) // a repeated open record undoes nothing
      await eventually(async () => {
        const found = await market.database.feedGaps.findOne({ _id: 'gap-1' })
        assert.equal(found?.to?.getTime(), 9000)
        const [stored] = await market.database.checkpoints
          .aggregate<{ n: number }>([{ $group: { _id: null, n: { $sum: '$nextOffset' } } }])
          .toArray()
        assert.equal(stored?.n, 18)
      })
      assert.equal((await market.database.feedGaps.findOne({ _id: 'gap-1' }))?.to?.getTime(), 9000)
      assert.equal(await market.database.feedGaps.countDocuments(), 1)
    }
  )

  it('hold back the end of a bar while the feed is down', options, async (t) => {
    const market = await openMarket(t)
    await inService(t, (context) =>
      startConsumer(market.consumer({ ALLOWED_DELAY: '100ms', TIMEFRAMES: '1s' }), context)
    )
    const publisher = new Publisher(market.kafka, { clientId: 'test', topic: market.kafka.topic })
    t.after(() => publisher.close())
    const nowMs = Date.now()
    const gap = {
      version: 1,
      kind: 'gap',
      id: 'g',
      feed: 'simulated',
      fromMs: nowMs,
      cause: 'x',
      symbols: [],
      at: nowMs
    } as const
    await market.publish([
      aRecord({ symbol: 'AAPL', receivedAt: nowMs, trades: [aTrade({ t: nowMs })] }),
      aRecord({ symbol: 'MSFT', frame: 2, receivedAt: nowMs, trades: [aTrade({ t: nowMs })] })
    ])
    // The feed goes down for the partition of AAPL alone (3); MSFT's bar (0) shows that time goes on.
    await publisher.send([{ ...encodeGapRecord({ ...gap, toMs: null }), partition: 3 }])
    await eventually(async () => {
      const bar = await market.database.bars.findOne({ symbol: 'MSFT' })
      assert.equal(bar?.status, 'final')
    })
    const held = await market.database.bars.findOne({ symbol: 'AAPL' })
    assert.equal(held?.status, 'provisional')
    await publisher.send([{ ...encodeGapRecord({ ...gap, toMs: nowMs + 5000 }), partition: 3 }])
    await eventually(async () => {
      const bar = await market.database.bars.findOne({ symbol: 'AAPL' })
      assert.equal(bar?.status, 'final')
    })
  })
})

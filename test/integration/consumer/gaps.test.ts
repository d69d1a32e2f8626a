import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { encodeGapRecord } from '@tapedeck/domain'
import { Publisher } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

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

  it(
    'cover exactly their time in stored bars, known late or read in one flush',
    options,
    async (t) => {
      const market = await openMarket(t)
      await inService(t, (context) =>
        startConsumer(market.consumer({ TIMEFRAMES: '1m,2t', ALLOWED_DELAY: '100ms' }), context)
      )
      const minutes = Array.from({ length: 12 }, (_, minute) => minute)
      const tradeOf = (minute: number) =>
        aRecord({ frame: minute + 1, trades: [aTrade({ t: START_MS + minute * MINUTE_MS })] })
      const coverages = async (gapId: string) => {
        const bars = await market.database.bars
          .find({ timeframe: '1m' })
          .sort({ start: 1 })
          .toArray()
        const activity = await market.database.bars
          .find({ timeframe: '2t', gapIds: gapId })
          .sort({ start: 1 })
          .toArray()
        return {
          minutes: bars.map(({ coverage }) => coverage),
          activity: activity.map(({ start }) => (start.getTime() - START_MS) / MINUTE_MS)
        }
      }
      await market.publish(minutes.map(tradeOf))
      await eventually(async () => {
        assert.equal((await coverages('late')).minutes.length, minutes.length)
      })
      // Most of these bars have left the consumer's memory.
      const late = { id: 'late', fromMs: START_MS + 2.5 * MINUTE_MS, symbols: ['AAPL'] }
      await market.publishGap({ ...late, toMs: null })
      await market.publishGap({ ...late, toMs: START_MS + 5.25 * MINUTE_MS })
      await eventually(async () => {
        const whole = { minutes: [1, 1, 0.5, 0, 0, 0.75, 1, 1, 1, 1, 1, 1], activity: [2, 4] }
        assert.deepEqual(await coverages('late'), whole)
      })
    }
  )
})

const MINUTE_MS = 60_000

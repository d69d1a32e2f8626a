import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { createClient, deadTopicOf } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

const options = { timeout: 120_000 }

describe('consumer', () => {
  // Goal: a trade that reaches raw_data late still corrects the bar of its own minute.
  it('rewrites the stored bar when a late trade arrives', options, async (t) => {
    const market = await openMarket(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    await market.publish([
      aRecord({ frame: 1, trades: [aTrade({ p: 101, t: START_MS + 30_000 })] }),
      aRecord({ frame: 2, trades: [aTrade({ p: 105, t: START_MS + 71_000 })] })
    ])
    const id = `AAPL|1m|${START_MS}`
    await eventually(async () => {
      const bar = await market.database.bars.findOne({ _id: id })
      assert.deepEqual({ status: bar?.status, close: bar?.close }, { status: 'final', close: 101 })
    })
    await market.publish([aRecord({ frame: 3, trades: [aTrade({ p: 99, t: START_MS + 1000 })] })])
    await eventually(async () => {
      const bar = await market.database.bars.findOne({ _id: id })
      assert.deepEqual(
        {
          status: bar?.status,
          revision: bar?.revision,
          lateCount: bar?.lateCount,
          open: bar?.open,
          low: bar?.low,
          close: bar?.close,
          tradeCount: bar?.tradeCount
        },
        {
          status: 'revised',
          revision: 1,
          lateCount: 1,
          open: 99,
          low: 99,
          close: 101,
          tradeCount: 2
        }
      )
    })
  })

  it('makes the bar of a quiet symbol final without a further trade', options, async (t) => {
    const market = await openMarket(t)
    await inService(t, (context) =>
      startConsumer(market.consumer({ ALLOWED_DELAY: '200ms' }), context)
    )
    const nowMs = Date.now()
    await market.publish([aRecord({ receivedAt: nowMs, trades: [aTrade({ t: nowMs })] })])
    await eventually(async () => {
      const bar = await market.database.bars.findOne({ timeframe: '1s' })
      assert.equal(bar?.status, 'final')
    })
  })

  it('stores trades as they were sent, five of one millisecond as five', options, async (t) => {
    const market = await openMarket(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    const trades = [1, 2, 3, 4, 5].map((cents) =>
      aTrade({ p: 100 + cents / 100, v: 0.000_08, c: null })
    )
    await market.publish([aRecord({ symbol: 'BINANCE:BTCUSDT', trades })])
    await eventually(async () => {
      assert.equal(await market.database.trades.countDocuments(), 5)
      const bar = await market.database.bars.findOne({ timeframe: '1m' })
      assert.deepEqual(
        { tradeCount: bar?.tradeCount, volume: bar?.volume, open: bar?.open, close: bar?.close },
        { tradeCount: 5, volume: 0.0004, open: 100.01, close: 100.05 }
      )
    })
    const trade = await market.database.trades.findOne({ price: 100.01 })
    assert.deepEqual(
      {
        _id: trade?._id,
        symbol: trade?.symbol,
        size: trade?.size,
        tradedAt: trade?.tradedAt.getTime(),
        conditions: trade?.conditions,
        session: trade?.session
      },
      {
        _id: '0mwv6bn8sff46-1-0',
        symbol: 'BINANCE:BTCUSDT',
        size: 0.000_08,
        tradedAt: START_MS,
        conditions: null,
        session: 'continuous'
      }
    )
  })

  it('sends records that do not fit to the dead-letter topic and continues', options, async (t) => {
    const market = await openMarket(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    await market.publishRaw('AAPL', '{"version":')
    await market.publishRaw('AAPL', JSON.stringify({ ...aRecord(), version: 9 }))
    await market.publishRaw('MSFT', JSON.stringify(aRecord()))
    await market.publishRaw('AAPL', JSON.stringify({ ...aRecord(), padding: 'x'.repeat(950_000) }))
    await market.publishRaw('AAPL', JSON.stringify({ ...aRecord(), indexes: [0, 1] }))
    await market.publish([aRecord({ frame: 2 })])
    await eventually(async () => assert.equal(await market.database.trades.countDocuments(), 1))

    const letters: { reason: string; offset: number; raw: string }[] = []
    const reader = createClient(market.kafka, 'test').consumer({
      groupId: `${market.kafka.topic}.dead`
    })
    t.after(() => reader.disconnect())
    await reader.subscribe({ topics: [deadTopicOf(market.kafka.topic)], fromBeginning: true })
    await reader.run({
      eachMessage: ({ message }) => {
        letters.push(JSON.parse(message.value?.toString() ?? '') as (typeof letters)[number])
        return Promise.resolve()
      }
    })
    await eventually(() => assert.equal(letters.length, 5))
    assert.deepEqual(
      new Set(letters.map(({ reason }) => reason.split(':')[0])),
      new Set([
        'indexes do not match',
        'key is not the symbol',
        'value has 950197 bytes',
        'value is not JSON',
        'version is not 1'
      ])
    )
    assert.ok(letters.every(({ offset, raw }) => offset >= 0 && raw.length > 0))
  })

  it('stores everything it has read before it stops', options, async (t) => {
    const market = await openMarket(t)
    const service = await inService(t, (context) =>
      startConsumer(market.consumer({ FLUSH_INTERVAL: '30s' }), context)
    )
    await market.publish(
      Array.from({ length: 50 }, (_, i) =>
        aRecord({ frame: i + 1, trades: [aTrade({ t: START_MS + i })] })
      )
    )
    // Read but not flushed: the interval is half a minute.
    const url = service.result.healthUrl
    await eventually(async () => {
      const text = await (await fetch(`${url}/metrics`)).text()
      assert.match(text, /tapedeck_records_read_total 50/)
    })
    assert.equal(await service.stop(), true)
    assert.equal(await market.database.trades.countDocuments(), 50)
    const bar = await market.database.bars.findOne({ timeframe: '1m' })
    assert.equal(bar?.tradeCount, 50)
  })
})

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { deadTopicOf } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { readTopic } from '../../support/read-topic.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

const SYMBOL = 'BINANCE:DUST'
const HOUR_MS = 3_600_000

it(
  'keeps impossible times out of the trades, and sums prices of 1e-13 exactly',
  { timeout: 120_000 },
  async (t) => {
    const market = await openMarket(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    const receivedAt = START_MS + 1000
    const of = (frame: number, ...trades: ReturnType<typeof aTrade>[]) =>
      aRecord({ symbol: SYMBOL, frame, receivedAt, trades })
    await market.publish([
      of(1, aTrade({ p: 3.1e-13, v: 1e15 }), aTrade({ p: 2.9e-13, v: 1e15 })),
      of(2, aTrade({ p: 7, t: START_MS * 1000 })),
      of(3, aTrade({ p: 8, t: 9_000_000_000_000_000 })),
      of(4, aTrade({ p: 9, t: receivedAt + HOUR_MS })),
      of(5, aTrade({ p: 3e-13, t: START_MS + 1, v: 1 }))
    ])
    await eventually(async () => {
      const bar = await market.database.bars.findOne({ _id: `${SYMBOL}|1m|${START_MS}` })
      assert.equal(bar?.tradeCount, 3)
      assert.deepEqual([bar.high, bar.low], [3.1e-13, 2.9e-13])
      assert.ok(Math.abs((bar.vwap ?? 0) - 3e-13) < 1e-27, `vwap ${bar.vwap}`)
      assert.equal(bar.notional, 600.0000000000003)
      assert.ok((bar.sdPrice ?? 0) > 0)
    })
    const { trades, lateTrades, symbols } = market.database
    assert.deepEqual(
      (await trades.find().sort({ tradedAt: -1, price: 1 }).toArray()).map(({ price }) => price),
      [3e-13, 2.9e-13, 3.1e-13]
    )
    const late = await lateTrades.find().toArray()
    assert.deepEqual(
      late.map(({ price, reason, byMs }) => [price, reason, byMs]),
      [[9, 'from the future', HOUR_MS]]
    )
    const symbol = await symbols.findOne({ _id: SYMBOL })
    assert.deepEqual([symbol?.lastPrice, symbol?.lastTradeAt.getTime()], [3e-13, START_MS + 1])
    const letters = await readTopic(t, market.kafka, deadTopicOf(market.kafka.topic), 2)
    for (const { value } of letters)
      assert.match(value, /"time is not epoch ms: \d+, expected 1 to/)
  }
)

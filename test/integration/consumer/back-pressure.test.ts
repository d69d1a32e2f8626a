import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { openTcpProxy } from '../../support/tcp-proxy.ts'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

const RECORDS = 20_000
const TRADES = 5
/** What may be read ahead of the database: a few batches and what one flush holds, per partition. */
const MOST_AHEAD = 30_000

it(
  'reads no further than it can store while the database is away, keeps its place in the group, and loses nothing',
  { timeout: 120_000 },
  async (t) => {
    const market = await openMarket(t)
    const { uri, close, reopen } = await openTcpProxy(t, market.env['MONGODB_URI'] ?? '')
    const { result } = await inService(t, (context) =>
      startConsumer(market.consumer({ MONGODB_URI: uri, BARS_TOPIC: 'off' }), context)
    )
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${result.healthUrl}/metrics`)).text()
      const values = [...text.matchAll(new RegExp(`^tapedeck_${name} (.*)$`, 'gm'))]
      return values.reduce((sum, [, value]) => sum + Number(value), 0)
    }
    await market.publish([aRecord({ frame: 1 })])
    await eventually(async () => assert.equal(await market.database.trades.countDocuments(), 1))
    await close()
    await market.publish(
      Array.from({ length: RECORDS }, (_, index) =>
        aRecord({
          frame: index + 2,
          trades: Array.from({ length: TRADES }, () => aTrade({ t: START_MS + index }))
        })
      )
    )
    await eventually(async () => assert.ok((await metric('database_retries_total')) > 3))
    const read = await metric('trades_read_total')
    assert.ok(read < MOST_AHEAD, `${read} trades were read while none could be stored`)
    assert.equal(await market.database.trades.countDocuments(), 1)
    // What is not stored grows with the topic, although no flush ends.
    await eventually(async () =>
      assert.ok((await metric('consumer_lag_records\\{.*\\}')) >= RECORDS)
    )

    await reopen()
    await eventually(
      async () => {
        assert.equal(await market.database.trades.countDocuments(), RECORDS * TRADES + 1)
        const bar = await market.database.bars.findOne({ timeframe: '1d' })
        assert.equal(bar?.tradeCount, RECORDS * TRADES + 1)
      },
      { timeoutMs: 60_000 }
    )
  }
)

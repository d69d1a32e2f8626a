import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

it(
  'counts a trade once when the feed delivers it again under the same id, also across a restart, and excludes the copy',
  { timeout: 60_000 },
  async (t) => {
    const market = await openMarket(t)
    const record = (frame: number, ...ids: string[]) =>
      aRecord({ frame, trades: ids.map((i) => aTrade({ t: START_MS + Number(i), i })) })
    const start = () => inService(t, (context) => startConsumer(market.consumer(), context))
    const counts = async () => ({
      trades: await market.database.trades.countDocuments(),
      redelivered: await market.database.lateTrades.countDocuments({ reason: 'redelivered' }),
      inBar: (await market.database.bars.findOne({ timeframe: '1d' }))?.tradeCount
    })
    const first = await start()
    await market.publish([record(1, '1', '2', '3'), record(2, '2', '3', '4')])
    await eventually(async () =>
      assert.deepEqual(await counts(), { trades: 4, redelivered: 2, inBar: 4 })
    )
    await first.stop()
    await start()
    // A connection of its own: the feed repeats its last trades after a reconnect.
    await market.publish([{ ...record(1, '3', '4', '5'), connection: '1mwv6bn8sff46' }])
    await eventually(async () =>
      assert.deepEqual(await counts(), { trades: 5, redelivered: 4, inBar: 5 })
    )
  }
)

it('counts it twice when told to', { timeout: 60_000 }, async (t) => {
  const market = await openMarket(t)
  await inService(t, (context) => startConsumer(market.consumer({ REDELIVERED: 'keep' }), context))
  await market.publish([1, 2].map((frame) => aRecord({ frame, trades: [aTrade({ i: 'x' })] })))
  await eventually(async () => {
    assert.equal((await market.database.bars.findOne({ timeframe: '1d' }))?.tradeCount, 2)
  })
})

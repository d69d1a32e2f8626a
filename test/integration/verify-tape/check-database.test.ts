import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'
import { checkDatabase } from '../../programs/verify-tape/check-database.ts'
import { computeReferenceBars } from '../../programs/verify-tape/reference-bars.ts'
import { readTapeTotals } from '../../programs/verify-tape/tape-totals.ts'

const TIMEFRAMES = ['1s', '5s', '15s', '1m', '5m', '15m', '1h', '1d']

describe('checkDatabase()', () => {
  it('holds for what the consumer stored, and names every single thing that was changed', async (t) => {
    const market = await openMarket(t)
    const trades = Array.from({ length: 60 }, (_, i) =>
      aTrade({
        p: 100 + (i % 7) / 100,
        t: START_MS + ((i * 7919) % 60) * 900,
        v: 0.1 * (1 + (i % 3))
      })
    )
    const records = trades.map((trade, i) => aRecord({ trades: [trade], frame: i + 1 }))
    const tape = path.join(market.env['TAPEDECK_DATA_DIR'] ?? '', 'tape.ndjson')
    await writeFile(tape, trades.map((trade) => JSON.stringify({ s: 'AAPL', ...trade })).join('\n'))
    await market.publish(records)
    const policy = { CONDITION_POLICY: 'all', TIMEFRAMES: TIMEFRAMES.join(',') }
    const service = await inService(t, (context) => startConsumer(market.consumer(policy), context))
    const { database, env } = market
    await eventually(async () => assert.equal(await database.trades.countDocuments(), 60))
    assert.ok(await service.stop())

    const options = {
      mongoUri: env['MONGODB_URI'] ?? '',
      database: env['MONGODB_DB'] ?? '',
      totals: await readTapeTotals(tape, 'drop'),
      reference: await computeReferenceBars(tape),
      timeframes: TIMEFRAMES
    }
    const good = await checkDatabase(options)
    assert.deepEqual(good.differences, [])
    assert.ok(good.holds && good.windows > 60 && good.wrongBars === 0)

    // The least that a double can be off.
    const bar = await database.bars.findOne({ timeframe: '5s' })
    const volume = (bar?.volume ?? 0) * (1 + Number.EPSILON)
    await database.bars.updateOne({ _id: bar?._id ?? '' }, { $set: { volume } })
    await database.bars.deleteOne({ timeframe: '15m' })
    const [open, missing, ...others] = (await checkDatabase(options)).differences
    assert.match(open ?? '', /^5s AAPL \d+: volume/)
    assert.match(missing ?? '', /^15m AAPL \d+: no bar is stored/)
    assert.deepEqual(others, [])

    await database.trades.deleteOne({})
    const short = await checkDatabase(options)
    assert.ok(!short.holds)
    assert.match(short.differences[0] ?? '', /59 trades stored, expected 60/)
  })
})

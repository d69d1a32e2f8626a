import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { insertTrades, storeBars } from '@tapedeck/mongo'
import { openMarket } from '../../support/market.ts'
import { aBar, aTrade } from '../../support/market-documents.ts'

const options = { timeout: 60_000 }
const SECOND_MS = 1000
const OWNER = { log: 'raw_data/0', epoch: 1 }

describe('bulk writes', () => {
  it(
    'store more than one message may hold, and count what was stored already',
    options,
    async (t) => {
      const { database } = await openMarket(t)
      const conditions = ['x'.repeat(1_000_000)]
      const large = Array.from({ length: 60 }, (_, i) => aTrade('AAPL', i, { conditions }))
      assert.equal(await insertTrades(database, large.slice(20, 40)), 0)
      assert.equal(await insertTrades(database, large), 20)
      assert.equal(await database.trades.countDocuments(), 60)
    }
  )

  it('store many small documents in several commands, in any order', options, async (t) => {
    const { database } = await openMarket(t)
    const trades = Array.from({ length: 5001 }, (_, i) => aTrade('AAPL', i))
    assert.equal(await insertTrades(database, [trades[0]!, trades[2500]!, trades[5000]!]), 0)
    assert.equal(await insertTrades(database, trades), 3)
    assert.equal(await database.trades.countDocuments(), 5001)
  })

  it('name the collection and the reason when the server refuses documents', options, async (t) => {
    const { database } = await openMarket(t)
    const tooLarge = aTrade('AAPL', 1, { conditions: ['x'.repeat(16_800_000)] })
    await assert.rejects(
      insertTrades(database, [aTrade('AAPL', 0), tooLarge, aTrade('AAPL', 2)]),
      (error) =>
        hasCode(error, 'STATE_CORRUPT') && /Cannot store trades: .*16MB/.test(error.message)
    )
  })

  it('replace older bars only, whatever was stored already', options, async (t) => {
    const { database } = await openMarket(t)
    const bars = (volume: number, offset: number, epoch: number) =>
      Array.from({ length: 2500 }, (_, i) =>
        aBar('AAPL', '1s', SECOND_MS, i, { volume, source: { log: OWNER.log, offset, epoch } })
      )
    const volumes = () => database.bars.distinct('volume')
    assert.equal(await storeBars(database, OWNER, { fresh: bars(1, 10, 1), changed: [] }), 0)
    // Announced by a flush that a crash cut off, and made again: the same place takes it.
    assert.equal(await storeBars(database, OWNER, { fresh: bars(2, 10, 1), changed: [] }), 0)
    assert.deepEqual(await volumes(), [2])
    assert.equal(await storeBars(database, OWNER, { fresh: [], changed: bars(3, 11, 1) }), 0)
    assert.deepEqual(await volumes(), [3])
    const zombie = { fresh: bars(4, 10, 1), changed: bars(5, 9, 1) }
    assert.equal(await storeBars(database, OWNER, zombie), 5000)
    assert.deepEqual(await volumes(), [3])
    const successor = { log: OWNER.log, epoch: 2 }
    assert.equal(await storeBars(database, successor, { fresh: [], changed: bars(6, 5, 2) }), 0)
    assert.deepEqual(await volumes(), [6])
    assert.equal(await database.bars.countDocuments(), 2500)
  })
})

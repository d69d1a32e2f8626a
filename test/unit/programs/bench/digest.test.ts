import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digestOf, digestProblems } from '../../../programs/bench/digest.ts'
import { syntheticRecords } from '../../../programs/bench/synthetic-trades.ts'

describe('digestOf()', () => {
  const shape = { trades: 3000, symbols: 7, rate: 40, seed: 3 }

  it('does not depend on how the trades are cut into records', async () => {
    const timeframes = ['1s', '1m', '1d']
    const [whole, ...others] = [10, 5, 1].map((perRecord) => [
      ...syntheticRecords({ ...shape, perRecord })
    ])
    const trades = whole?.flatMap((record) => record.trades)
    const expected = await digestOf(whole ?? [], { timeframes })
    assert.equal(expected.get('1m')?.trades, 3000)
    for (const records of others) {
      assert.deepEqual(
        records.flatMap((record) => record.trades),
        trades
      )
      assert.deepEqual(digestProblems('', expected, await digestOf(records, { timeframes })), [])
    }
  })

  it('differs when one trade is missing', async () => {
    const timeframes = ['1s', '1h']
    const records = [...syntheticRecords({ ...shape, perRecord: 1 })]
    const expected = await digestOf(records, { timeframes })
    const found = await digestOf(records.toSpliced(1500, 1), { timeframes })
    assert.equal(digestProblems('', expected, found).length, 2)
  })
})

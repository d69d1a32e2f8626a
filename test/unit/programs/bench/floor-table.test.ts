import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { floorRows, floorTable } from '../../../programs/bench/floor-table.ts'

const run = (tradesPerSecond: number) => ({
  tradesPerSecond,
  engineUs: 1e5 / tradesPerSecond,
  mongodUs: 10,
  problems: []
})

const floor = { name: 'floor', rounds: [50_000, 100_000, 75_000].map(run) }

describe('the table of bench:floor', () => {
  it('takes ratios within each round', () => {
    const rounds = [45_000, 80_000, 75_000].map(run)
    const [first, second] = floorRows([floor, { name: 'consumer', budget: 0.85, rounds }])
    assert.equal(first?.ratio, 1)
    assert.deepEqual([second?.least, second?.ratio, second?.most], [0.8, 0.9, 1])
    assert.equal(second?.tradesPerSecond, 75_000)
    assert.equal(second.mongodUs, 10)
  })

  it('says whether the median of the ratios meets the budget', () => {
    const rounds = [45_000, 90_000, 75_000].map(run)
    const rows = floorRows([
      floor,
      { name: 'near', budget: 0.9, rounds },
      { name: 'far', budget: 0.95, rounds }
    ])
    assert.deepEqual(
      rows.map(({ isMet }) => isMet),
      [undefined, true, false]
    )
    const [, first = '', near = '', far = ''] = floorTable(rows).split('\n')
    assert.match(first, /^floor +75000 .* 1\.00 to 1\.00 +-$/)
    assert.match(near, /0\.90 +0\.90 to 1\.00 +0\.90 met$/)
    assert.match(far, /0\.95 missed$/)
  })
})

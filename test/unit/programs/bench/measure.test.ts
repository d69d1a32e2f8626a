import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lineThrough, measure } from '../../../programs/bench/measure.ts'

describe('measure()', () => {
  it('gives the median of the counted rounds, in turn', async () => {
    const calls: string[] = []
    const subject = (name: string) => ({ name, trades: 1000, run: () => void calls.push(name) })
    const options = { rounds: 3, warmUps: 1, collectGarbage: () => undefined }
    const rows = await measure([subject('a'), subject('b')], options)
    assert.equal(calls.join(''), 'abababab')
    assert.ok(
      rows.every(({ minNs, nsPerTrade, maxNs }) => minNs <= nsPerTrade && nsPerTrade <= maxNs)
    )
    const { slope, intercept } = lineThrough([
      [1, 12],
      [2, 14],
      [3, 16]
    ])
    assert.equal(slope, 2)
    assert.equal(intercept, 10)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { collected } from '../../../services/batch/src/collected.ts'

describe('collected', () => {
  it('works on one batch at a time: what comes during one is the next', async () => {
    const batches: (readonly number[])[] = []
    const ends: (() => void)[] = []
    const take = collected<number>((values) => {
      batches.push(values)
      return new Promise((resolve) => ends.push(resolve))
    })
    take(1)
    take(2)
    take(3)
    assert.deepEqual(batches, [[1]])
    ends.shift()?.()
    await turn()
    assert.deepEqual(batches, [[1], [2, 3]])
    ends.shift()?.()
    await turn()
    take(4)
    assert.deepEqual(batches.at(-1), [4])
  })
})

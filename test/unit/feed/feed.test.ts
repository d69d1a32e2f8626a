import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectionId } from '@tapedeck/feed'

describe('connectionId()', () => {
  it('rises as text, also within one millisecond and when the clock steps back', () => {
    const ids = [5000, 5000, 4000, 1_764_000_600_200].map((ms) => connectionId(1e12 + ms))
    assert.deepEqual(ids.toSorted(), ids)
    assert.equal(new Set(ids).size, 4)
  })
})

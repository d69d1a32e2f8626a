import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '@tapedeck/core'
import fc from 'fast-check'

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 })

describe('seededRandom()', () => {
  it('gives the numbers of mulberry32', () => {
    const random = seededRandom(1)
    // Computed by the published C code: uint32 results over 2^32.
    assert.deepEqual(
      Array.from({ length: 3 }, () => random() * 2 ** 32),
      [2693262067, 11749833, 2265367787]
    )
  })

  it('repeats itself with the same seed and stays in [0, 1)', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = seededRandom(seed)
        const again = seededRandom(seed)
        for (let i = 0; i < 20; i++) {
          const found = random()
          assert.equal(found, again())
          assert.ok(found >= 0 && found < 1)
        }
      })
    )
  })
})

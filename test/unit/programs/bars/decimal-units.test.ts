import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decimalUnits, unitsToNumber } from '../../../programs/bars/decimal-units.ts'

describe('decimalUnits()', () => {
  it('reads a number by its digits, and back', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.nat(8), (whole, decimals) => {
        const value = Number(`${whole}e-${decimals}`)
        assert.equal(unitsToNumber(decimalUnits(value), 12), value)
      })
    )
    assert.equal(decimalUnits(1e-8), 10_000n)
    assert.equal(decimalUnits(0.1) + decimalUnits(0.2), decimalUnits(0.3))
    assert.equal(unitsToNumber(decimalUnits(0.1) * decimalUnits(3), 24), 0.3)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  decimalUnits,
  FACTOR_DECIMALS,
  SUM_DECIMALS,
  unitsToNumber
} from '../../../programs/bars/decimal-units.ts'

describe('decimalUnits()', () => {
  it('reads a number by its digits, and back', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.nat(8), (whole, decimals) => {
        const value = Number(`${whole}e-${decimals}`)
        assert.equal(unitsToNumber(decimalUnits(value), FACTOR_DECIMALS), value)
      })
    )
    assert.equal(decimalUnits(1e-8), 10n ** BigInt(FACTOR_DECIMALS - 8))
    assert.equal(
      decimalUnits(0.1 + 0.2) - decimalUnits(0.3),
      4n * 10n ** BigInt(FACTOR_DECIMALS - 17)
    )
    assert.throws(() => decimalUnits(1e-41), /Cannot sum 1e-41, expected 40 decimals at most/)
    assert.equal(decimalUnits(0.1) + decimalUnits(0.2), decimalUnits(0.3))
    assert.equal(unitsToNumber(decimalUnits(0.1) * decimalUnits(3), SUM_DECIMALS), 0.3)
  })
})

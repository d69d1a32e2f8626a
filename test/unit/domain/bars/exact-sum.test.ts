import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ExactSum } from '@tapedeck/domain'

/** A decimal of up to `decimals` places as a double, and as whole units of 1e-12. */
function decimals(
  maxWhole: number,
  places: number
): fc.Arbitrary<{ value: number; units: bigint }> {
  return fc
    .tuple(fc.nat(maxWhole), fc.integer({ min: 0, max: places }), fc.nat())
    .map(([whole, digits, seed]) => {
      const fraction = String(seed % 10 ** digits).padStart(digits, '0')
      const text = digits === 0 ? String(whole) : `${whole}.${fraction}`
      return {
        value: Number(text),
        units: BigInt(whole) * 10n ** 12n + BigInt((digits === 0 ? '' : fraction).padEnd(12, '0'))
      }
    })
}

const prices = decimals(900_000, 8)
const sizes = decimals(2_000_000, 8)

describe('ExactSum', () => {
  it('equals big-integer sums of price x size to the last digit', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(prices, sizes), { maxLength: 60 }), (terms) => {
        const sum = new ExactSum()
        let expected = 0n
        for (const [price, size] of terms) {
          sum.addProduct(price.value, size.value)
          expected += price.units * size.units
        }
        assert.equal(sum.units(), expected)
        const again = new ExactSum()
        again.set(sum.toStored())
        assert.equal(again.units(), expected)
      })
    )
  })

  it('is the same in any order and any grouping, also as stored', () => {
    fc.assert(
      fc.property(
        fc
          .array(sizes, { minLength: 1, maxLength: 60 })
          .chain((terms) =>
            fc.tuple(
              fc.constant(terms),
              fc.shuffledSubarray(terms, { minLength: terms.length }),
              fc.nat(terms.length)
            )
          ),
        ([terms, shuffled, cut]) => {
          const straight = new ExactSum()
          for (const { value } of terms) straight.add(value)
          const left = new ExactSum()
          const right = new ExactSum()
          shuffled.forEach(({ value }, index) => (index < cut ? left : right).add(value))
          right.merge(left)
          assert.deepEqual(right.toStored(), straight.toStored())
          assert.equal(right.toNumber(), straight.toNumber())
        }
      )
    )
  })

  it('returns the nearest double of the decimal sum', () => {
    const sum = new ExactSum()
    for (const value of [0.1, 0.2, 0.3]) sum.add(value)
    assert.equal(sum.toNumber(), 0.6)
    sum.add(1e-8)
    assert.equal(sum.toNumber(), 0.600_000_01)
  })

  it('exceeds a safe integer without losing a unit', () => {
    const sum = new ExactSum()
    for (let i = 0; i < 5; i++) sum.addProduct(450_000.123_4, 90_000_000)
    sum.addProduct(0.0001, 0.0001)
    assert.deepEqual(sum.toStored(), '202500055530000000000010000000000000000')
  })

  it('reads sizes the feed writes with an exponent', () => {
    const sum = new ExactSum()
    sum.add(8e-5)
    sum.add(1e-9)
    assert.equal(sum.toNumber(), 0.000_080_001)
  })
})

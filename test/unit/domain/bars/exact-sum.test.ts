import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BarAccumulator, ExactSum, MAY } from '@tapedeck/domain'

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

/** A finite double of any size, not negative. */
const anyDouble = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map(Math.abs)
const SCALE = 700

/** A double by the digits of its text, in units of 10^-`scale`, exactly. */
function unitsOf(value: number, scale: number): bigint {
  const [, whole = '', fraction = '', exponent = '0'] =
    /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? []
  return BigInt(whole + fraction) * 10n ** BigInt(scale + Number(exponent) - fraction.length)
}

describe('ExactSum', () => {
  it('is exact for every finite double, in any order, also as stored and restored', () => {
    const terms = fc.array(fc.tuple(anyDouble, anyDouble), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(terms, fc.nat(11), (pairs, cut) => {
        const straight = new ExactSum()
        const left = new ExactSum()
        const right = new ExactSum()
        let expected = 0n
        pairs.forEach(([price, size], index) => {
          straight.addProduct(price, size)
          expected += unitsOf(price, SCALE / 2) * unitsOf(size, SCALE / 2)
          ;(index < cut ? left : right).addProduct(price, size)
        })
        const restored = new ExactSum()
        restored.set(right.toStored())
        restored.merge(left)
        for (const sum of [straight, restored]) {
          const exact = sum.exact()
          assert.equal(exact.digits * 10n ** BigInt(SCALE - exact.decimals), expected)
        }
        assert.equal(restored.toStored(), straight.toStored())
        assert.equal(restored.toNumber(), straight.toNumber())
      })
    )
  })

  it('keeps the decimals of prices below 1e-12', () => {
    const sum = new ExactSum()
    sum.addProduct(3.1e-13, 1e15)
    sum.addProduct(2.9e-13, 1e15)
    assert.equal(sum.toNumber(), 600)
    const tiny = new ExactSum()
    tiny.addProduct(3.1e-25, 1e-8)
    assert.equal(tiny.toStored(), '31e-34')
    assert.equal(tiny.toNumber(), 3.1e-33)
  })

  it('gives a bar of tiny prices its mean, deviation and volume-weighted price', () => {
    const accumulator = new BarAccumulator()
    ;[3.1e-26, 2.9e-26].forEach((price, sequence) => {
      accumulator.add({
        tMs: 0,
        connection: 'c',
        sequence,
        price,
        size: 1e15,
        eligibility: MAY.setHighLow | MAY.setLast | MAY.addVolume,
        session: 'continuous',
        feed: 'finnhub',
        direction: 0,
        squaredReturn: 0
      })
    })
    assert.equal(accumulator.notional, 6e-11)
    assert.equal(accumulator.vwap, 3e-26)
    assert.equal(accumulator.meanPrice, 3e-26)
    assert.ok(Math.abs((accumulator.sdPrice ?? NaN) - 1e-27) < 1e-41)
    const again = new BarAccumulator(accumulator.toStored())
    assert.deepEqual(again.toStored(), accumulator.toStored())
    assert.equal(again.sdPrice, accumulator.sdPrice)
  })

  it('equals big-integer sums of price x size to the last digit', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(prices, sizes), { maxLength: 60 }), (terms) => {
        const sum = new ExactSum()
        let expected = 0n
        for (const [price, size] of terms) {
          sum.addProduct(price.value, size.value)
          expected += price.units * size.units
        }
        assert.deepEqual(sum.exact(), { digits: expected, decimals: 24 })
        const again = new ExactSum()
        again.set(sum.toStored())
        assert.deepEqual(again.exact(), { digits: expected, decimals: 24 })
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

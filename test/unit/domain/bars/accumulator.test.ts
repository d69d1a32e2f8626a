import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BarAccumulator, type BarTrade } from '@tapedeck/domain'
import fc from 'fast-check'

describe('BarAccumulator', () => {
  const aTrade = (price: number, sequence: number): BarTrade => ({
    tMs: sequence,
    connection: 'c',
    sequence,
    price,
    size: 1,
    eligibility: 15,
    session: 'regular',
    feed: 'x',
    direction: 0,
    squaredReturn: 0
  })

  it('has the mean and standard deviation of the prices, at any height and without cancellation', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0.0001, 1, 189, 5000, 100_000),
        fc.array(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 60 }),
        (base, steps) => {
          const accumulator = new BarAccumulator()
          const units = steps.map((step) => Math.round(base * 1e8) + step)
          units.forEach((unit, index) => accumulator.add(aTrade(unit / 1e8, index)))
          // The same in big integers.
          const n = BigInt(units.length)
          const sum = units.reduce((total, unit) => total + BigInt(unit), 0n)
          const squares = units.reduce((total, unit) => total + BigInt(unit) ** 2n, 0n)
          const expected = Math.sqrt(Number(n * squares - sum * sum)) / units.length / 1e8
          const sd = accumulator.sdPrice ?? NaN
          assert.ok(
            Math.abs(sd - expected) <= 1e-12 * Math.max(expected, 1e-300),
            `${sd} ${expected}`
          )
          const mean = Number(sum) / units.length / 1e8
          assert.ok(Math.abs((accumulator.meanPrice ?? NaN) - mean) <= 1e-12 * mean)
        }
      )
    )
  })

  it('has none without a price', () => {
    const accumulator = new BarAccumulator()
    accumulator.add({ ...aTrade(10, 0), eligibility: 4 })
    assert.deepEqual(
      {
        meanPrice: accumulator.meanPrice,
        sdPrice: accumulator.sdPrice,
        logReturn: accumulator.logReturn,
        realisedVolatility: accumulator.realisedVolatility
      },
      { meanPrice: null, sdPrice: null, logReturn: null, realisedVolatility: null }
    )
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  agoText,
  axisText,
  decimalsOf,
  decimalsOfBars,
  exactPriceText,
  percentText,
  priceText,
  signedText
} from '../../../../../services/api/src/web/page/format.ts'

describe('decimalsOf()', () => {
  it('finds the tick of stocks, of crypto in cents and of small prices', () => {
    assert.equal(decimalsOf([217.3, 217.31, 217.29]), 2)
    assert.equal(decimalsOf([75_130.92, 75_131]), 2)
    assert.equal(decimalsOf([1.08455, 1.0846, 1.08461]), 5)
    assert.equal(decimalsOf([0.00001234, 0.00001235]), 8)
  })

  it('is not misled by a few trades between two ticks', () => {
    assert.equal(decimalsOf([217.3, 217.3102, 217.3004, 217.32, 217.33]), 2)
  })

  it('is not misled by bars whose prices are between two ticks more often', () => {
    const bars = [217.31, 217.3004, 217.2998, 217.28].map((price) => ({
      open: price,
      close: price + 0.0002
    }))
    assert.equal(decimalsOfBars(bars), 2)
    assert.equal(decimalsOfBars([{ open: null, close: null }]), 2)
  })

  it('does without prices', () => {
    assert.equal(decimalsOf([]), 2)
    assert.equal(decimalsOf([NaN, 0]), 2)
  })

  it('gives decimals that write prices of that tick without loss', () => {
    const ticks = fc.tuple(
      fc.integer({ min: 2, max: 6 }),
      fc.array(fc.integer({ min: 1, max: 99_999 }), { minLength: 1 })
    )
    fc.assert(
      fc.property(ticks, ([decimals, steps]) => {
        const prices = steps.map((step) => Number((1 + step * 10 ** -decimals).toFixed(decimals)))
        const found = decimalsOf(prices)
        assert.ok(found <= decimals)
        const exact = prices.filter((price) => Number(price.toFixed(found)) === price)
        assert.ok(exact.length >= prices.length / 2)
      })
    )
  })
})

describe('texts of numbers', () => {
  it('round a price to its tick on axes, and write it in full on the tape', () => {
    assert.equal(priceText(1217.3004, 2), '1,217.30')
    assert.equal(exactPriceText(217.3004, 2), '217.3004')
    assert.equal(exactPriceText(217, 2), '217.00')
    assert.equal(priceText(null, 2), '–')
  })

  it('have a true minus and a plus, but no sign at zero', () => {
    assert.equal(percentText(-0.0123), '−1.23 %')
    assert.equal(percentText(0.5), '+50.00 %')
    assert.equal(signedText(0, String), '0')
  })

  it('say how long ago something was', () => {
    assert.equal(agoText(900), 'just now')
    assert.equal(agoText(90_000), '90 s ago')
    assert.equal(agoText(7_200_000), '2 h ago')
  })

  it('label an axis by the length of its windows', () => {
    const ms = new Date(2026, 2, 10, 14, 5, 30).getTime()
    assert.equal(axisText(ms, 1000, false), '14:05:30')
    assert.equal(axisText(ms, 60_000, false), '14:05')
    assert.equal(axisText(ms, 60_000, true), '10 Mar')
  })
})

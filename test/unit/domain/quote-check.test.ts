import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkQuote, isQuoteAlarm } from '@tapedeck/domain'
import fc from 'fast-check'

const LIMITS = { tolerancePercent: 0.5, maxAgeMs: 120_000 }
/** Tuesday 11:00 New York. */
const OPEN_MS = Date.UTC(2026, 2, 10, 15)
const OPENING_MS = Date.UTC(2026, 2, 10, 13, 30)
const quote = (price: number, receivedMs = OPEN_MS - 5000) => ({
  price,
  quotedMs: receivedMs,
  receivedMs
})
const trade = (price: number) => ({ price, tradedMs: OPEN_MS - 5000 })

describe('checkQuote()', () => {
  it('agrees up to the tolerance, and differs beyond it', () => {
    const found = checkQuote('AAPL', quote(100.5), trade(100), OPEN_MS, LIMITS)
    assert.deepEqual(found, { verdict: 'agrees', differencePercent: 0.5, ageMs: 5000 })
    assert.equal(checkQuote('AAPL', quote(99.4), trade(100), OPEN_MS, LIMITS).verdict, 'differs')
  })

  it('says what is old, what is missing, and what has not traded', () => {
    const old = quote(100, OPEN_MS - 120_001)
    assert.equal(checkQuote('AAPL', old, trade(100), OPEN_MS, LIMITS).verdict, 'stale')
    assert.equal(checkQuote('AAPL', undefined, trade(100), OPEN_MS, LIMITS).verdict, 'missing')
    assert.equal(checkQuote('AAPL', quote(1), undefined, OPEN_MS, LIMITS).verdict, 'no trade')
  })

  it('judges nothing while quotes do not move, nor until one can be new', () => {
    const saturday = Date.UTC(2026, 2, 14, 15)
    const afterHours = Date.UTC(2026, 2, 10, 21)
    for (const nowMs of [saturday, afterHours, OPENING_MS - 1, OPENING_MS + 119_000]) {
      const { verdict, differencePercent } = checkQuote(
        'AAPL',
        quote(90),
        trade(100),
        nowMs,
        LIMITS
      )
      assert.equal(verdict, 'closed')
      assert.equal(differencePercent, -10)
      assert.equal(isQuoteAlarm(verdict), false)
    }
    assert.equal(
      checkQuote('AAPL', undefined, undefined, OPENING_MS + 120_000, LIMITS).verdict,
      'missing'
    )
    assert.equal(
      checkQuote('BINANCE:BTCUSDT', undefined, trade(1), saturday, LIMITS).verdict,
      'missing'
    )
  })

  it('is the same for prices in any unit', () => {
    const price = fc.double({ min: 0.01, max: 1e5, noNaN: true })
    fc.assert(
      fc.property(price, price, fc.integer({ min: -8, max: 8 }), (a, b, power) => {
        const unit = 2 ** power
        const [one, other] = [1, unit].map((scale) =>
          checkQuote('AAPL', quote(a * scale), trade(b * scale), OPEN_MS, LIMITS)
        )
        assert.deepEqual(one, other)
      })
    )
  })
})

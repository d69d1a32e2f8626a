import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { instrumentOf, PricePath } from '@tapedeck/simulator/testing'

const MONDAY_MS = Date.parse('2026-03-02T00:00:00Z')
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

function changes(
  symbol: string,
  fromMs: number,
  everyMs: number,
  count: number,
  seed = 1
): number[] {
  const path = new PricePath(instrumentOf(symbol), seed, 'martingale')
  const prices = Array.from({ length: count + 1 }, (_, i) => path.priceAt(fromMs + i * everyMs))
  return prices.slice(1).map((price, i) => Math.log(price / (prices[i] ?? NaN)))
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

function correlation(values: readonly number[], lag: number): number {
  const middle = mean(values)
  const about = values.map((value) => value - middle)
  const products = about.slice(lag).map((value, i) => value * (about[i] ?? 0))
  return products.reduce((a, b) => a + b, 0) / about.reduce((a, b) => a + b * b, 0)
}

describe('PricePath', () => {
  it('answers the same price for a moment, whatever was asked before', () => {
    const moment = fc.integer({ min: MONDAY_MS, max: MONDAY_MS + 3 * DAY_MS })
    const kind = fc.constantFrom('martingale' as const, 'trending' as const)
    fc.assert(
      fc.property(fc.array(moment, { minLength: 1 }), fc.nat(), kind, (moments, seed, market) => {
        const instrument = instrumentOf('AAPL')
        const path = new PricePath(instrument, seed, market)
        for (const atMs of moments) {
          const alone = new PricePath(instrument, seed, market).priceAt(atMs)
          assert.equal(path.priceAt(atMs), alone)
        }
      }),
      { numRuns: 40 }
    )
  })

  it('does not jump, not even at midnight', () => {
    for (const symbol of ['AAPL', 'BINANCE:BTCUSDT']) {
      const path = new PricePath(instrumentOf(symbol), 7, 'martingale')
      for (let atMs = MONDAY_MS + DAY_MS - 2000; atMs < MONDAY_MS + DAY_MS + 2000; atMs += 10) {
        assert.ok(Math.abs(Math.log(path.priceAt(atMs + 10) / path.priceAt(atMs))) < 0.001)
      }
    }
  })

  it('moves as little predictably as a martingale, in clusters and with heavy tails', () => {
    const minutes = changes('BINANCE:BTCUSDT', MONDAY_MS, MINUTE_MS, 20 * 1440)
    for (const lag of [1, 2, 3, 5]) {
      assert.ok(Math.abs(correlation(minutes, lag)) < 0.03, `lag ${lag}`)
    }
    const sizes = minutes.map(Math.abs)
    assert.ok(correlation(sizes, 1) > 0.15 && correlation(sizes, 30) > 0.05)
    const variance = mean(minutes.map((one) => one ** 2))
    assert.ok(mean(minutes.map((one) => one ** 4)) / variance ** 2 > 4.5, 'kurtosis')
    const { volatility } = instrumentOf('BINANCE:BTCUSDT')
    const ratio = Math.sqrt(variance / 60) / volatility
    assert.ok(ratio > 0.9 && ratio < 1.1, `volatility ${ratio} of the usual one`)
  })

  it('moves most at both ends of the regular session', () => {
    const open = Date.parse('2026-03-02T14:30:00Z')
    const seeds = Array.from({ length: 300 }, (_, seed) => seed)
    const size = (hour: number): number =>
      mean(
        seeds.flatMap((seed) =>
          changes('AAPL', open + hour * 3_600_000, MINUTE_MS, 30, seed).map((one) => one ** 2)
        )
      )
    assert.ok(size(0) > 1.5 * size(3) && size(6) > 1.5 * size(3))
    assert.ok(size(-3) < size(0))
  })
})

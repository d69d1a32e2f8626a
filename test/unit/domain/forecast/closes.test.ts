import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Closes, Lookback } from '@tapedeck/domain/testing'
import { finalBar } from './forecast-store.ts'
import { near, priceWalks } from './price-walk.ts'

const SPEC = { timeframe: '1m', lookback: 4, horizon: 1 }

/** The closes of bars; undefined: a window without a bar. */
function closesOf(...prices: readonly (number | undefined)[]): Closes {
  const closes = new Closes(SPEC, 0.9, undefined)
  for (const [index, price] of prices.entries()) {
    if (price !== undefined) closes.admit(finalBar(index, price), () => 1)
  }
  return closes
}

describe('Closes', () => {
  it('gives the newest closes relative to the last one, windows without a bar being longer steps', () => {
    const { points, lastClose } = closesOf(9, 10, 12, undefined, 13, 11).lookback()
    assert.equal(lastClose, 11)
    assert.deepEqual(points, [
      [-4, -1],
      [-3, 1],
      [-1, 2],
      [0, 0]
    ])
  })

  it('corrects a close, and inserts one that only late trades made', () => {
    const closes = closesOf(10, undefined, 12, 13)
    assert.equal(closes.revise(finalBar(2, 14, { revision: 1 })), true)
    assert.equal(closes.revise(finalBar(1, 11)), true)
    assert.deepEqual(
      closes.lookback().points.map(([, y]) => y),
      [-3, -2, 1, 0]
    )
  })

  it('ignores older revisions, repeats, and closes before the oldest one', () => {
    const closes = closesOf(undefined, 10, 11, 12)
    assert.equal(closes.revise(finalBar(2, 14, { revision: 1 })), true)
    assert.equal(closes.revise(finalBar(2, 15)), false)
    assert.equal(closes.revise(finalBar(2, 14, { revision: 2 })), false)
    assert.equal(closes.revise(finalBar(0, 9)), false)
  })

  it('gives those since a moment, with the step variance of all', () => {
    const closes = closesOf(10, 14, 12, 13)
    const all = closes.lookback()
    const own = closes.lookbackSince(finalBar(2, 0).startMs, all)
    assert.deepEqual(own.points, [
      [-1, -1],
      [0, 0]
    ])
    assert.equal(own.stepVariance, (16 + 4 + 1) / 3)
    assert.equal(closes.lookbackSince(0, all), all)
  })

  it('continues from its stored state', () => {
    const closes = closesOf(10, 14, 12, 13, 15)
    const again = new Closes(SPEC, 0.9, closes.state())
    for (const one of [closes, again]) one.admit(finalBar(6, 16), () => 1)
    assert.deepEqual(again.state(), closes.state())
    assert.deepEqual(again.lookback(), closes.lookback())
  })
})

describe('Lookback', () => {
  it('equals a computation over the closes', () => {
    fc.assert(
      fc.property(priceWalks, fc.integer({ min: 1, max: 12 }), (closes, horizon) => {
        const lastClose = closes.at(-1)?.close ?? NaN
        const lookback = new Lookback(
          closes.map(({ x, close }) => [x, close - lastClose]),
          lastClose
        )
        const change = (i: number, back: number): number =>
          (closes[i]?.close ?? NaN) - (closes[i - back]?.close ?? NaN)
        const places = [...closes.keys()]
        const pairs = places.slice(horizon).map((i) => Math.abs(change(i, horizon)))
        const mean = pairs.reduce((a, b) => a + b, 0) / pairs.length
        near(lookback.scale(horizon) ?? 0, pairs.length > 0 ? mean : 0, lastClose)
        const windows = -(closes[0]?.x ?? NaN)
        near(lookback.meanStep, change(closes.length - 1, closes.length - 1) / windows, lastClose)
        const squares = places.slice(1).reduce((sum, i) => sum + change(i, 1) ** 2, 0)
        near(lookback.stepVariance, squares / windows, lastClose ** 2 * 1e-4)
      }),
      { numRuns: 100 }
    )
  })

  it('has no scale when the price did not move, or the lookback is not above the horizon', () => {
    const still = new Lookback(
      [-2, -1, 0].map((x) => [x, 0]),
      0.7
    )
    assert.equal(still.scale(1), null)
    const moving = new Lookback(
      [
        [-1, 0.5],
        [0, 0]
      ],
      0.7
    )
    assert.equal(moving.scale(1), 0.5)
    assert.equal(moving.scale(2), null)
  })

  it('has no step from a single close', () => {
    const { meanStep, stepVariance, line } = new Lookback([[0, 0]], 0.7)
    assert.deepEqual(
      { meanStep, stepVariance, line },
      { meanStep: 0, stepVariance: 0, line: undefined }
    )
  })
})

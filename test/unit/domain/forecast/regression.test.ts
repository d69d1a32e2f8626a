import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fitLine, intervalHalf, studentT975, type Point } from '@tapedeck/domain/testing'
import { exactLine, type PlacedClose } from './exact-line.ts'
import { near, priceWalks } from './price-walk.ts'

/** Points of closes as the engine makes them: relative to the newest. */
function pointsOf(closes: readonly PlacedClose[]): Point[] {
  const lastClose = closes.at(-1)?.close ?? NaN
  return closes.map(({ x, close }) => [x, close - lastClose])
}

describe('fitLine()', () => {
  it('equals a computation in whole numbers within 1e-9', () => {
    fc.assert(
      fc.property(priceWalks, (closes) => {
        const line = fitLine(pointsOf(closes))
        assert.ok(line)
        const lastClose = closes.at(-1)?.close ?? NaN
        const exact = exactLine(closes, 5)
        const prices = closes.map(({ close }) => close)
        // Rounding of the prices themselves is all that may differ.
        const range = Math.max(...prices) - Math.min(...prices) + 1e-6 * lastClose
        const span = -(closes[0]?.x ?? NaN)
        near(line.slope, exact.slope, range / span)
        near(lastClose + line.intercept, exact.intercept, lastClose)
        near(line.standardError, exact.standardError, range)
        near(line.r2, exact.r2, 1)
        near(lastClose + line.intercept + 5 * line.slope, exact.forecast, lastClose)
        const n = closes.length
        const meanX = closes.reduce((sum, { x }) => sum + x, 0) / n
        const sxx = closes.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0)
        const root = Math.sqrt(1 + 1 / n + (5 - meanX) ** 2 / sxx)
        near(intervalHalf(line, 5), studentT975(n - 2) * exact.standardError * root, 40 * range)
      }),
      { numRuns: 300 }
    )
  })

  it('equals weighted least squares from sums about the means', () => {
    fc.assert(
      fc.property(priceWalks, fc.double({ min: 0.5, max: 0.99, noNaN: true }), (closes, decay) => {
        const weights = closes.map(({ x }) => decay ** -x)
        const line = fitLine(pointsOf(closes), weights)
        const sum = (of: (one: PlacedClose) => number): number =>
          closes.reduce((total, one, i) => total + (weights[i] ?? 0) * of(one), 0)
        const w = sum(() => 1)
        const effectiveN = (w * w) / weights.reduce((total, one) => total + one * one, 0)
        if (effectiveN < 2.4) {
          assert.equal(line, undefined)
          return
        }
        assert.ok(line)
        const meanX = sum(({ x }) => x) / w
        const meanY = sum(({ close }) => close) / w
        const sxx = sum(({ x }) => (x - meanX) ** 2)
        const slope = sum(({ x, close }) => (x - meanX) * (close - meanY)) / sxx
        const sse = sum(({ x, close }) => (close - meanY - slope * (x - meanX)) ** 2)
        const size = closes.at(-1)?.close ?? NaN
        near(line.effectiveN, effectiveN, 1)
        near(line.slope, slope, size * 1e-4)
        near(size + line.intercept, meanY - slope * meanX, size)
        const standardError = Math.sqrt(((sse / w) * effectiveN) / (effectiveN - 2))
        near(line.standardError, standardError, size * 1e-4)
      }),
      { numRuns: 200 }
    )
  })

  it('is undefined with fewer than three points', () => {
    assert.equal(
      fitLine([
        [-1, 1],
        [0, 0]
      ]),
      undefined
    )
  })

  it('a price that does not move has slope 0 and explains everything', () => {
    const line = fitLine([-3, -2, -1, 0].map((x) => [x, 0]))
    assert.ok(line)
    const { slope, intercept, standardError, r2 } = line
    assert.deepEqual(
      { slope, intercept, standardError, r2 },
      { slope: 0, intercept: 0, standardError: 0, r2: 1 }
    )
  })

  it('explains all of a line without residuals, and nothing of a price around its mean', () => {
    const rising = fitLine([
      [-2, -2],
      [-1, -1],
      [0, 0]
    ])
    assert.ok(rising)
    near(rising.r2, 1, 1)
    near(rising.slope, 1, 1)
    assert.deepEqual([rising.n, rising.effectiveN, rising.meanX, rising.sxx], [3, 3, -1, 2])
    const level = fitLine([
      [-2, 0],
      [-1, 3],
      [0, 0]
    ])
    assert.ok(level)
    near(level.r2, 0, 1)
    near(level.standardError, Math.sqrt(6), 1)
  })

  it('explains a share of the weighted variance', () => {
    const points: Point[] = [
      [-3, 4],
      [-2, 1],
      [-1, 2],
      [0, 0]
    ]
    const equal = fitLine(points)
    const weighted = fitLine(points, [3, 3, 3, 3])
    assert.ok(equal && weighted)
    for (const name of ['r2', 'slope', 'intercept', 'standardError', 'meanX', 'sxx'] as const) {
      near(weighted[name], equal[name], 1)
    }
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { linearRegression } from 'simple-statistics'
import {
  CloseRing,
  fitLine,
  FORECAST_MODELS,
  intervalHalf,
  LineSums,
  StepSums
} from '@tapedeck/domain'
import { forecastLine } from './reference-line.ts'

interface Step {
  /** Windows since the close before. */
  readonly gap: number
  /** In shares of the base price. */
  readonly move: number
}

const steps = fc.array(
  fc.record({
    gap: fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 400 })),
    move: fc.double({ min: -0.01, max: 0.01, noNaN: true })
  }),
  { minLength: 3, maxLength: 150 }
)
const bases = fc.constantFrom(1e-4, 0.5, 189.37, 5000, 100_000)

function walk(
  all: readonly Step[],
  base: number,
  capacity: number,
  each: (ring: CloseRing) => void
): void {
  const ring = new CloseRing(capacity)
  let position = 1_700_000_000 // as far from zero as epoch seconds
  let close = base
  for (const { gap, move } of all) {
    position += gap
    close += base * move
    ring.push({ startMs: position * 1000, position, close, revision: 0 })
    each(ring)
  }
}

/** Near as a share of what the numbers are about, not of a slope that may be zero by chance. */
function near(found: number, expected: number, size: number, tolerance = 1e-9): void {
  assert.ok(
    Math.abs(found - expected) <= tolerance * Math.max(Math.abs(expected), size),
    `found ${found}, expected ${expected}`
  )
}

describe('LineSums, fitLine()', () => {
  it("equals simple-statistics' linearRegression on every window", () => {
    fc.assert(
      fc.property(steps, bases, fc.integer({ min: 3, max: 40 }), (all, base, span) => {
        const sums = new LineSums(1, span)
        walk(all, base, span + 1, (ring) => {
          sums.extend(ring)
          const line = fitLine(sums)
          if (ring.length < 3) {
            assert.equal(line, undefined)
            return
          }
          const points = Array.from({ length: Math.min(ring.length, span) }, (_, age) => ({
            x: ring.position(age) - ring.position(0),
            y: ring.close(age)
          })).toReversed()
          const { m, b } = linearRegression(points.map(({ x, y }) => [x, y]))
          assert.ok(line)
          const range =
            Math.max(...points.map(({ y }) => y)) - Math.min(...points.map(({ y }) => y))
          // A slope is known to the rounding of the prices it is taken from.
          near(line.slope, m, (range + base * 1e-5) / -(points[0]?.x ?? -1))
          near(line.intercept, b, base)
          const reference = forecastLine(points, 5)
          assert.ok(reference)
          near(line.standardError, reference.standardError, range + base * 1e-8, 1e-6)
          near(
            intervalHalf(line, 5),
            (reference.upper - reference.lower) / 2,
            40 * (range + base * 1e-8),
            1e-6
          )
          near(line.r2, reference.r2, 1, range > base * 1e-6 ? 1e-6 : 2)
        })
      }),
      { numRuns: 150 }
    )
  })

  it('equals weighted least squares over the same closes', () => {
    fc.assert(
      fc.property(steps, bases, fc.integer({ min: 3, max: 40 }), (all, base, span) => {
        const decay = (span - 1) / (span + 1)
        const sums = new LineSums(decay, span)
        walk(all, base, span + 1, (ring) => {
          sums.extend(ring)
          const line = fitLine(sums)
          if (line === undefined) return
          let [w, wx, wy, w2] = [0, 0, 0, 0]
          const points = Array.from({ length: Math.min(ring.length, span) }, (_, age) => {
            const x = ring.position(age) - ring.position(0)
            const point = { x, y: ring.close(age), weight: decay ** -x }
            w += point.weight
            wx += point.weight * x
            wy += point.weight * point.y
            w2 += point.weight ** 2
            return point
          })
          let [sxx, sxy] = [0, 0]
          for (const { x, y, weight } of points) {
            sxx += weight * (x - wx / w) ** 2
            sxy += weight * (x - wx / w) * (y - wy / w)
          }
          near(line.slope, sxy / sxx, base * 1e-5, 1e-6)
          near(line.intercept, wy / w - (sxy / sxx) * (wx / w), base)
          near(line.effectiveN, (w * w) / w2, 1)
        })
      }),
      { numRuns: 100 }
    )
  })

  it('does not lose digits to a spike that has left the window', () => {
    const closes = [100, 100.01, 1e9, 100.02, 100.03, 100.04, 100.05]
    const sums = new LineSums(1, 3)
    const ring = new CloseRing(4)
    for (const [position, close] of closes.entries()) {
      ring.push({ startMs: position, position, close, revision: 0 })
      sums.extend(ring)
    }
    near(fitLine(sums)?.slope ?? 0, 0.01, 0.01)
  })

  it('a price that stopped moving has slope 0 exactly', () => {
    const sums = new LineSums(1, 5)
    const ring = new CloseRing(6)
    for (const [position, close] of [3.3, 4.1, 2.7, 0.3, 0.3, 0.3, 0.3, 0.3].entries()) {
      ring.push({ startMs: position, position, close, revision: 0 })
      sums.extend(ring)
    }
    const line = fitLine(sums)
    assert.deepEqual([line?.slope, line?.standardError, line?.intercept], [0, 0, 0.3])
  })

  it('continues from its stored state with the same bits', () => {
    const sums = new LineSums(0.9, 5)
    const other = new LineSums(0.9, 5)
    const ring = new CloseRing(6)
    for (const [position, close] of [1, 3, 2, 5, 4, 7, 6.5, 9, 8, 11].entries()) {
      ring.push({ startMs: position, position, close, revision: 0 })
      sums.extend(ring)
      if (position > 5) other.extend(ring)
      if (position === 5) other.restore(sums.state())
    }
    assert.deepEqual(other.state(), sums.state())
  })
})

describe('StepSums', () => {
  it('equals a computation over the lookback', () => {
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 3, max: 30 }),
        fc.integer({ min: 1, max: 12 }),
        (all, span, h) => {
          const sums = new StepSums(span, h)
          walk(all, 100, span + 1, (ring) => {
            sums.extend(ring)
            const closes = ring.toArray().slice(-span)
            const pairs = closes
              .slice(h)
              .map(({ close }, i) => Math.abs(close - (closes[i]?.close ?? 0)))
            const scale = pairs.length > 0 ? pairs.reduce((a, b) => a + b, 0) / pairs.length : 0
            near(sums.scale() ?? 0, scale, 1e-3)
            const [first, last] = [closes[0], closes.at(-1)]
            assert.ok(first && last)
            const span_ = last.position - first.position
            near(sums.meanStep(ring), span_ > 0 ? (last.close - first.close) / span_ : 0, 1e-6)
            const squares = closes
              .slice(1)
              .reduce((sum, { close }, i) => sum + (close - (closes[i]?.close ?? 0)) ** 2, 0)
            near(sums.variance(ring), span_ > 0 ? squares / span_ : 0, 1e-6)
          })
        }
      ),
      { numRuns: 100 }
    )
  })

  it('has no scale when the price did not move, or the lookback is not above the horizon', () => {
    const ring = new CloseRing(6)
    const [near1, far] = [new StepSums(5, 1), new StepSums(5, 5)]
    for (const [position, close] of [1.1, 2.2, 3.3, 0.7, 0.7, 0.7, 0.7, 0.7].entries()) {
      ring.push({ startMs: position, position, close, revision: 0 })
      near1.extend(ring)
      far.extend(ring)
      assert.equal(far.scale(), null)
    }
    assert.equal(near1.scale(), null)
  })
})

describe('FORECAST_MODELS', () => {
  const line = {
    n: 20,
    effectiveN: 20,
    slope: 0.5,
    intercept: 101,
    r2: 1,
    standardError: 0,
    meanX: -9.5,
    sxx: 665
  }
  const model = (name: string): (typeof FORECAST_MODELS)[number] => {
    const found = FORECAST_MODELS.find((one) => one.name === name)
    assert.ok(found)
    return found
  }

  it('linear-regression continues its line', () => {
    const context = { horizon: 4, lastClose: 100, stepVariance: 1 }
    assert.equal(model('linear-regression').forecast(line, context), 103)
  })

  it('shrunk stays at the last close when a random walk explains the slope', () => {
    assert.equal(
      model('shrunk').forecast(line, { horizon: 4, lastClose: 100, stepVariance: 5 }),
      100
    )
    assert.equal(
      model('shrunk').forecast(
        { ...line, slope: 0 },
        { horizon: 4, lastClose: 100, stepVariance: 0 }
      ),
      100
    )
  })

  it('shrunk follows a clear slope from the last close', () => {
    const says = model('shrunk').forecast(line, { horizon: 4, lastClose: 100, stepVariance: 0.25 })
    assert.ok(Math.abs(says - (100 + 2 * (1 - (1.2 * 0.25) / 20 / 0.25))) < 1e-12)
  })
})

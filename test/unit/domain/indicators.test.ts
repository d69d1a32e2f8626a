import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  anchoredVwap,
  bollinger,
  ema,
  linesOf,
  macd,
  readIndicator,
  rsi,
  sma,
  warmUpOf,
  type IndicatorLine
} from '@tapedeck/domain/indicators'
import fc from 'fast-check'

const prices = fc.array(
  fc.integer({ min: 1, max: 100_000 }).map((cents) => cents / 100),
  { maxLength: 80 }
)
const lengths = fc.integer({ min: 1, max: 30 })

function assertNear(found: number | null | undefined, expected: number, scale = 1): void {
  assert.ok(typeof found === 'number', `found ${found}, expected ${expected}`)
  assert.ok(
    Math.abs(found - expected) <= 1e-9 * Math.max(1, Math.abs(scale)),
    `${found} is not ${expected}`
  )
}

/** Null before the first value, a number from there on. */
function assertShape(line: IndicatorLine, count: number, firstAt: number): void {
  assert.equal(line.length, count)
  line.forEach((value, at) => assert.equal(value === null, at < firstAt, `at ${at}`))
}

describe('sma()', () => {
  it('is the mean of the last values', () => {
    assert.deepEqual(sma([1, 2, 3, 4, 5], 3), [null, null, 2, 3, 4])
  })

  it('lies between the lowest and the highest of its values', () => {
    fc.assert(
      fc.property(prices, lengths, (values, length) => {
        const line = sma(values, length)
        assertShape(line, values.length, length - 1)
        line.forEach((value, at) => {
          if (value === null) return
          const window = values.slice(at + 1 - length, at + 1)
          assert.ok(value >= Math.min(...window) - 1e-9 && value <= Math.max(...window) + 1e-9)
        })
      })
    )
  })
})

describe('ema()', () => {
  it('begins with the simple average and moves by 2 / (length + 1) of the way', () => {
    assert.deepEqual(ema([2, 4, 6, 8, 12], 3), [null, null, 4, 6, 9])
  })

  it('commutes with a change of unit and of origin', () => {
    fc.assert(
      fc.property(prices, lengths, (values, length) => {
        const line = ema(values, length)
        assertShape(line, values.length, length - 1)
        const moved = ema(
          values.map((value) => 3 * value + 7),
          length
        )
        line.forEach((value, at) => {
          if (value !== null) assertNear(moved[at], 3 * value + 7, 3 * value)
        })
      })
    )
  })
})

describe('rsi()', () => {
  /** Wilder's own arithmetic: averages are smoothed as (13 x before + now) / 14, and RS is their ratio. */
  function wilder(values: readonly number[], length: number): (number | null)[] {
    const moves = values.slice(1).map((value, at) => value - (values[at] ?? 0))
    return values.map((_, at) => {
      if (at < length) return null
      let [gain, loss] = [0, 0]
      moves.slice(0, at).forEach((move, one) => {
        const [up, down] = [Math.max(move, 0), Math.max(-move, 0)]
        if (one < length) [gain, loss] = [gain + up / length, loss + down / length]
        else {
          gain = (gain * (length - 1) + up) / length
          loss = (loss * (length - 1) + down) / length
        }
      })
      if (gain === 0 && loss === 0) return 50
      return loss === 0 ? 100 : 100 - 100 / (1 + gain / loss)
    })
  }

  it('is what Wilder computes', () => {
    fc.assert(
      fc.property(prices, lengths, (values, length) => {
        const line = rsi(values, length)
        wilder(values, length).forEach((expected, at) => {
          if (expected === null) assert.equal(line[at], null)
          else assertNear(Math.round((line[at] ?? NaN) * 1e6), Math.round(expected * 1e6), 1e9)
        })
      })
    )
  })

  it('is 100 in a rise, 0 in a fall, 50 without a move, and mirrored in a mirrored market', () => {
    const rise = Array.from({ length: 20 }, (_, at) => at + 1)
    assert.equal(rsi(rise, 14).at(-1), 100)
    assert.equal(rsi(rise.toReversed(), 14).at(-1), 0)
    assert.equal(
      rsi(
        rise.map(() => 5),
        14
      ).at(-1),
      50
    )
    fc.assert(
      fc.property(prices, lengths, (values, length) => {
        const mirrored = rsi(
          values.map((value) => -value),
          length
        )
        rsi(values, length).forEach((value, at) => {
          if (value !== null) assertNear(mirrored[at], 100 - value, 100)
        })
      })
    )
  })
})

describe('macd()', () => {
  it('is the difference of two averages with its own average', () => {
    fc.assert(
      fc.property(
        prices,
        fc.integer({ min: 1, max: 10 }),
        lengths,
        (values, signalLength, slow) => {
          const fast = Math.max(1, slow - 3)
          const { macd: line, signal, histogram } = macd(values, fast, slow, signalLength)
          const [quick, calm] = [ema(values, fast), ema(values, slow)]
          assertShape(line, values.length, slow - 1)
          assertShape(signal, values.length, slow + signalLength - 2)
          line.forEach((value, at) => {
            if (value !== null) assertNear(value, (quick[at] ?? NaN) - (calm[at] ?? NaN), 1000)
          })
          histogram.forEach((value, at) => {
            if (value !== null) assertNear(value, (line[at] ?? NaN) - (signal[at] ?? NaN), 1000)
          })
        }
      )
    )
  })

  it('is zero while the price stays put', () => {
    const { macd: line, histogram } = macd(
      Array.from({ length: 50 }, () => 7),
      12,
      26,
      9
    )
    assert.equal(line.at(-1), 0)
    assert.equal(histogram.at(-1), 0)
  })
})

describe('bollinger()', () => {
  it('is the average plus and minus deviations of the population', () => {
    const { middle, upper, lower } = bollinger([2, 4, 4, 4, 5, 5, 7, 9], 8, 2)
    assert.equal(middle.at(-1), 5)
    assert.equal(upper.at(-1), 9)
    assert.equal(lower.at(-1), 1)
  })

  it('holds the share of values that Chebyshev says', () => {
    fc.assert(
      fc.property(prices, lengths, (values, length) => {
        const { middle, upper, lower } = bollinger(values, length, 2)
        assertShape(upper, values.length, length - 1)
        values.forEach((_, at) => {
          const [high, mean, low] = [upper[at] ?? null, middle[at] ?? null, lower[at] ?? null]
          if (high === null || mean === null || low === null) return
          assertNear(high - mean, mean - low, high)
          const window = values.slice(at + 1 - length, at + 1)
          const inside = window.filter((value) => value >= low - 1e-9 && value <= high + 1e-9)
          assert.ok(inside.length >= 0.75 * length)
        })
      })
    )
  })
})

describe('anchoredVwap()', () => {
  it('divides sums since the anchor, and begins again with the next one', () => {
    const parts = [
      { notional: 1000, volume: 10, anchor: 'a' },
      { notional: 3300, volume: 30, anchor: 'a' },
      { notional: 0, volume: 0, anchor: 'b' },
      { notional: 500, volume: 5, anchor: 'b' }
    ]
    assert.deepEqual(anchoredVwap(parts), [100, 107.5, null, 100])
  })

  it('lies between the lowest and the highest price', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 90 }))),
        (trades) => {
          const values = anchoredVwap(
            trades.map(([price, volume]) => ({ notional: price * volume, volume, anchor: 'a' }))
          )
          values.forEach((value, at) => {
            const seen = trades.slice(0, at + 1).map(([price]) => price)
            assert.ok(
              value !== null &&
                value >= Math.min(...seen) - 1e-9 &&
                value <= Math.max(...seen) + 1e-9
            )
          })
        }
      )
    )
  })
})

describe('readIndicator()', () => {
  it('completes parameters and refuses what does not fit', () => {
    assert.deepEqual(readIndicator('sma'), { name: 'sma', values: [20] })
    assert.deepEqual(readIndicator('bollinger:10:2.5'), { name: 'bollinger', values: [10, 2.5] })
    for (const text of [
      'x',
      'sma:0',
      'sma:1.5',
      'sma:501',
      'sma:5:5',
      'bollinger:20:0',
      'toString'
    ]) {
      assert.equal(readIndicator(text), undefined, text)
    }
  })
})

describe('linesOf()', () => {
  it('names the lines of each indicator', () => {
    const names = ['sma', 'ema', 'rsi', 'bollinger', 'macd'].map((text) =>
      Object.keys(linesOf([1, 2, 3], readIndicator(text)!))
    )
    assert.deepEqual(names, [
      ['value'],
      ['value'],
      ['value'],
      ['middle', 'upper', 'lower'],
      ['macd', 'signal', 'histogram']
    ])
  })
})

describe('warmUpOf()', () => {
  const indicators = fc
    .tuple(
      fc.constantFrom('sma', 'ema', 'rsi', 'bollinger', 'macd'),
      fc.integer({ min: 1, max: 12 })
    )
    .map(([name, length]) =>
      readIndicator(name === 'macd' ? `macd:${length}:${length + 3}:2` : `${name}:${length}`)!
    )

  it('is enough for values that do not depend on where the bars begin', () => {
    const walk = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 700, maxLength: 700 })
    fc.assert(
      fc.property(walk, indicators, (steps, indicator) => {
        let price = 10_000
        const closes = steps.map((step) => (price += step))
        const cut = closes.slice(-1 - warmUpOf(indicator))
        const lines = linesOf(closes, indicator)
        for (const [name, values] of Object.entries(linesOf(cut, indicator))) {
          assertNear(values.at(-1), lines[name]?.at(-1) ?? NaN, 1e4)
        }
      }),
      { numRuns: 50 }
    )
  })
})

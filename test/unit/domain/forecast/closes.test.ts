import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Closes, Lookback, StepPace } from '@tapedeck/domain/testing'
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

describe('Closes, bar by bar', () => {
  const newCloses = (spec = SPEC): Closes => new Closes(spec, 0.9, undefined)
  const prices = (closes: Closes): number[] => closes.state().ring.map(([, close]) => close)

  it('begins again with a gap in a bar, and says so once', () => {
    const closes = newCloses()
    const up = () => 1
    assert.deepEqual(closes.admit(finalBar(0, 10), up), { isTaken: true, isNewGap: false })
    assert.deepEqual(closes.admit(finalBar(1, 11, { coverage: 0.89 }), up), {
      isTaken: false,
      isNewGap: true
    })
    assert.deepEqual(closes.admit(finalBar(2, 12, { coverage: 0.1 }), up), {
      isTaken: false,
      isNewGap: false
    })
    assert.deepEqual(prices(closes), [])
    assert.equal(closes.state().isInGap, true)
    // A covered stretch of 0.9 is enough; the gap was told already.
    assert.deepEqual(
      closes.admit(finalBar(3, 13, { coverage: 0.9 }), () => 0),
      {
        isTaken: true,
        isNewGap: false
      }
    )
    assert.deepEqual(prices(closes), [13])
    assert.equal(closes.state().isInGap, false)
  })

  it('begins again after windows without a bar in which the feed was down', () => {
    const closes = newCloses()
    closes.admit(finalBar(0, 10), () => 1)
    const asked: unknown[] = []
    const down = (...stretch: unknown[]): number => {
      asked.push(stretch)
      return 0.5
    }
    // The next window follows at once: nothing is asked.
    assert.equal(closes.admit(finalBar(1, 11), down).isNewGap, false)
    assert.deepEqual(asked, [])
    assert.deepEqual(closes.admit(finalBar(4, 12), down), { isTaken: true, isNewGap: true })
    assert.deepEqual(asked, [[finalBar(4, 12), finalBar(1, 0).endMs, finalBar(4, 0).startMs]])
    assert.deepEqual(prices(closes), [12])
    assert.deepEqual(
      closes.admit(finalBar(9, 13), () => 0.9),
      { isTaken: true, isNewGap: false }
    )
    assert.deepEqual(prices(closes), [12, 13])
  })

  it('begins again with another session or trading date, which is no gap', () => {
    const closes = newCloses()
    closes.admit(finalBar(0, 10), () => 1)
    const post = { session: 'post' }
    assert.deepEqual(
      closes.admit(finalBar(5, 11, post), () => 0),
      {
        isTaken: true,
        isNewGap: false
      }
    )
    closes.admit(finalBar(6, 12, post), () => 1)
    assert.deepEqual(prices(closes), [11, 12])
    closes.admit(finalBar(7, 13, { ...post, tradeDate: '2030-01-01' }), () => 1)
    assert.deepEqual(prices(closes), [13])
    const { session, tradeDate, newestEndMs } = closes.state()
    assert.deepEqual(
      { session, tradeDate, newestEndMs },
      { session: 'post', tradeDate: '2030-01-01', newestEndMs: finalBar(7, 0).endMs }
    )
  })

  it('counts trading days by their closes, over every session', () => {
    const closes = newCloses({ ...SPEC, timeframe: '1d' })
    for (const [index, close] of [10, 11, 13].entries()) {
      const day = { timeframe: '1d', session: `s${index}`, tradeDate: `d${index}` }
      closes.admit(finalBar(index * 3, close, day), () => 1)
    }
    assert.deepEqual(closes.lookback().points, [
      [-2, -3],
      [-1, -2],
      [0, 0]
    ])
  })

  it('takes no close of a bar without a price', () => {
    const closes = newCloses()
    closes.admit(finalBar(0, 10), () => 1)
    assert.deepEqual(
      closes.admit(finalBar(1, null), () => 1),
      { isTaken: false, isNewGap: false }
    )
    assert.equal(closes.revise(finalBar(0, null, { revision: 1 })), false)
    assert.equal(closes.revise(finalBar(0, 12, { revision: 1, coverage: 0.89 })), false)
    assert.deepEqual(prices(closes), [10])
    assert.equal(closes.revise(finalBar(0, 12, { revision: 1, coverage: 0.9 })), true)
    assert.deepEqual(prices(closes), [12])
    // An equal revision with another close is a newer state of the same bar.
    assert.equal(closes.revise(finalBar(0, 15, { revision: 1 })), true)
    assert.deepEqual(prices(closes), [15])
  })

  it('puts a bar of late trades behind the newest close, but none of another session', () => {
    const closes = newCloses()
    closes.admit(finalBar(0, 10), () => 1)
    closes.admit(finalBar(1, 11), () => 1)
    assert.equal(closes.revise(finalBar(3, 13, { session: 'post' })), false)
    assert.equal(closes.revise(finalBar(3, 13)), true)
    assert.equal(closes.state().newestEndMs, finalBar(3, 0).endMs)
    assert.equal(closes.revise(finalBar(2, 12)), true)
    assert.equal(closes.state().newestEndMs, finalBar(3, 0).endMs)
    assert.deepEqual(prices(closes), [10, 11, 12, 13])
    closes.admit(finalBar(4, 14), () => 1)
    assert.equal(closes.revise(finalBar(0, 9)), false)
    assert.deepEqual(prices(closes), [11, 12, 13, 14])
  })

  it('teaches its pace every step, by the windows it took, and none over a break', () => {
    const pace = new StepPace(SPEC.lookback)
    pace.learn(4, 1)
    pace.learn(-2, 2)
    const closes = closesOf(10, 14, undefined, 12)
    assert.deepEqual(closes.pace.state(), pace.state())
    closes.admit(finalBar(4, 20, { session: 'post' }), () => 1)
    pace.clear()
    assert.deepEqual(closes.pace.state(), pace.state())
    // The pace keeps the step of the earlier close.
    assert.equal(closes.revise(finalBar(4, 30, { session: 'post', revision: 1 })), true)
    assert.deepEqual(closes.pace.state(), pace.state())
  })

  it('holds no more closes than its lookback after one of late trades', () => {
    const closes = closesOf(10, undefined, 12, 13, 14)
    assert.equal(closes.revise(finalBar(1, 11)), true)
    assert.deepEqual(prices(closes), [11, 12, 13, 14])
  })

  it('is empty at first', () => {
    const { pace: _, ...state } = newCloses().state()
    assert.deepEqual(state, {
      newestEndMs: 0,
      session: '',
      tradeDate: '',
      isInGap: false,
      ring: []
    })
    assert.throws(() => newCloses().lookback(), /a close is in use/)
  })

  it('learns the steps of a state that was stored without them', () => {
    const closes = closesOf(10, 14, 12, 13)
    const { pace: _, ...older } = closes.state()
    const restored = new Closes(SPEC, 0.9, older)
    assert.deepEqual(restored.state(), closes.state())
    const shorter = new Closes({ ...SPEC, lookback: 2 }, 0.9, closes.state())
    assert.deepEqual(prices(shorter), [12, 13])
  })
})

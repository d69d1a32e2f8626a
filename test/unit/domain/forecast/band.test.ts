import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '@tapedeck/core'
import { ForecastEngine, type LedgerEntry, type SeriesState } from '@tapedeck/domain'
import { AdaptiveBand, Bounce, shiftedIntervalHalf, StepPace } from '@tapedeck/domain/testing'
import { normals } from '../../../support/random-numbers.ts'
import { finalBar, ForecastStore } from './forecast-store.ts'

const BARS = 3000
const HORIZONS = [1, 5, 12]

/** Prices, each from the one before; seeds make them the same on every run. */
const PROCESSES: Readonly<Record<string, (seed: number) => number[]>> = {
  'random walk': (seed) => {
    const normal = normals(seed)
    let price = 100
    return Array.from({ length: BARS }, () => (price += 0.05 * normal()))
  },
  'mean-reverting AR(1)': (seed) => {
    const normal = normals(seed)
    let away = 0
    return Array.from({ length: BARS }, () => 100 + (away = 0.95 * away + 0.05 * normal()))
  },
  'walk with jumps and spells of volatility': (seed) => {
    const normal = normals(seed)
    const random = seededRandom(seed + 1)
    let [price, size] = [100, 0.03]
    return Array.from({ length: BARS }, () => {
      if (random() < 0.002) size = random() < 0.5 ? 0.03 : 0.12
      return (price += size * normal() + (random() < 0.005 ? normal() : 0))
    })
  },
  'walk in ticks of a cent': (seed) => {
    const random = seededRandom(seed)
    let cents = 5000
    return Array.from({ length: BARS }, () => {
      const draw = random()
      if (draw < 0.3) cents++
      else if (draw < 0.6) cents--
      return cents / 100
    })
  }
}

/** A price of 100 forecast to stay, with outcomes that spread by 1. */
const GROUND = { lastClose: 100, offset: 0, forecast: 100, spread: 1 }

function scoredOf(closes: readonly number[]): LedgerEntry[] {
  const engine = new ForecastEngine(
    HORIZONS.map((horizon) => ({ timeframe: '1s', lookback: 30, horizon }))
  )
  const store = new ForecastStore()
  const bars = closes.map((close, index) => finalBar(index, close, { timeframe: '1s' }))
  for (let from = 0; from < bars.length; from += 500)
    store.turn(engine, bars.slice(from, from + 500))
  return [...store.entries.values()].filter(({ status }) => status === 'scored')
}

describe('adaptive band', () => {
  for (const [name, process] of Object.entries(PROCESSES)) {
    it(`holds 92 to 97 % of the outcomes at every horizon and model: ${name}`, () => {
      const scored = scoredOf(process(11))
      const groups = Map.groupBy(scored, ({ horizon, model }) => `${model}, h = ${horizon}`)
      assert.equal(groups.size, 9)
      for (const [group, entries] of groups) {
        const share = entries.filter(({ inBand }) => inBand === true).length / entries.length
        assert.ok(share >= 0.92 && share <= 0.97, `${group}: ${share}`)
      }
    })
  }

  it('holds 92 to 98 % of the first 30 outcomes of a series, and of the next 70', () => {
    const groups = new Map<string, boolean[]>()
    for (let seed = 1; seed <= 60; seed++) {
      const normal = normals(seed)
      let price = 100
      const scored = scoredOf(Array.from({ length: 130 }, () => (price += 0.05 * normal())))
      for (const own of Map.groupBy(scored, (one) => `${one.model}, h = ${one.horizon}`).values()) {
        const [first] = own
        assert.ok(first)
        const inTurn = own.toSorted((a, b) => a.targetMs - b.targetMs)
        for (const [index, { inBand }] of inTurn.slice(0, 100).entries()) {
          const name = `${first.model}, h = ${first.horizon}, ${index < 30 ? 'first' : 'next'}`
          groups.set(name, [...(groups.get(name) ?? []), inBand === true])
        }
      }
    }
    assert.equal(groups.size, 18)
    for (const [name, all] of groups) {
      const share = all.filter(Boolean).length / all.length
      assert.ok(share >= 0.92 && share <= 0.98, `${name}: ${share} of ${all.length}`)
    }
  })

  it('is as wide as the steps of the price say, while nothing is learnt', () => {
    const band = new AdaptiveBand(5)
    for (const forecast of [100, 100.5, 97]) {
      const half = band.half({ ...GROUND, forecast })
      assert.equal(half, shiftedIntervalHalf(Math.abs(forecast - 100), 1))
      const away = band.half({ ...GROUND, forecast, offset: -2 })
      assert.equal(away, shiftedIntervalHalf(Math.abs(forecast - 98), 1))
    }
    assert.deepEqual(band.state(), { factor: 1, outcomes: 0, since: 'first forecast' })
  })

  it('misses 5 % in the long run, off by the logarithm of its factor at most', () => {
    const normal = normals(1)
    const band = new AdaptiveBand(1)
    const count = 5000
    const steadyAfter = 400 // the step has fallen to its last value, 0.05
    let [misses, first] = [0, 0]
    for (let index = 0; index < steadyAfter + count; index++) {
      if (index === steadyAfter) {
        first = band.state().factor
        misses = 0
      }
      // The spread is said three times too small.
      const missed = 3 * Math.abs(normal()) > band.half(GROUND)
      if (missed) misses++
      band.learn(missed)
    }
    const expected = 0.05 * count + Math.log(band.state().factor / first) / 0.05
    assert.ok(Math.abs(misses - expected) < 1e-6, `${misses} misses, expected ${expected}`)
  })

  it('finds its width within 30 outcomes when outcomes spread twice as far as said', () => {
    const normal = normals(2)
    const band = new AdaptiveBand(1)
    let count = 0
    while (band.half(GROUND) < 0.9 * 2 * 1.96) {
      band.learn(2 * Math.abs(normal()) > band.half(GROUND))
      count++
    }
    assert.ok(count <= 30, `after ${count} outcomes`)
  })

  it('is never narrower than a ten-thousandth of the price, and grows again from a price that never moved', () => {
    const band = new AdaptiveBand(4)
    const still = { ...GROUND, spread: 0 }
    for (let index = 0; index < 100_000; index++) band.learn(false)
    assert.equal(band.half(still), 0.01)
    assert.ok(Math.abs(band.half(GROUND) - (0.25 / 2) * 1.96) < 1e-3) // an eighth at horizon 4
    assert.equal(band.half({ ...still, forecast: 102 }), 0.25)
    for (let index = 0; index < 100; index++) band.learn(true)
    assert.ok(band.half(GROUND) > 1.96)
  })

  it('continues from its state, and restarts from one that held a width in prices', () => {
    const band = new AdaptiveBand(1)
    for (let index = 0; index < 50; index++) band.learn(index % 7 === 0)
    const again = new AdaptiveBand(1, band.state())
    for (const one of [band, again]) one.learn(true)
    assert.deepEqual(again.state(), band.state())
    const earlier = { half: 0.31, warmUp: [], isWarm: true, outcomes: 4000 }
    assert.deepEqual(new AdaptiveBand(1, earlier).state(), {
      factor: 1,
      outcomes: 0,
      since: 'stored state of an earlier kind'
    })
  })

  it('restores a series stored before bands were factors, with a band from its closes', () => {
    const normal = normals(7)
    let price = 100
    const bars = Array.from({ length: 200 }, (_, index) =>
      finalBar(index, (price += normal() / 20))
    )
    const [store, spec] = [new ForecastStore(), { timeframe: '1m', lookback: 20, horizon: 2 }]
    store.turn(new ForecastEngine([spec]), bars.slice(0, 100))
    for (const [id, state] of store.states) store.states.set(id, asStoredBefore(state))
    store.turn(new ForecastEngine([spec]), bars.slice(100))
    const after = [...store.entries.values()].filter(
      ({ status, madeFromMs }) => status === 'scored' && madeFromMs >= (bars[100]?.startMs ?? 0)
    )
    assert.equal(after.length, 98 * 3)
    const share = after.filter(({ inBand }) => inBand === true).length / after.length
    assert.ok(share >= 0.92 && share <= 0.98, `${share}`)
    const [state] = store.states.values()
    assert.deepEqual(
      state?.models.map(({ band }) => band.since),
      Array.from({ length: 3 }, () => 'stored state of an earlier kind')
    )
  })
})

/** The state as it was stored when a band was half a width in prices, and no pace was kept. */
function asStoredBefore(state: SeriesState): SeriesState {
  const earlier = { half: 0.2, warmUp: [], isWarm: true, outcomes: 70 }
  const models = state.models.map((one) => ({ ...one, band: earlier }))
  const before = { ...state, pace: undefined, models }
  return JSON.parse(JSON.stringify(before)) as SeriesState
}

describe('shiftedIntervalHalf()', () => {
  it('holds 94.9 to 95.1 % of a normal about a mean that lies off, counted by quadrature', () => {
    for (let offset = 0; offset <= 4; offset += 0.05) {
      const half = shiftedIntervalHalf(offset, 1)
      const cells = 4000
      const width = (2 * half) / cells
      let held = 0
      for (let cell = 0; cell < cells; cell++) {
        const z = (cell + 0.5) * width - half - offset
        held += (width * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI)
      }
      assert.ok(Math.abs(held - 0.95) < 0.001, `offset ${offset}: ${held}`)
    }
  })

  it('scales with both, and is the offset when nothing spreads', () => {
    assert.equal(shiftedIntervalHalf(1, 0), 1)
    assert.ok(Math.abs(shiftedIntervalHalf(3, 7) - 7 * shiftedIntervalHalf(3 / 7, 1)) < 1e-12)
    assert.ok(Math.abs(shiftedIntervalHalf(0, 2) - 2 * 1.959963984540054) < 1e-12)
  })
})

const Z975 = 1.959963984540054

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) < 1e-9 * expected, `found ${found}, expected ${expected}`)
}

function spreadOf(pace: StepPace, horizon: number): number {
  return pace.outlook(horizon).spread
}

/** What the pace holds of the bounce: the end of its stored form. */
function bounceOf(pace: StepPace): Bounce {
  return new Bounce(pace.state().slice(11))
}

describe('StepPace', () => {
  it("is the root mean square per window at first, widened by Student's t", () => {
    const pace = new StepPace(20)
    assert.equal(spreadOf(pace, 1), 0)
    pace.learn(-2, 1)
    pace.learn(4, 2)
    pace.learn(3, 1)
    pace.learn(-1, 1)
    pace.learn(2, 1)
    // Five steps are two degrees of freedom. The weights of the other models are small and known.
    const [{ offset, spread }, { variance, disagreement }] = [
      pace.outlook(1),
      bounceOf(pace).prospect(1)
    ]
    near(spread, Math.sqrt((34 / 6) * variance * (4.30265273 / Z975) ** 2 + disagreement))
    assert.equal(offset, bounceOf(pace).prospect(1).offset)
  })

  it('estimates the spread of a walk, and follows when its steps become four times as wide', () => {
    const normal = normals(3)
    const pace = new StepPace(60)
    for (let index = 0; index < 500; index++) pace.learn(normal(), 1)
    assert.ok(Math.abs(spreadOf(pace, 1) - 1) < 0.25, `${spreadOf(pace, 1)}`)
    for (let index = 0; index < 60; index++) pace.learn(4 * normal(), 1)
    assert.ok(spreadOf(pace, 1) > 2, `${spreadOf(pace, 1)} after a lookback`)
    for (let index = 0; index < 500; index++) pace.learn(4 * normal(), 1)
    assert.ok(Math.abs(spreadOf(pace, 1) - 4) < 1, `${spreadOf(pace, 1)} in the end`)
  })

  it('remembers how the price moves when it stands still, or its closes begin again', () => {
    const normal = normals(4)
    const pace = new StepPace(20)
    for (let index = 0; index < 200; index++) pace.learn(normal(), 1)
    for (let index = 0; index < 100; index++) pace.learn(0, 1)
    assert.ok(spreadOf(pace, 1) > 0.3, `${spreadOf(pace, 1)} while it stands`)
    pace.clear()
    assert.equal(spreadOf(pace, 1), 0)
    pace.learn(0, 1)
    assert.ok(spreadOf(pace, 1) > 1, `${spreadOf(pace, 1)} with one step`)
  })

  it('is little widened by a print far from the market that comes back', () => {
    const normal = normals(5)
    const pace = new StepPace(60)
    for (let index = 0; index < 300; index++) pace.learn(0.01 * normal(), 1)
    const before = spreadOf(pace, 1)
    pace.learn(2, 1)
    pace.learn(-2, 1)
    assert.ok(spreadOf(pace, 1) < 2 * before, `${before} before, ${spreadOf(pace, 1)} after`)
  })

  it('does not cut off the moves of a price that seldom moves', () => {
    const pace = new StepPace(60)
    for (let index = 0; index < 5000; index++) pace.learn(index % 40 === 0 ? 0.01 : 0, 1)
    const truth = Math.sqrt(0.0001 / 40)
    assert.ok(
      Math.abs(spreadOf(pace, 1) / truth - 1) < 0.3,
      `${spreadOf(pace, 1)}, expected ${truth}`
    )
  })

  it('continues from its stored state with the same bits', () => {
    const normal = normals(6)
    const pace = new StepPace(10)
    for (let index = 0; index < 50; index++) pace.learn(normal(), 1 + (index % 3))
    const again = new StepPace(10, JSON.parse(JSON.stringify(pace.state())) as number[])
    for (const one of [pace, again]) one.learn(0.5, 2)
    assert.deepEqual(again.state(), pace.state())
  })
})

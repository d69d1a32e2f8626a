import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AdaptiveBand,
  ChangeDetector,
  ForecastEngine,
  shiftedIntervalHalf,
  type EarlierBandState,
  type LedgerEntry,
  type SeriesState
} from '@tapedeck/domain'
import { finalBar, ForecastStore, normals, seeded } from './forecast-store.ts'

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
    const random = seeded(seed + 1)
    let [price, size] = [100, 0.03]
    return Array.from({ length: BARS }, () => {
      if (random() < 0.002) size = random() < 0.5 ? 0.03 : 0.12
      return (price += size * normal() + (random() < 0.005 ? normal() : 0))
    })
  },
  'walk in ticks of a cent': (seed) => {
    const random = seeded(seed)
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
const GROUND = { lastClose: 100, forecast: 100, spread: 1 }

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

  it('is as wide as a random walk from the last close says, while nothing is learnt', () => {
    const band = new AdaptiveBand(5)
    for (const forecast of [100, 100.5, 97]) {
      const half = band.half({ ...GROUND, forecast })
      assert.equal(half, 1.02 * shiftedIntervalHalf(Math.abs(forecast - 100), 1)) // fat tails
    }
    assert.deepEqual(band.state(), { factor: 1.02, outcomes: 0, since: 'first forecast' })
  })

  it('misses 5 % in the long run, off by the logarithm of its factor at most', () => {
    const normal = normals(1)
    const band = new AdaptiveBand(1)
    const count = 5000
    const settledAfter = 400 // the step has fallen to its last value, 0.05
    let [misses, first] = [0, 0]
    for (let index = 0; index < settledAfter + count; index++) {
      if (index === settledAfter) {
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

  it('goes on from its state, and begins anew from one that knew a width in prices', () => {
    const band = new AdaptiveBand(1)
    for (let index = 0; index < 50; index++) band.learn(index % 7 === 0)
    const again = new AdaptiveBand(1, band.state())
    for (const one of [band, again]) one.learn(true)
    assert.deepEqual(again.state(), band.state())
    const earlier = { half: 0.31, warmUp: [], isWarm: true, outcomes: 4000 }
    assert.deepEqual(new AdaptiveBand(1, earlier).state(), {
      factor: 1.1,
      outcomes: 0,
      since: 'stored state of an earlier kind'
    })
  })

  it('takes up a series stored before bands were factors, with a band from its closes', () => {
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
  const earlier: EarlierBandState = { half: 0.2, warmUp: [], isWarm: true, outcomes: 70 }
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

describe('ChangeDetector', () => {
  it('seldom cries wolf: at most 3 alarms in 100 000 independent errors', () => {
    const normal = normals(2)
    const detector = new ChangeDetector(1)
    let alarms = 0
    for (let index = 0; index < 100_000; index++) {
      if (detector.take(Math.abs(normal())) !== undefined) alarms++
    }
    assert.ok(alarms <= 3, `${alarms} alarms`)
  })

  it('seldom cries wolf on a random walk, also with overlapping targets', () => {
    let alarms = 0
    const engine = new ForecastEngine(
      HORIZONS.map((horizon) => ({ timeframe: '1s', lookback: 30, horizon }))
    )
    const normal = normals(3)
    const store = new ForecastStore()
    let price = 100
    for (let from = 0; from < 20_000; from += 1000) {
      const bars = Array.from({ length: 1000 }, (_, index) =>
        finalBar(from + index, (price += 0.05 * normal()), { timeframe: '1s' })
      )
      for (let asked = engine.missing(bars); asked.length > 0; asked = engine.missing(bars)) {
        engine.adopt(asked.map((request) => store.read(request)))
      }
      alarms += engine.advance({ bars, watermarkMs: 0, nowMs: 0 }).events.length
    }
    assert.ok(alarms <= 2, `${alarms} alarms in 180 000 scores`)
  })

  it('finds errors that doubled within 100 scores, and begins anew', () => {
    const normal = normals(4)
    const detector = new ChangeDetector(1)
    for (let index = 0; index < 500; index++) {
      assert.equal(detector.take(Math.abs(normal())), undefined)
    }
    let delay = 0
    for (;;) {
      delay++
      const change = detector.take(Math.abs(2 * normal()))
      if (change === undefined) continue
      assert.ok(change.statistic >= change.threshold)
      break
    }
    assert.ok(delay <= 100, `found after ${delay}`)
    assert.deepEqual(detector.state(), [0, 0, 0, 0, 0])
  })

  it('restarts the model: its version rises, its line begins with the newest close', () => {
    const normal = normals(6)
    const store = new ForecastStore()
    const engine = new ForecastEngine([{ timeframe: '1s', lookback: 20, horizon: 1 }], {
      minPoints: () => 3
    })
    let price = 100
    // A clean slope, then turns: the errors rise, the lookback's own movement does not.
    const bars = Array.from({ length: 900 }, (_, index) => {
      price += index < 600 || index % 10 < 5 ? 0.02 : -0.02
      return finalBar(index, price + 0.002 * normal(), { timeframe: '1s' })
    })
    store.turn(engine, bars)
    const [event] = store.events
    assert.ok(event)
    assert.equal(event.modelVersion, 2)
    const next = [...store.entries.values()].find(
      ({ model, modelVersion }) => model === event.model && modelVersion === 2
    )
    assert.ok(next && next.madeFromMs > event.atMs - 1000)
    assert.equal(next.n, 3)
    const [state] = store.states.values()
    const band = state?.models.find(({ model }) => model === event.model)?.band
    assert.equal(band?.since, 'change point')
    assert.ok(band.outcomes < 900 - 1 - (event.atMs - (bars[0]?.endMs ?? 0)) / 1000)
  })
})

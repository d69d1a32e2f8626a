import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AdaptiveBand,
  ChangeDetector,
  ForecastDesk,
  WARM_UP_SCORES,
  type LedgerEntry
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

function scoredOf(closes: readonly number[]): LedgerEntry[] {
  const desk = new ForecastDesk(
    HORIZONS.map((horizon) => ({ timeframe: '1s', lookback: 30, horizon }))
  )
  const store = new ForecastStore()
  const bars = closes.map((close, index) => finalBar(index, close, { timeframe: '1s' }))
  for (let from = 0; from < bars.length; from += 500) store.turn(desk, bars.slice(from, from + 500))
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

  it('is the interval of least squares until enough scores are there, and says so', () => {
    const scored = scoredOf((PROCESSES['random walk'] ?? (() => []))(5))
      .filter(({ horizon, model }) => horizon === 1 && model === 'linear-regression')
      .toSorted((a, b) => a.targetMs - b.targetMs)
    const early = scored.slice(0, WARM_UP_SCORES)
    assert.ok(
      early.every(({ bandFrom, lower, bandLower }) => bandFrom === 'ols' && lower === bandLower)
    )
    assert.ok(scored.slice(WARM_UP_SCORES).every(({ bandFrom }) => bandFrom === 'adaptive'))
  })

  it('misses 5 % in the long run, off by the logarithm of its width at most', () => {
    const normal = normals(1)
    const band = new AdaptiveBand(1)
    const count = 5000
    const settledAfter = 400 // the step has fallen to its last value, 0.1
    let [misses, first] = [0, 0]
    for (let index = 0; index < WARM_UP_SCORES + settledAfter + count; index++) {
      if (index === WARM_UP_SCORES + settledAfter) {
        first = band.half ?? 0
        misses = 0
      }
      const score = Math.abs(normal()) * (index > 2000 ? 10 : 1)
      const missed = band.half === undefined ? undefined : score > band.half
      if (missed === true) misses++
      band.learn(score, missed)
    }
    const expected = 0.05 * count + Math.log((band.half ?? 0) / first) / 0.1
    assert.ok(Math.abs(misses - expected) < 1e-6, `${misses} misses, expected ${expected}`)
  })

  it('soon forgets a warm-up a hundred times too wide', () => {
    const normal = normals(2)
    const band = new AdaptiveBand(12)
    for (let index = 0; index < WARM_UP_SCORES; index++) band.learn(100, undefined)
    let count = 0
    while ((band.half ?? 0) > 3) {
      const score = Math.abs(normal())
      band.learn(score, score > (band.half ?? 0))
      count++
    }
    assert.ok(count <= 450, `after ${count} outcomes`)
  })

  it('grows again from a price that never moved', () => {
    const band = new AdaptiveBand(1)
    for (let index = 0; index < 30; index++) band.learn(0, undefined)
    assert.equal(band.half, 0)
    band.learn(0.01, true)
    assert.equal(band.half, 0.01)
    assert.deepEqual(new AdaptiveBand(1, band.state()).state(), band.state())
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
    const desk = new ForecastDesk(
      HORIZONS.map((horizon) => ({ timeframe: '1s', lookback: 30, horizon }))
    )
    const normal = normals(3)
    const store = new ForecastStore()
    let price = 100
    for (let from = 0; from < 20_000; from += 1000) {
      const bars = Array.from({ length: 1000 }, (_, index) =>
        finalBar(from + index, (price += 0.05 * normal()), { timeframe: '1s' })
      )
      for (let asked = desk.missing(bars); asked.length > 0; asked = desk.missing(bars)) {
        desk.adopt(asked.map((request) => store.read(request)))
      }
      alarms += desk.advance({ bars, watermarkMs: 0, nowMs: 0 }).events.length
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
    const desk = new ForecastDesk([{ timeframe: '1s', lookback: 20, horizon: 1 }], {
      minPoints: () => 3
    })
    let price = 100
    // A clean slope, then turns: the errors rise, the lookback's own movement does not.
    const bars = Array.from({ length: 900 }, (_, index) => {
      price += index < 600 || index % 10 < 5 ? 0.02 : -0.02
      return finalBar(index, price + 0.002 * normal(), { timeframe: '1s' })
    })
    store.turn(desk, bars)
    const [event] = store.events
    assert.ok(event)
    assert.equal(event.modelVersion, 2)
    const next = [...store.entries.values()].find(
      ({ model, modelVersion }) => model === event.model && modelVersion === 2
    )
    assert.ok(next && next.madeFromMs > event.atMs - 1000)
    assert.equal(next.n, 3)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dieboldMariano, ForecastEngine } from '@tapedeck/domain'
import { ChangeDetector, studentTTwoSided } from '@tapedeck/domain/testing'
import { normals } from '../../../support/random-numbers.ts'
import { finalBar, ForecastStore } from './forecast-store.ts'

function close(found: number | null, expected: number, what: string): void {
  const limit = 1e-9 * Math.max(1, Math.abs(expected))
  assert.ok(
    found !== null && Math.abs(found - expected) <= limit,
    `${what}: found ${found}, expected ${expected}`
  )
}

describe('dieboldMariano()', () => {
  it('equals an example computed by hand', () => {
    // d = 1 2 3 4 0: mean 2, g0 = (1+0+1+4+4)/5 = 2, g1 = (0+0+2-4)/5 = -0.4, r = -0.2; the data ask for
    // 1.1447 cbrt(0.8 / 0.9216) = 1.09, so m = 2, half of n: variance (2 - 0.4)/5 = 0.32, b = 0.4
    const test = dieboldMariano([1, 2, 3, 4, 0], 1)
    const z = 1.959963984540054
    const critical = z + 2.9694 * 0.4 + 0.416 * 0.16 - 0.5324 * 0.064
    close(test?.statistic ?? null, ((2 / Math.sqrt(0.32)) * z) / critical, 'statistic')
    // Student's t with 4 degrees of freedom: P(|T| > t) = 1 - 1.5 u + 0.5 u^3, u = t / sqrt(t^2 + 4)
    const t = test?.statistic ?? NaN
    const u = t / Math.sqrt(t * t + 4)
    close(test?.p ?? null, 1 - 1.5 * u + 0.5 * u ** 3, 'p')
  })

  it('rejects about 5 % where differences that depend on one another are 0 in the mean', () => {
    // Lag 1 has 0.63, as the errors of successive lines have: with horizon - 1 = 0 lags 34 % were rejected.
    const normal = normals(5)
    let rejected = 0
    for (let run = 0; run < 1000; run++) {
      let x = 0
      const differences = Array.from({ length: 500 }, () => (x = 0.63 * x + normal()))
      if ((dieboldMariano(differences, 1)?.p ?? 1) < 0.05) rejected++
    }
    assert.ok(rejected > 20 && rejected < 80, `${rejected} of 1000`)
  })

  it('reads overlapping errors as fewer than they are', () => {
    const normal = normals(1)
    const noise = Array.from({ length: 512 }, () => normal())
    const overlapping = Array.from(
      { length: 500 },
      (_, i) => 0.5 + noise.slice(i, i + 12).reduce((a, b) => a + b, 0)
    )
    const mean = overlapping.reduce((a, b) => a + b, 0) / 500
    const squares = overlapping.reduce((a, b) => a + (b - mean) ** 2, 0)
    const plain = mean / (Math.sqrt(squares) / 500)
    const corrected = dieboldMariano(overlapping, 1)?.statistic ?? 0
    assert.ok(Math.abs(corrected) < Math.abs(plain) / 2, `${plain} and ${corrected}`)
  })

  it('says nothing with too few differences, and nothing of none', () => {
    assert.equal(dieboldMariano([1, 2, 3], 2), undefined)
    assert.deepEqual(dieboldMariano([0, 0, 0], 1), { n: 3, statistic: null, p: 1 })
  })
})

describe('studentTTwoSided()', () => {
  it('equals tabled and closed forms', () => {
    close(studentTTwoSided(1, 1), 0.5, 'Cauchy')
    close(studentTTwoSided(12.706204736432095, 1), 0.05, 't(0.975, 1)')
    close(studentTTwoSided(-2.2281388519649385, 10), 0.05, 't(0.975, 10)')
    close(studentTTwoSided(2, 2), 1 - 2 / Math.sqrt(2 + 4), 'two degrees')
    assert.ok(Math.abs(studentTTwoSided(1.959963984540054, 1e6) - 0.05) < 1e-6)
    assert.equal(studentTTwoSided(0, 5), 1)
    assert.equal(studentTTwoSided(Infinity, 5), 0)
  })
})

const HORIZONS = [1, 5, 12]

describe('ChangeDetector', () => {
  it('raises at most 3 false alarms in 100 000 independent errors', () => {
    const normal = normals(2)
    const detector = new ChangeDetector({ lookback: 6, horizon: 1 })
    let alarms = 0
    for (let index = 0; index < 100_000; index++) {
      if (detector.add(Math.abs(normal())) !== undefined) alarms++
    }
    assert.ok(alarms <= 3, `${alarms} alarms`)
  })

  it('raises few false alarms on a random walk, also with overlapping targets', () => {
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

  it('finds errors that doubled within 100 scores, and begins again', () => {
    const normal = normals(4)
    const detector = new ChangeDetector({ lookback: 6, horizon: 1 })
    for (let index = 0; index < 500; index++) {
      assert.equal(detector.add(Math.abs(normal())), undefined)
    }
    let delay = 0
    for (;;) {
      delay++
      const change = detector.add(Math.abs(2 * normal()))
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
    // A clean slope, then turns: the errors rise, the lookback's own mean move does not.
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

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '@tapedeck/core'
import { ForecastEngine, minScored, SCORE_LABELS } from '@tapedeck/domain'
import { LossTest } from '@tapedeck/domain/testing'
import { differences, NO_DIFFERENCE } from '../../../programs/forecasts/differences.ts'
import { firstLabel } from '../../../programs/forecasts/first-label.ts'
import { normals } from '../../../support/random-numbers.ts'
import { finalBar, ForecastStore } from './forecast-store.ts'

/** The evidence as the definition has it, from the list of differences. */
function slowEvidence(all: readonly number[], horizon: number): number | undefined {
  const found: number[] = []
  for (let length = Math.max(8, 2 * horizon), least = 16; ; length *= 2, least = 32) {
    const count = Math.floor(all.length / length)
    if (count < least) return found.length === 0 ? undefined : Math.min(...found)
    const sums = Array.from({ length: count }, (_, block) =>
      all.slice(block * length, (block + 1) * length).reduce((a, b) => a + b, 0)
    )
    const sum = sums.reduce((a, b) => a + b, 0)
    const squares = sums.reduce((a, b) => a + b * b, 0)
    const share = (sum * sum) / ((count + 1) * squares)
    found.push(Math.log(Math.sqrt(1 / (count + 1)) * (1 - share) ** (-count / 2)))
  }
}

describe('LossTest', () => {
  it('equals the definition, also when it continues from a stored state', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom(1, 3, 12),
        fc.integer({ min: 0, max: 3000 }),
        (seed, horizon, n) => {
          const random = seededRandom(seed)
          const normal = normals(seed)
          const all = Array.from({ length: n }, () => 0.1 + normal())
          let test = new LossTest(horizon)
          for (const one of all) {
            test.add(one)
            if (random() < 0.01) test = new LossTest(horizon, test.state())
          }
          const [found, expected] = [test.evidence, slowEvidence(all, horizon)]
          if (found === undefined || expected === undefined) assert.equal(found, expected)
          else assert.ok(Math.abs(found - expected) < 1e-6, `${found}, expected ${expected}`)
        }
      ),
      { numRuns: 60 }
    )
  })

  it('labels by the sign of the mean, and says nothing with few scores or none that differ', () => {
    const labelled = (n: number, of: (index: number) => number): string => {
      const test = new LossTest(1)
      for (let index = 0; index < n; index++) test.add(of(index))
      return test.label
    }
    assert.equal(minScored(1), 128)
    assert.equal(minScored(12), 384)
    assert.equal(
      labelled(127, () => -1),
      SCORE_LABELS.tooFew
    )
    assert.equal(
      labelled(128, () => -1),
      SCORE_LABELS.better
    )
    assert.equal(
      labelled(128, () => 1),
      SCORE_LABELS.worse
    )
    assert.equal(
      labelled(500, () => 0),
      SCORE_LABELS.same
    )
    assert.equal(
      labelled(500, (index) => (index % 2 === 0 ? 1 : -1)),
      SCORE_LABELS.same
    )
  })

  for (const kind of NO_DIFFERENCE) {
    it(`labels at most 5 % of rows at any moment of a day of minutes: ${kind.name}`, () => {
      let labelled = 0
      for (let row = 0; row < 200; row++) {
        if (firstLabel(kind.horizon, differences(kind, row), 1440) !== undefined) labelled++
      }
      assert.ok(labelled <= 10, `${labelled} of 200`)
    })
  }

  it('finds a trend worth following, and a walk that is not', () => {
    const normal = normals(9)
    const label = (drift: number): string => {
      const engine = new ForecastEngine([{ timeframe: '1s', lookback: 30, horizon: 5 }])
      const store = new ForecastStore()
      let price = 100
      const bars = Array.from({ length: 2000 }, (_, index) => {
        price += drift + 0.05 * normal()
        return finalBar(index, price, { timeframe: '1s' })
      })
      for (let asked = engine.missing(bars); asked.length > 0; asked = engine.missing(bars)) {
        engine.adopt(asked.map((request) => store.read(request)))
      }
      const [series] = engine.advance({ bars, watermarkMs: 0, nowMs: 0 }).series
      return series?.scores().get('linear-regression')?.label ?? ''
    }
    assert.equal(label(0.1), SCORE_LABELS.better)
    assert.equal(label(0), SCORE_LABELS.worse)
  })
})

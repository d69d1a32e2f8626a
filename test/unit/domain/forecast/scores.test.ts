import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '@tapedeck/core'
import {
  ForecastEngine,
  LONG_WINDOW,
  SCORE_LABELS,
  type FinalBar,
  type LedgerEntry,
  type ScoreReport,
  type Scores,
  type SeriesScores,
  type TestedScores
} from '@tapedeck/domain'
import { SHORT_WINDOW } from '@tapedeck/domain/testing'
import { normals } from '../../../support/random-numbers.ts'
import { finalBar, ForecastStore } from './forecast-store.ts'

function close(found: number | null, expected: number | null, what: string): void {
  if (found === null || expected === null) {
    assert.equal(found, expected, what)
    return
  }
  assert.ok(
    Math.abs(found - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
    `${what}: found ${found}, expected ${expected}`
  )
}

/** The same scores, one by one from their definitions over the list of entries. */
function independent(entries: readonly LedgerEntry[]): Scores {
  const n = entries.length
  const mean = (values: readonly number[]): number | null =>
    values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length
  const actual = (one: LedgerEntry): number => one.actual ?? Number.NaN
  const absolute = entries.map((one) => Math.abs(actual(one) - one.forecast))
  const naive = entries.map((one) => Math.abs(actual(one) - one.lastClose))
  const drift = entries.map((one) => Math.abs(actual(one) - one.drift))
  const directed = entries.filter(
    (one) => actual(one) !== one.lastClose && Math.fround(one.forecast - one.lastClose) !== 0
  )
  const hits = directed.filter(
    (one) => Math.sign(actual(one) - one.lastClose) === Math.sign(one.forecast - one.lastClose)
  ).length
  const rate = directed.length > 0 ? hits / directed.length : null
  const z = 1.959963984540054
  const m = directed.length
  const wilson = (sign: 1 | -1): number | null =>
    rate === null
      ? null
      : (rate +
          (z * z) / (2 * m) +
          sign * z * Math.sqrt((rate * (1 - rate)) / m + (z * z) / (4 * m * m))) /
        (1 + (z * z) / m)
  const winkler = (low: number, high: number, y: number): number =>
    high - low + (y < low ? 40 * (low - y) : 0) + (y > high ? 40 * (y - high) : 0)
  const skill = (base: readonly number[]): number | null => {
    const sum = base.reduce((a, b) => a + b, 0)
    return sum > 0 ? 1 - absolute.reduce((a, b) => a + b, 0) / sum : null
  }
  const squares = mean(absolute.map((one) => one * one))
  return {
    n,
    mae: mean(absolute),
    rmse: squares === null ? null : Math.sqrt(squares),
    maeNaive: mean(naive),
    maeDrift: mean(drift),
    mase: mean(
      entries.flatMap((one, i) => (one.scale === null ? [] : [(absolute[i] ?? 0) / one.scale]))
    ),
    skill: skill(naive),
    skillDrift: skill(drift),
    hitRate: rate,
    hitLower: wilson(-1),
    hitUpper: wilson(1),
    ties: n - m,
    coverageOls: mean(
      entries.map((one) => (actual(one) >= one.lower && actual(one) <= one.upper ? 1 : 0))
    ),
    coverageBand: mean(
      entries.map((one) => (actual(one) >= one.bandLower && actual(one) <= one.bandUpper ? 1 : 0))
    ),
    widthOls: mean(entries.map((one) => one.upper - one.lower)),
    widthBand: mean(entries.map((one) => one.bandUpper - one.bandLower)),
    winklerOls: mean(entries.map((one) => winkler(one.lower, one.upper, actual(one)))),
    winklerBand: mean(entries.map((one) => winkler(one.bandLower, one.bandUpper, actual(one))))
  }
}

/** Diebold-Mariano as the definition has it. */
function slowDieboldMariano(d: readonly number[], h: number): number {
  const n = d.length
  const mean = d.reduce((a, b) => a + b, 0) / n
  const g = (k: number): number =>
    d.slice(k).reduce((sum, one, i) => sum + (one - mean) * ((d[i] ?? 0) - mean), 0) / n
  const r = g(1) / g(0)
  const asked = 1.1447 * Math.cbrt((4 * r * r * n) / ((1 - r) ** 2 * (1 + r) ** 2))
  const m = Math.min(Math.floor(n / 2), Math.max(h, Math.ceil(asked)))
  const lags = Array.from({ length: m - 1 }, (_, i) => (1 - (i + 1) / m) * g(i + 1))
  const variance = g(0) + 2 * lags.reduce((a, b) => a + b, 0)
  const [z, b] = [1.959963984540054, m / n]
  const critical = z + 2.9694 * b + 0.416 * b * b - 0.5324 * b ** 3
  return ((mean / Math.sqrt(variance / n)) * z) / critical
}

function compare(report: ScoreReport, entries: readonly LedgerEntry[]): void {
  const scored = entries
    .filter(({ status }) => status === 'scored')
    .toSorted((a, b) => a.targetMs - b.targetMs)
  const parts: { name: string; found: TestedScores; of: readonly LedgerEntry[] }[] = [
    { name: 'total', found: report.total, of: scored },
    {
      name: 'day',
      found: report.day,
      of: scored.filter(({ tradeDate }) => tradeDate === report.tradeDate)
    },
    { name: 'last500', found: report.last500, of: scored.slice(-LONG_WINDOW) },
    { name: 'last50', found: report.last50, of: scored.slice(-SHORT_WINDOW) }
  ]
  for (const { name, found, of } of parts) {
    for (const [field, expected] of Object.entries(independent(of))) {
      close(found[field as keyof Scores], expected as number | null, `${name} ${field}`)
    }
  }
  for (const { name, found, of } of parts) {
    const { dieboldMariano: test, n } = found
    if (n > LONG_WINDOW) assert.equal(test, null)
    if (test?.statistic == null) continue
    const differences = of.map(
      ({ error, naiveError }) => Math.abs(error ?? 0) - Math.abs(naiveError ?? 0)
    )
    const expected = slowDieboldMariano(differences, of[0]?.horizon ?? 1)
    close(test.statistic, expected, `${name} Diebold-Mariano`)
  }
}

describe('RollingScores', () => {
  it('equals an independent computation over the ledger, with late revisions and restarts', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(1, 3, 7), fc.boolean(), (seed, horizon, follow) => {
        const random = seededRandom(seed)
        const normal = normals(seed)
        const store = new ForecastStore({ areScoresToFollow: follow })
        // Read beside the work: what is handed in may be some turns old.
        let read: SeriesScores[] = []
        const engine = (): ForecastEngine =>
          new ForecastEngine([{ timeframe: '5m', lookback: 10, horizon }])
        let one = engine()
        let price = 100
        const revisions = new Map<number, number>()
        const length = 200 + Math.floor(500 * random())
        for (let index = 0; index < length;) {
          const bars: FinalBar[] = []
          for (let size = 1 + Math.floor(random() * 40); size > 0; size--, index++) {
            if (random() < 0.05) continue
            price = Math.round((price + 0.3 * normal()) * 10) / 10
            bars.push(finalBar(index, price, { timeframe: '5m' }))
            const late = Math.max(0, index - Math.floor(random() * 300))
            if (random() < 0.1) {
              const revision = (revisions.get(late) ?? 0) + 1
              revisions.set(late, revision)
              bars.push(finalBar(late, 100 + normal(), { timeframe: '5m', revision }))
            }
          }
          store.turn(one, bars)
          if (random() < 0.5) {
            one.restoreScores(read)
            read = store.readScores(one.withoutScores())
          }
          if (random() < 0.2) {
            one = engine()
            read = []
          }
        }
        const last = finalBar(800, price, { timeframe: '5m' })
        for (let asked = one.missing([last]); asked.length > 0; asked = one.missing([last])) {
          one.adopt(asked.map((request) => store.read(request)))
        }
        const late = store.readScores(one.withoutScores())
        const result = one.advance({ bars: [last], watermarkMs: 0, nowMs: 0 })
        one.restoreScores(late)
        for (const entry of [...result.made, ...result.changed]) store.entries.set(entry.id, entry)
        const [series] = result.series
        assert.ok(series?.isWhole)
        const entries = Map.groupBy(store.entries.values(), ({ model }) => model)
        for (const [model, report] of series.scores()) compare(report, entries.get(model) ?? [])
      }),
      { numRuns: 30 }
    )
  })

  it('has no numbers without scores', () => {
    const store = new ForecastStore()
    const engine = new ForecastEngine([{ timeframe: '1m', lookback: 5, horizon: 1 }])
    store.turn(engine, [finalBar(0, 10)])
    const result = engine.advance({ bars: [finalBar(1, 11)], watermarkMs: 0, nowMs: 0 })
    for (const [, report] of result.series[0]?.scores() ?? []) {
      assert.equal(report.label, SCORE_LABELS.tooFew)
      assert.deepEqual(
        { mae: report.total.mae, skill: report.total.skill, hitRate: report.total.hitRate },
        { mae: null, skill: null, hitRate: null }
      )
    }
  })
})

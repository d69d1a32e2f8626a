import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '@tapedeck/core'
import {
  ABSENCE_REASONS,
  ForecastEngine,
  VOID_REASONS,
  type FinalBar,
  type ForecastSpec,
  type LedgerEntry,
  type SeriesState
} from '@tapedeck/domain'
import type { ForecastModel } from '@tapedeck/domain/testing'
import { normals } from '../../../support/random-numbers.ts'
import { exactLine } from './exact-line.ts'
import { finalBar, ForecastStore, START_MS } from './forecast-store.ts'
import { near } from './price-walk.ts'

const SPEC: ForecastSpec = { timeframe: '1m', lookback: 5, horizon: 2 }
const MINUTE_MS = 60_000

function engine(specs: readonly ForecastSpec[] = [SPEC]): ForecastEngine {
  return new ForecastEngine(specs, { minPoints: () => 3 })
}

function closes(...values: (number | null)[]): FinalBar[] {
  return values.map((close, index) => finalBar(index, close))
}

function entry(store: ForecastStore, target: number, model = 'linear-regression'): LedgerEntry {
  const found = store.entries.get(
    `X:ONE|1m|${START_MS + target * MINUTE_MS}|${SPEC.horizon}|${model}`
  )
  assert.ok(found, `no entry for bar ${target}`)
  return found
}

describe('ForecastEngine', () => {
  it('forecasts the close h bars ahead and scores it when that bar is final', () => {
    const store = new ForecastStore()
    const one = engine()
    store.turn(one, closes(10, 11, 12), { nowMs: 7 })
    const made = entry(store, 4)
    assert.deepEqual(
      {
        status: made.status,
        forecast: made.forecast,
        naive: made.naive,
        drift: made.drift,
        n: made.n,
        createdAtMs: made.createdAtMs,
        bandFrom: made.bandFrom
      },
      {
        status: 'open',
        forecast: 14,
        naive: 12,
        drift: 14,
        n: 3,
        createdAtMs: 7,
        bandFrom: 'adaptive'
      }
    )
    assert.equal(made.madeFromMs, START_MS + 2 * MINUTE_MS)
    store.turn(one, [finalBar(3, 13), finalBar(4, 15)], { nowMs: 9 })
    const scored = entry(store, 4)
    assert.deepEqual(
      {
        status: scored.status,
        actual: scored.actual,
        error: scored.error,
        naiveError: scored.naiveError,
        driftError: scored.driftError
      },
      { status: 'scored', actual: 15, error: 1, naiveError: 3, driftError: 1 }
    )
    assert.deepEqual(
      { inOls: scored.inOls, createdAtMs: scored.createdAtMs },
      { inOls: false, createdAtMs: 7 }
    )
  })

  it('marks a forecast stored after its target began or ended, and keeps it out of scores', () => {
    const targetMs = START_MS + 4 * MINUTE_MS
    const moments: [nowMs: number, scoresPast: boolean, timing: string, scored: number][] = [
      [targetMs - 1, false, 'before', 1],
      [targetMs, false, 'during', 0],
      [targetMs + MINUTE_MS - 1, false, 'during', 0],
      [targetMs + MINUTE_MS, false, 'after', 0],
      [targetMs - 1, true, 'before', 1],
      [targetMs, true, 'replayed', 1],
      [targetMs + MINUTE_MS, true, 'replayed', 1]
    ]
    for (const [nowMs, scoresPast, timing, scored] of moments) {
      const store = new ForecastStore()
      const one = new ForecastEngine([SPEC], { minPoints: () => 3, scoresPast })
      store.turn(one, closes(10, 11, 12), { nowMs })
      assert.equal(entry(store, 4).timing, timing)
      store.turn(one, [finalBar(3, 13), finalBar(4, 15)], { nowMs })
      assert.deepEqual([entry(store, 4).status, entry(store, 4).timing], ['scored', timing])
      const [model] = [...store.states.values()].flatMap(({ models }) => models)
      assert.equal(model?.board.total[0], scored)
      assert.equal(model.band.outcomes, 1, 'the band learns from each outcome')
    }
  })

  it('takes a forecast one bar ahead for prompt as long as its bar may take to be final', () => {
    const targetMs = START_MS + 3 * MINUTE_MS
    const timings = (horizon: number, promptMs: number): (string | undefined)[] =>
      [targetMs - 1, targetMs, targetMs + 7500, targetMs + 7501, targetMs + MINUTE_MS].map(
        (nowMs) => {
          const store = new ForecastStore()
          const options = { minPoints: () => 3, promptMs, scoresPast: false }
          const one = new ForecastEngine([{ ...SPEC, horizon }], options)
          store.turn(one, closes(10, 11, 12), { nowMs: nowMs + (horizon - 1) * MINUTE_MS })
          return [...store.entries.values()][0]?.timing
        }
      )
    assert.deepEqual(timings(1, 7500), ['before', 'prompt', 'prompt', 'during', 'after'])
    // The target ends before.
    assert.deepEqual(timings(1, 90_000), ['before', 'prompt', 'prompt', 'prompt', 'after'])
    assert.deepEqual(timings(2, 7500), ['before', 'during', 'during', 'during', 'after'])
  })

  it('makes three forecasts for a bar, one of each model', () => {
    const store = new ForecastStore()
    store.turn(engine(), closes(10, 11, 12))
    assert.deepEqual(
      [...store.entries.values()].map(({ model }) => model),
      ['linear-regression', 'exponential', 'shrunk']
    )
  })

  it('counts bars with too few points before them', () => {
    const store = new ForecastStore()
    store.turn(engine(), closes(10, 11))
    assert.deepEqual(
      store.absences.map(({ reason, count }) => ({ reason, count })),
      Array.from({ length: 3 }, () => ({ reason: ABSENCE_REASONS.tooFew, count: 2 }))
    )
  })

  it('treats windows without a trade as larger steps of time', () => {
    const store = new ForecastStore()
    store.turn(engine(), [finalBar(0, 10), finalBar(1, 11), finalBar(4, 14)])
    assert.ok(Math.abs(entry(store, 6).forecast - 16) < 1e-9)
  })

  it('voids a forecast whose bar had no price, or was not covered', () => {
    const store = new ForecastStore()
    store.turn(engine(), [
      ...closes(10, 11, 12, 13),
      finalBar(4, null),
      finalBar(5, 15, { coverage: 0.5 })
    ])
    assert.deepEqual(
      { status: entry(store, 4).status, reason: entry(store, 4).reason },
      { status: 'void', reason: VOID_REASONS.noTrade }
    )
    assert.equal(entry(store, 5).reason, VOID_REASONS.notCovered)
  })

  it('voids a forecast when the watermark passes its bar, without waiting for a trade', () => {
    const store = new ForecastStore()
    const one = engine()
    store.turn(one, closes(10, 11, 12))
    store.turn(one, [], { watermarkMs: START_MS + 5 * MINUTE_MS - 1 })
    assert.equal(entry(store, 4).status, 'open')
    store.turn(one, [], { watermarkMs: START_MS + 5 * MINUTE_MS })
    assert.deepEqual(
      { status: entry(store, 4).status, reason: entry(store, 4).reason },
      { status: 'void', reason: VOID_REASONS.noTrade }
    )
  })

  it('reports for a target without a bar that the feed was down, when it was', () => {
    const store = new ForecastStore()
    const one = engine()
    store.turn(one, closes(10, 11, 12))
    store.turn(one, [], { watermarkMs: START_MS + 9 * MINUTE_MS, coverageOf: () => 0.2 })
    assert.equal(entry(store, 4).reason, VOID_REASONS.notCovered)
  })

  it('ends the series at a bar that the feed did not cover, and reports it once', () => {
    const store = new ForecastStore()
    store.turn(engine(), [
      ...closes(10, 11, 12),
      finalBar(3, 13, { coverage: 0.89 }),
      finalBar(4, 14, { coverage: 0.2 }),
      finalBar(5, 15),
      finalBar(6, 16)
    ])
    const gaps = store.absences.filter(({ reason }) => reason === ABSENCE_REASONS.gap)
    assert.deepEqual(
      gaps.map(({ count, fromMs }) => ({ count, fromMs })),
      Array.from({ length: 3 }, () => ({ count: 1, fromMs: START_MS + 3 * MINUTE_MS }))
    )
    assert.equal(
      Math.max(...[...store.entries.values()].map(({ targetMs }) => targetMs)),
      START_MS + 4 * MINUTE_MS
    )
  })

  it('ends the series at windows without a bar in which the feed was down', () => {
    const store = new ForecastStore()
    store.turn(engine(), [...closes(10, 11, 12), finalBar(6, 15)], { coverageOf: () => 0.5 })
    assert.equal(store.entries.has(`X:ONE|1m|${START_MS + 8 * MINUTE_MS}|2|shrunk`), false)
    assert.ok(store.absences.some(({ reason }) => reason === ABSENCE_REASONS.gap))
  })

  it('never forecasts or fits across a session break', () => {
    const store = new ForecastStore()
    const closeMs = Date.UTC(2024, 0, 10, 21, 0)
    const at = (minute: number, session: string): FinalBar =>
      finalBar(0, 100 + minute, {
        symbol: 'AAPL',
        startMs: closeMs + minute * MINUTE_MS,
        session,
        endMs: closeMs + (minute + 1) * MINUTE_MS
      })
    store.turn(engine(), [
      ...[-6, -5, -4, -3, -2, -1].map((minute) => at(minute, 'regular')),
      ...[0, 1, 2].map((minute) => at(minute, 'post'))
    ])
    const targets = new Set(
      [...store.entries.values()].map(({ targetMs }) => (targetMs - closeMs) / MINUTE_MS)
    )
    assert.deepEqual([...targets], [-2, -1, 4])
    const after = [...store.entries.values()].find(({ targetMs }) => targetMs > closeMs)
    assert.equal(after?.n, 3)
    const beyond = store.absences.find(({ reason }) => reason === ABSENCE_REASONS.session)
    assert.equal(beyond?.count, 2)
  })

  it('counts trading days, not calendar days', () => {
    const store = new ForecastStore()
    const days = ['2024-01-10', '2024-01-11', '2024-01-12'].map((date, index) => {
      const endMs = Date.parse(`${date}T20:00:00-05:00`)
      return finalBar(0, 100 + index, {
        symbol: 'AAPL',
        timeframe: '1d',
        startMs: endMs - 86_400_000,
        endMs,
        tradeDate: date
      })
    })
    store.turn(engine([{ timeframe: '1d', lookback: 5, horizon: 1 }]), days)
    const [made] = store.entries.values()
    // Monday the 15th is a holiday: the next trading day is Tuesday, from Friday 20:00.
    assert.equal(made?.targetMs, Date.parse('2024-01-12T20:00:00-05:00'))
    assert.equal(made?.targetEndMs, Date.parse('2024-01-16T20:00:00-05:00'))
    assert.equal(made?.forecast, 103)
  })

  it('a flat price gives slope 0 and a band that holds', () => {
    const store = new ForecastStore()
    store.turn(engine(), closes(...Array.from({ length: 60 }, () => 12.34)))
    for (const one of store.entries.values()) {
      assert.deepEqual(
        { slope: one.parameters['slope'], forecast: one.forecast },
        { slope: 0, forecast: 12.34 }
      )
      assert.equal(one.parameters['r2'], 1)
      if (one.status === 'scored') assert.equal(one.inBand, true)
    }
  })
})

describe('ForecastEngine, history', () => {
  it('begins with the closes of stored bars when no state is stored', () => {
    const store = new ForecastStore()
    const one = engine()
    const bars = [finalBar(3, 13)]
    const [request] = one.missing(bars)
    assert.ok(request)
    assert.equal(request.beforeMs, START_MS + 3 * MINUTE_MS)
    one.adopt([{ request, state: null, bars: closes(10, 11, 12), entries: [] }])
    store.turn(one, bars)
    assert.deepEqual(
      { n: entry(store, 5).n, forecast: entry(store, 5).forecast },
      { n: 4, forecast: 15 }
    )
  })

  it('begins again when the stored state is of another lookback', () => {
    const store = new ForecastStore()
    store.turn(engine(), closes(10, 11, 12, 13, 14, 15))
    store.turn(engine([{ ...SPEC, lookback: 9 }]), [finalBar(6, 16)])
    const [state] = store.states.values()
    assert.deepEqual(
      { lookback: state?.lookback, length: state?.ring.length },
      { lookback: 9, length: 1 }
    )
    // Forecasts of the old lookback end with their targets all the same.
    assert.deepEqual(
      { status: entry(store, 6).status, lookback: entry(store, 6).lookback },
      { status: 'scored', lookback: 5 }
    )
  })

  it('continues from a state of the earlier form with sums, without a difference', () => {
    const bars = tape(5, 90)
    const spec = { timeframe: '1m', lookback: 8, horizon: 1 }
    const [calm, store] = [new ForecastStore(), new ForecastStore()]
    const one = engine([spec])
    calm.turn(one, bars.slice(0, 60))
    calm.turn(one, bars.slice(60))
    store.turn(engine([spec]), bars.slice(0, 60))
    for (const [id, state] of store.states) store.states.set(id, asStoredBefore(state))
    store.turn(engine([spec]), bars.slice(60))
    assert.deepEqual(store.content(), calm.content())
    const learnt = (of: ForecastStore): unknown =>
      [...of.states.values()].map(({ pace, models }) => ({
        pace,
        models: models.map((model) => ({ ...model, sinceMs: undefined }))
      }))
    assert.deepEqual(learnt(store), learnt(calm))
  })

  it('inserts a late trading day at its place', () => {
    const day = (date: string, close: number): FinalBar => {
      const endMs = Date.parse(`${date}T20:00:00-05:00`)
      const startMs = endMs - 86_400_000
      return finalBar(0, close, {
        symbol: 'AAPL',
        timeframe: '1d',
        startMs,
        endMs,
        tradeDate: date
      })
    }
    const store = new ForecastStore()
    const one = engine([{ timeframe: '1d', lookback: 5, horizon: 1 }])
    store.turn(one, [day('2024-01-09', 101), day('2024-01-11', 103)])
    store.turn(one, [day('2024-01-10', 102), day('2024-01-12', 104)])
    const made = [...store.entries.values()].filter(({ status }) => status === 'open')
    assert.equal(made[0]?.n, 4)
    assert.ok(Math.abs((made[0]?.forecast ?? 0) - 105) < 1e-9)
  })
})

describe('ForecastEngine, headline', () => {
  it('stores what a computation in whole numbers gives, within 1e-9, over gaps and restarts', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        let newestMs = 0
        const bars = tape(seed, 120).filter(({ startMs }) => {
          const isNew = startMs > newestMs
          newestMs = Math.max(newestMs, startMs)
          return isNew
        })
        const [spec] = SPECS.slice(1)
        assert.ok(spec)
        const store = new ForecastStore()
        for (let from = 0; from < bars.length; from += 30) {
          store.turn(engine([spec]), bars.slice(from, from + 30))
        }
        const own = [...store.entries.values()].filter(({ model }) => model === 'linear-regression')
        assert.ok(own.length > 10)
        for (const { madeFromMs, n, lastClose, forecast, parameters } of own) {
          const used = bars
            .filter((bar) => bar.startMs <= madeFromMs && bar.close !== null && bar.coverage === 1)
            .slice(-n)
          const exact = exactLine(
            used.map(({ startMs, close }) => ({
              x: (startMs - madeFromMs) / MINUTE_MS,
              close: close ?? NaN
            })),
            spec.horizon
          )
          near(parameters['slope'] ?? NaN, exact.slope, 0.01)
          near(parameters['intercept'] ?? NaN, exact.intercept, lastClose)
          near(parameters['r2'] ?? NaN, exact.r2, 1)
          near(parameters['standardError'] ?? NaN, exact.standardError, 0.01)
          near(forecast, exact.forecast, lastClose)
        }
      }),
      { numRuns: 30 }
    )
  })
})

/** The median of the closes, with their range as its interval: no line, and not even. */
const median: ForecastModel = {
  name: 'median',
  fit({ points, lastClose }) {
    const prices = points.map(([, y]) => lastClose + y).toSorted((a, b) => a - b)
    const [lower = NaN] = prices
    const upper = prices.at(-1) ?? NaN
    const forecast = prices[prices.length >> 1] ?? NaN
    return { forecast, interval: { lower, upper }, parameters: { spread: upper - lower } }
  }
}

/** The mean of the closes; it says nothing of its own uncertainty. */
const movingMean: ForecastModel = {
  name: 'moving-mean',
  fit: ({ points, lastClose }) => ({
    forecast: lastClose + points.reduce((sum, [, y]) => sum + y, 0) / points.length,
    parameters: {}
  })
}

describe('ForecastEngine, models of other kinds', () => {
  const other = (): ForecastEngine =>
    new ForecastEngine([SPEC], { minPoints: () => 3, models: [median, movingMean] })

  it('makes and scores their forecasts as those of a line', () => {
    const store = new ForecastStore()
    store.turn(other(), closes(10, 11, 13, 12, 15))
    const made = entry(store, 4, 'median')
    assert.deepEqual(made.parameters, { spread: made.upper - made.lower })
    assert.equal(made.forecast, 11)
    assert.notEqual(made.upper - 11, 11 - made.lower)
    assert.deepEqual(
      { status: made.status, error: made.error, inOls: made.inOls },
      { status: 'scored', error: 4, inOls: false }
    )
    assert.equal(entry(store, 4, 'moving-mean').forecast, 34 / 3)
  })

  it('measures an uneven interval by the side that was missed', () => {
    const store = new ForecastStore()
    const one = other()
    store.turn(one, closes(10, 11, 13, 12))
    const bars = [finalBar(4, 15)]
    const [series] = one.advance({ bars, watermarkMs: 0, nowMs: 0 }).series
    const { lower, upper } = entry(store, 4, 'median')
    const { widthOls, winklerOls } = series?.scores().get('median')?.total ?? {}
    assert.equal(widthOls, upper - lower)
    assert.equal(winklerOls, upper - lower + 40 * (15 - upper))
  })

  it('gives a model without an interval that of the steps alone', () => {
    const store = new ForecastStore()
    store.turn(other(), closes(10, 11, 13))
    const { forecast, lower, upper, bandLower, bandUpper } = entry(store, 4, 'moving-mean')
    assert.ok(Math.abs(upper - forecast - (forecast - lower)) < 1e-9)
    // Nothing is learnt yet: the band is that interval.
    assert.ok(Math.abs((bandUpper - bandLower) / (upper - lower) - 1) < 1e-9)
  })

  it('resolves the forecasts of a model that is no longer run, and begins a new one beside', () => {
    const store = new ForecastStore()
    store.turn(engine(), closes(10, 11, 12))
    store.turn(other(), [finalBar(3, 13), finalBar(4, 14)])
    assert.equal(entry(store, 4, 'shrunk').status, 'scored')
    assert.equal(entry(store, 5, 'median').n, 4)
  })
})

describe('ForecastEngine, late revisions', () => {
  it('rewrites the score, corrects later forecasts, leaves earlier ones as made', () => {
    const store = new ForecastStore()
    const one = engine()
    store.turn(one, closes(10, 11, 12, 13, 14))
    const before = entry(store, 6)
    store.turn(one, [finalBar(4, 20, { revision: 1 })])
    const rewritten = entry(store, 4)
    assert.deepEqual(
      {
        actual: rewritten.actual,
        error: rewritten.error,
        scoreRevision: rewritten.scoreRevision,
        actualRevision: rewritten.actualRevision
      },
      { actual: 20, error: 6, scoreRevision: 1, actualRevision: 1 }
    )
    assert.deepEqual(entry(store, 6), before)
    store.turn(one, [finalBar(5, 15)])
    const fresh = new ForecastStore()
    fresh.turn(engine(), closes(10, 11, 12, 13, 20, 15))
    assert.equal(entry(store, 7).forecast, entry(fresh, 7).forecast)
  })

  it('takes in a bar that only late trades made: its void forecast is scored', () => {
    const store = new ForecastStore()
    const one = engine()
    store.turn(one, [...closes(10, 11, 12), finalBar(3, 13), finalBar(5, 15)])
    assert.equal(entry(store, 4).status, 'void')
    store.turn(one, [finalBar(4, 14)])
    assert.deepEqual(
      { status: entry(store, 4).status, scoreRevision: entry(store, 4).scoreRevision },
      { status: 'scored', scoreRevision: 1 }
    )
    store.turn(one, [finalBar(6, 16)])
    assert.equal(entry(store, 8).n, 5)
  })

  it('reads old entries back and corrects the totals', () => {
    const store = new ForecastStore()
    const one = engine()
    const bars = closes(...Array.from({ length: 40 }, (_, index) => 10 + Math.sin(index)))
    for (const bar of bars) store.turn(one, [bar])
    store.turn(one, [finalBar(10, 50, { revision: 1 })])
    assert.equal(entry(store, 10).scoreRevision, 1)
    const [state] = store.states.values()
    const [count = 0, absoluteSum = 0] = state?.models[0]?.board.total ?? []
    const own = [...store.entries.values()].filter(
      ({ model, status }) => model === 'linear-regression' && status === 'scored'
    )
    assert.equal(count, own.length)
    const absolute = own.reduce((sum, { error }) => sum + Math.abs(error ?? 0), 0)
    assert.ok(Math.abs(absoluteSum - absolute) < 1e-9)
  })
})

/** The state as it was stored when each model kept its sums, and one close more was kept. */
function asStoredBefore(state: SeriesState): SeriesState {
  const models = state.models.map(({ sinceMs = 0, ...model }) => {
    const count = state.ring.filter(([startMs]) => startMs >= sinceMs).length
    return { ...model, sums: [count, 100, 6.2, -13.1, 0.4, 50.2, -0.2, 0.1, 4.9, 3] }
  })
  const oldest: SeriesState['ring'][number] = [(state.ring[0]?.[0] ?? 0) - MINUTE_MS, 77, 0]
  return { ...state, ring: [oldest, ...state.ring], models }
}

/** A random tape: gaps, prices missing, coverage, revisions of earlier bars, in order of occurrence. */
function tape(seed: number, length: number): FinalBar[] {
  const random = seededRandom(seed)
  const normal = normals(seed + 1)
  const revisions = new Map<number, number>()
  const bars: FinalBar[] = []
  let price = 100
  for (let index = 0; index < length; index++) {
    if (random() < 0.1) continue
    price += normal() * (index > length / 2 ? 1 : 0.1)
    const coverage = random() < 0.02 ? 0.5 : 1
    bars.push(finalBar(index, random() < 0.05 ? null : price, { coverage }))
    if (random() < 0.2) {
      const late = Math.max(0, index - Math.floor(random() * 12))
      const known =
        revisions.get(late) ??
        (bars.some((b) => b.startMs === START_MS + late * MINUTE_MS) ? 0 : -1)
      revisions.set(late, known + 1)
      bars.push(finalBar(late, price + normal(), { revision: known + 1 }))
    }
  }
  return bars
}

const SPECS: readonly ForecastSpec[] = [
  { timeframe: '1m', lookback: 6, horizon: 1 },
  { timeframe: '1m', lookback: 8, horizon: 3 }
]

/** Windows up to the newest bar so far are final. */
function watermarkAfter(bars: readonly FinalBar[]): number {
  return Math.max(...bars.map(({ endMs }) => endMs))
}

function uninterrupted(bars: readonly FinalBar[]): ForecastStore {
  const store = new ForecastStore()
  store.turn(engine(SPECS), bars, { watermarkMs: watermarkAfter(bars) })
  return store
}

describe('ForecastEngine, replay', () => {
  it('gives the same results whatever the batches', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (seed, sizes) => {
          const bars = tape(seed, 120)
          const whole = uninterrupted(bars)
          const store = new ForecastStore()
          const one = engine(SPECS)
          let from = 0
          for (const size of sizes) {
            if (from >= bars.length) break
            const until = Math.min(bars.length, from + size)
            store.turn(one, bars.slice(from, until), {
              watermarkMs: watermarkAfter(bars.slice(0, until))
            })
            from = until
          }
          assert.deepEqual(store.content(), whole.content())
          assert.deepEqual(store.events, whole.events)
          assert.deepEqual(store.states, whole.states)
        }
      ),
      { numRuns: 20 }
    )
  })

  it('gives the same after crashes between entries, states and checkpoint', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (seed, chaos) => {
        const bars = tape(seed, 120)
        const whole = uninterrupted(bars)
        const random = seededRandom(chaos)
        const store = new ForecastStore()
        let one = engine(SPECS)
        let checkpoint = 0
        while (checkpoint < bars.length) {
          const until = Math.min(bars.length, checkpoint + 1 + Math.floor(random() * 10))
          const batch = bars.slice(checkpoint, until)
          const watermarkMs = watermarkAfter(bars.slice(0, until))
          const fate = random()
          if (fate < 0.6) {
            store.turn(one, batch, { watermarkMs })
            checkpoint = until
            continue
          }
          if (fate < 0.8) store.turn(one, batch, { watermarkMs, stopBefore: 'states' })
          else if (fate < 0.9) store.turn(one, batch, { watermarkMs, stopBefore: 'entries' })
          else store.turn(one, batch, { watermarkMs }) // stored, but not in the checkpoint
          one = engine(SPECS)
        }
        assert.deepEqual(store.content(), whole.content())
        const totals = (of: ForecastStore): unknown =>
          [...of.states.values()].map(({ models, ring, rewrites }) => ({ ring, rewrites, models }))
        assert.deepEqual(totals(store), totals(whole))
      }),
      { numRuns: 25 }
    )
  })

  it('keeps the creation time and reports nothing twice when a batch is repeated', () => {
    const store = new ForecastStore()
    const bars = tape(3, 60)
    store.turn(engine(SPECS), bars, { nowMs: 1 })
    const before = structuredClone(store.entries)
    const written = store.writes.length
    store.turn(engine(SPECS), bars, { nowMs: 2 })
    assert.deepEqual(store.entries, before)
    assert.equal(store.writes.length, written)
  })

  it('restores nothing at the start of a partition whose first flush a crash cut off', () => {
    const store = new ForecastStore()
    const bars = closes(10, 11, 12, 11, 12, 13)
    const calm = new ForecastStore()
    calm.turn(engine(), bars)
    store.turn(engine(), bars, { stopBefore: 'states' })
    const next = engine()
    const request = {
      id: `X:ONE|1m|${SPEC.horizon}`,
      symbol: 'X:ONE',
      ...SPEC,
      beforeMs: Infinity,
      targetsMs: []
    }
    next.adopt([store.read(request)])
    store.turn(next, bars)
    assert.deepEqual(store.content(), calm.content())
  })

  it('expires targets of a series restored at the start, without a bar of it', () => {
    const store = new ForecastStore()
    store.turn(engine(), closes(10, 11, 12))
    const later = engine()
    const { symbol, timeframe, horizon } = SPEC_REQUEST
    later.adopt([
      store.read({
        id: `${symbol}|${timeframe}|${horizon}`,
        ...SPEC_REQUEST,
        beforeMs: Infinity,
        targetsMs: []
      })
    ])
    store.turn(later, [], { watermarkMs: START_MS + 6 * MINUTE_MS })
    assert.equal(entry(store, 4).status, 'void')
  })
})

const SPEC_REQUEST = { symbol: 'X:ONE', ...SPEC }

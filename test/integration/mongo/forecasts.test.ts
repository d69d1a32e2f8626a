import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FORECAST_MODELS, ForecastEngine, seriesId } from '@tapedeck/domain'
import type { ForecastModel } from '@tapedeck/domain/testing'
import { forecastDocument, loadScores, loadSeries, storeForecasts } from '@tapedeck/mongo'
import { openMarket } from '../../support/market.ts'
import { aBar, aForecast, T0_MS } from '../../support/market-documents.ts'

const OWNER = { log: 'raw_data/0', epoch: 1 }
const MINUTE_MS = 60_000

describe('loadScores()', () => {
  it('returns the newest 500 scores of each model, whichever has more', async (t) => {
    const { database } = await openMarket(t)
    const id = seriesId('AAPL', '1m', 1)
    const counts = [700, 620, 480] as const
    const fresh = FORECAST_MODELS.flatMap(({ name: model }, index) =>
      Array.from({ length: counts[index] ?? 0 }, (_, i) =>
        aForecast(
          'AAPL',
          700 - i,
          { error: 0.1, naiveError: 0.1 },
          {
            _id: `AAPL|1m|${T0_MS + (700 - i) * MINUTE_MS}|1|${model}`,
            model
          }
        )
      )
    )
    await storeForecasts(database, OWNER, { fresh, changed: [] })
    const [scores] = await loadScores(database, [id])
    for (const [index, { name }] of FORECAST_MODELS.entries()) {
      const targets = (scores!.byModel.get(name) ?? []).map(
        ({ targetMs }) => (targetMs - T0_MS) / MINUTE_MS
      )
      const count = Math.min(500, counts[index]!)
      assert.deepEqual(
        targets,
        Array.from({ length: count }, (_, i) => 700 - i),
        name
      )
    }
  })
})

/** A model that is no line. */
const middle: ForecastModel = {
  name: 'middle',
  fit: ({ lastClose }) => ({ forecast: lastClose, parameters: { spread: 2 } })
}

describe('forecasts of a line and of another model', () => {
  it('are read back as they were stored, with their parameters where a query finds them', async (t) => {
    const { database } = await openMarket(t)
    const spec = { timeframe: '1m', lookback: 3, horizon: 1 }
    const engine = new ForecastEngine([spec], { models: [FORECAST_MODELS[0], middle] })
    const bars = [10, 11, 13].map((close, i) => ({
      symbol: 'X:ONE',
      timeframe: '1m',
      startMs: T0_MS + i * MINUTE_MS,
      endMs: T0_MS + (i + 1) * MINUTE_MS,
      close,
      session: 'continuous',
      tradeDate: '2025-01-31',
      coverage: 1,
      feed: 'test',
      revision: 0
    }))
    const [request] = engine.missing(bars)
    engine.adopt([{ request: request!, state: null, bars: [], entries: [] }])
    const { made } = engine.advance({ bars, watermarkMs: 0, nowMs: 7 })
    assert.equal(made.length, 2)
    const source = { log: OWNER.log, epoch: OWNER.epoch, offset: 1 }
    const fresh = made.map((entry) => forecastDocument(entry, source, new Date(7)))
    await storeForecasts(database, OWNER, { fresh, changed: [] })
    const stored = await database.forecasts.find().sort({ model: 1 }).toArray()
    assert.deepEqual(
      stored.map(({ model, slope, parameters }) => ({ model, slope, parameters })),
      [
        { model: 'linear-regression', slope: 1.5, parameters: undefined },
        { model: 'middle', slope: null, parameters: { spread: 2 } }
      ]
    )
    const targetsMs = [T0_MS + 3 * MINUTE_MS]
    const asked = { ...request!, beforeMs: undefined, targetsMs }
    const [history] = await loadSeries(database, [asked])
    assert.deepEqual(
      history!.entries.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      made.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    )
  })
})

describe('loadSeries()', () => {
  it('answers many series at once as it answers each alone', async (t) => {
    const { database } = await openMarket(t)
    const symbols = Array.from({ length: 130 }, (_, index) => `X:${index}`)
    const requests = symbols.map((symbol, index) => ({
      id: seriesId(symbol, '1m', 1),
      symbol,
      timeframe: '1m',
      horizon: 1,
      lookback: 3,
      beforeMs: index % 7 === 0 ? Infinity : T0_MS + 5 * MINUTE_MS,
      targetsMs: []
    }))
    // The first forty have a state each, of two ages; the next forty only bars, the next only forecasts, the last nothing.
    const states = requests.slice(0, 40).map(({ id }, index) => ({
      _id: id,
      stateVersion: 1,
      state: { throughMs: T0_MS + (index % 2) * MINUTE_MS, lookback: 3 }
    }))
    await database.forecastSeries.insertMany(states as never)
    const bars = symbols
      .slice(40, 80)
      .flatMap((symbol) => Array.from({ length: 6 }, (_, i) => aBar(symbol, '1m', MINUTE_MS, i)))
    const provisional = symbols
      .slice(80)
      .map((symbol) => aBar(symbol, '1m', MINUTE_MS, 4, { status: 'provisional' }))
    await database.bars.insertMany([...bars, ...provisional])
    const forecasts = [...symbols.slice(0, 40), ...symbols.slice(80, 120)].flatMap((symbol) =>
      [0, 1, 2].map((i) => aForecast(symbol, i, undefined))
    )
    await storeForecasts(database, OWNER, { fresh: forecasts, changed: [] })
    const recalled = requests.slice(0, 3).map((request) => ({
      ...request,
      beforeMs: undefined,
      targetsMs: [T0_MS + MINUTE_MS]
    }))

    const together = await loadSeries(database, [...requests, ...recalled])
    const alone: typeof together = []
    for (const request of [...requests, ...recalled]) {
      alone.push(...(await loadSeries(database, [request])))
    }
    const byRequest = (histories: typeof together) =>
      new Map(histories.map((history) => [history.request, history]))
    assert.deepEqual(byRequest(together), byRequest(alone))
    const shown = together.map(({ request, state, bars: own, entries }) => [
      request.symbol,
      state?.throughMs,
      own.map(({ startMs }) => (startMs - T0_MS) / MINUTE_MS),
      entries.map(({ targetMs }) => (targetMs - T0_MS) / MINUTE_MS)
    ])
    const of = (symbol: string) => shown.filter(([name]) => name === symbol)
    const stateless = ([, throughMs]: (typeof shown)[number]) => throughMs === undefined
    assert.deepEqual(of('X:0').filter(stateless), [['X:0', undefined, [], [1]]])
    assert.deepEqual(
      of('X:0').filter((one) => !stateless(one)),
      [['X:0', T0_MS, [], [1, 2]]]
    )
    assert.deepEqual(of('X:3'), [['X:3', T0_MS + MINUTE_MS, [], [2]]])
    assert.deepEqual(of('X:41'), [['X:41', undefined, [2, 3, 4], []]])
    assert.deepEqual(of('X:42'), [['X:42', undefined, [3, 4, 5], []]])
    assert.deepEqual(of('X:81'), [['X:81', undefined, [], [0, 1, 2]]])
    assert.deepEqual(of('X:129'), [['X:129', undefined, [], []]])
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FORECAST_MODELS, ForecastEngine, seriesId } from '@tapedeck/domain'
import type { ForecastModel } from '@tapedeck/domain/testing'
import { forecastDocument, loadScores, loadSeries, storeForecasts } from '@tapedeck/mongo'
import { openMarket } from '../../support/market.ts'
import { aForecast, T0_MS } from '../../support/market-documents.ts'

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

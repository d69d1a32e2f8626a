import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FORECAST_MODELS, seriesId } from '@tapedeck/domain'
import { loadScores, storeForecasts } from '@tapedeck/mongo'
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

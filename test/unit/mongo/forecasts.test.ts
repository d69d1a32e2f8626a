import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { publishedForecast, type ForecastRow } from '@tapedeck/mongo'
import { aForecast } from '../../support/market-documents.ts'

/** What the topic may leave null: forecasts of earlier versions were stored without some of them. */
const NULLABLE = [
  'bandLower',
  'bandUpper',
  'bandFrom',
  'reason',
  'actual',
  'error',
  'naiveError',
  'inBand',
  'scoreRevision'
] as const

describe('publishedForecast()', () => {
  const scored = aForecast('AAPL', 1, { error: 0.5, naiveError: -0.25 })

  it('has the fields of the stored forecast, and its times in epoch ms', () => {
    const { id, ...fields } = publishedForecast(scored)
    assert.equal(id, scored._id)
    for (const [name, value] of Object.entries(fields)) {
      const stored = scored[name as keyof typeof fields]
      assert.equal(value, stored instanceof Date ? stored.getTime() : stored, name)
    }
    assert.deepEqual([fields.error, fields.naiveError], [0.5, -0.25])
  })

  it('gives null for what it was stored without', () => {
    const without = Object.fromEntries(
      Object.entries(scored).filter(([name]) => !NULLABLE.some((nullable) => nullable === name))
    ) as unknown as ForecastRow
    const made = publishedForecast(without)
    assert.deepEqual(
      NULLABLE.map((name) => made[name]),
      NULLABLE.map(() => null)
    )
    const names = Object.keys(publishedForecast(scored))
    assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(made)) as object), names)
  })
})

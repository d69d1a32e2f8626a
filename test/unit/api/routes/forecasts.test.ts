import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '@tapedeck/core'
import type { ForecastQuery, ForecastRow } from '@tapedeck/mongo'
import { apiOn } from '../reader-double.ts'

type Row = Readonly<Record<string, unknown>>

const NOW_MS = Date.UTC(2025, 0, 31, 15, 0, 30)
const clock: Clock = { now: () => NOW_MS, delay: () => Promise.reject(new Error('not used')) }

/** The query that an endpoint hands to the reader. */
async function askedBy(path: string): Promise<ForecastQuery> {
  let asked: ForecastQuery | undefined
  const note = async (query: ForecastQuery): Promise<[]> => {
    asked = query
    return []
  }
  const answer = await apiOn({ forecasts: note }, clock).inject(path)
  assert.equal(answer.statusCode, 200, answer.body)
  assert.ok(asked !== undefined)
  return asked
}

describe('forecasts', () => {
  it('have null for fields that older ones lack', async () => {
    const at = new Date(Date.UTC(2025, 0, 31, 15))
    const old = {
      _id: 'AAPL|1m|1|1|ols-20',
      symbol: 'AAPL',
      timeframe: '1m',
      horizon: 1,
      model: 'ols-20',
      target: at,
      targetEnd: at,
      madeFrom: at,
      createdAt: at,
      scoredAt: null,
      lastClose: 100,
      n: 20,
      slope: 0,
      intercept: 1,
      r2: 0,
      standardError: 0,
      forecast: 1,
      lower: 0,
      upper: 2,
      status: 'open',
      reason: null,
      actual: null,
      error: null,
      naiveError: null,
      feed: 'simulated'
    } as unknown as ForecastRow
    const answer = await apiOn({ forecasts: async () => [old] }).inject('/api/v1/forecasts')
    assert.equal(answer.statusCode, 200, answer.body)
    const [row] = answer.json<{ forecasts: Row[] }>().forecasts
    const absent = ['bandLower', 'modelVersion', 'naive', 'drift', 'scoreRevision', 'timing']
    for (const field of absent) assert.equal(row?.[field], null, field)
  })

  it('include one whose window begins later, however far ahead it looks', async () => {
    const next = await askedBy('/api/v1/forecasts?timeframe=1m')
    assert.ok(next.toMs > NOW_MS + 5 * 60_000)
    const far = await askedBy('/api/v1/forecasts?timeframe=1m&horizon=60')
    assert.ok(far.toMs > NOW_MS + 60 * 60_000)
  })

  it('are selected by when they were made with over=made, however far ahead they look', async () => {
    const to = Date.UTC(2025, 0, 31, 15)
    const url = `/api/v1/forecasts?timeframe=1m&horizon=5&from=${to - 60_000}&to=${to}&over=made`
    const asked = await askedBy(url)
    assert.equal(asked.madeBeforeMs, to)
    assert.ok(asked.toMs >= to + 5 * 60_000)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock, TapedeckError, type Clock } from '@tapedeck/core'
import type { RangeQuery, TradeDocument } from '@tapedeck/mongo'
import { apiOn } from './reader-double.ts'

const AWAY = new TapedeckError('DATABASE_UNREACHABLE', 'Cannot read bars: mongodb://u:p@host away')

/** Time stands still, so that requests of one test are of one moment on any machine. */
const stillClock: Clock = { ...systemClock, now: () => 1_738_335_600_000 }

function aTrade(ms: number, index: number): TradeDocument {
  const at = new Date(ms)
  return {
    _id: `c-1-${index}`,
    symbol: 'AAPL',
    price: 1,
    size: 1,
    tradedAt: at,
    receivedAt: at,
    conditions: null,
    session: 'regular',
    tradeDate: '2025-01-31',
    eligible: 'price and volume',
    feed: 'simulated'
  }
}

describe('buildApi()', () => {
  it('lists the routes on an unknown path', async () => {
    const answer = await apiOn({}).inject('/api/v1/bar')
    assert.equal(answer.statusCode, 404)
    const { error } = answer.json<{ error: { code: string; message: string } }>()
    assert.equal(error.code, 'REQUEST_INVALID')
    for (const path of ['symbols', 'trades', 'forecasts', 'forecast-summary', 'forecast-scores']) {
      assert.ok(error.message.includes(`/api/v1/${path}`), path)
    }
    assert.match(error.message, /did you mean \/api\/v1\/bars\?$/)
  })

  it('answers GET only', async () => {
    const answer = await apiOn({}).inject({ method: 'POST', url: '/api/v1/bars' })
    assert.equal(answer.statusCode, 404)
    assert.match(answer.body, /method is POST, expected GET/)
  })

  it('answers a path that cannot be decoded with 400', async () => {
    const answer = await apiOn({}).inject('/api/v1/%zz')
    assert.equal(answer.statusCode, 400)
    assert.equal(answer.json<{ error: { code: string } }>().error.code, 'REQUEST_INVALID')
  })

  it('answers 503 with a code, and without the address, when the database is away', async () => {
    const answer = await apiOn({ bars: () => Promise.reject(AWAY) }).inject('/api/v1/bars')
    assert.equal(answer.statusCode, 503)
    assert.equal(answer.json<{ error: { code: string } }>().error.code, 'DATABASE_UNREACHABLE')
    assert.doesNotMatch(answer.body, /u:p|host away/)
  })

  it('keeps internal errors out of the answer', async () => {
    const failed = Promise.reject(new Error('secret detail'))
    const answer = await apiOn({ bars: () => failed }).inject('/api/v1/bars')
    assert.equal(answer.statusCode, 500)
    assert.match(answer.body, /INTERNAL_ERROR.*under request [0-9a-f-]{36}/)
    assert.doesNotMatch(answer.body, /secret/)
  })

  it('is healthy, but not ready with the reason, while the database is away', async () => {
    const app = apiOn({ ping: () => Promise.reject(AWAY) })
    const ready = await app.inject('/readyz')
    assert.equal(ready.statusCode, 503)
    assert.equal(ready.json<{ reasons: string[] }>().reasons.length, 1)
    assert.equal((await app.inject('/healthz')).statusCode, 200)
  })

  it('is ready with an empty database', async () => {
    assert.equal((await apiOn({}).inject('/readyz')).statusCode, 200)
  })

  it('reads once for viewers whose ranges end in the same window', async () => {
    let reads = 0
    const bars = async (): Promise<[]> => {
      reads++
      return []
    }
    const app = apiOn({ bars }, stillClock)
    const url = '/api/v1/bars?symbol=AAPL&timeframe=1m&from=60001'
    await Promise.all([
      app.inject(`${url}&to=180001`),
      app.inject(`${url}&to=239000`),
      app.inject(`/api/v1/bars?timeframe=1m&from=61234&to=240000&symbol=AAPL`)
    ])
    assert.equal(reads, 1)
    const metrics = await app.inject('/metrics')
    assert.match(metrics.body, /api_answers_total\{route="\/api\/v1\/bars",shared="true"\} 2/)
    assert.match(
      metrics.body,
      /api_request_duration_seconds_count\{route="\/api\/v1\/bars",status="200"\} 3/
    )
  })

  it('cuts trades of a shared read to the range of each viewer, to the millisecond', async () => {
    const stored = Array.from({ length: 40 }, (_, index) => aTrade(10_000 + index * 50, index))
    let reads = 0
    const app = apiOn(
      {
        async trades({ fromMs, toMs, limit }: RangeQuery) {
          reads++
          const inRange = stored.filter(({ tradedAt }) => +tradedAt >= fromMs && +tradedAt < toMs)
          return inRange.slice(-limit)
        }
      },
      stillClock
    )
    const timesOf = async (query: string): Promise<number[]> => {
      const answer = await app.inject(`/api/v1/trades?${query}`)
      return answer.json<{ trades: { time: number }[] }>().trades.map(({ time }) => time)
    }
    assert.deepEqual(
      await Promise.all([
        timesOf('from=10050&to=11000&limit=2'),
        timesOf('from=10001&to=10101&limit=2'),
        timesOf('from=10000&to=10001&limit=2')
      ]),
      [[10_900, 10_950], [10_050, 10_100], [10_000]]
    )
    assert.equal(reads, 1)
  })

  it('reads the exact range when more trades than the spare ones follow its end', async () => {
    const stored = Array.from({ length: 500 }, (_, index) => aTrade(10_000 + index, index))
    const app = apiOn({
      async trades({ fromMs, toMs, limit }: RangeQuery) {
        const inRange = stored.filter(({ tradedAt }) => +tradedAt >= fromMs && +tradedAt < toMs)
        return inRange.slice(-limit)
      }
    })
    const answer = await app.inject('/api/v1/trades?from=10000&to=10010&limit=3')
    const times = answer.json<{ trades: { time: number }[] }>().trades.map(({ time }) => time)
    assert.deepEqual(times, [10_007, 10_008, 10_009])
  })
})

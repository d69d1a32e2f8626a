import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock, TapedeckError, type Clock } from '@tapedeck/core'
import { apiOn } from './reader-double.ts'

const AWAY = new TapedeckError('DATABASE_UNREACHABLE', 'Cannot read bars: mongodb://u:p@host away')

/** Time stands still, so that requests of one test are of one moment on any machine. */
const stillClock: Clock = { ...systemClock, now: () => 1_738_335_600_000 }

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

  it('answers a known path with another method with 405 and the methods that it takes', async () => {
    const app = apiOn({})
    const allowedBy = async (method: 'GET' | 'POST' | 'DELETE' | 'PUT', url: string) => {
      const { statusCode, headers, body } = await app.inject({ method, url })
      assert.equal(statusCode, 405, url)
      assert.match(body, new RegExp(`method is ${method}, expected`))
      return headers.allow
    }
    assert.equal(await allowedBy('POST', '/api/v1/bars'), 'GET, HEAD')
    assert.equal(
      await allowedBy('DELETE', '/api/v1/bars/AAPL%7C1m%7C0/trades?limit=1'),
      'GET, HEAD'
    )
    assert.equal(await allowedBy('PUT', '/api/v1/symbols'), 'GET, HEAD, POST')
    assert.equal(await allowedBy('GET', '/api/v1/symbols/AAPL'), 'DELETE')
  })

  it('answers an unknown path with 404, whatever the method', async () => {
    const answer = await apiOn({}).inject({ method: 'POST', url: '/api/v1/bar' })
    assert.equal(answer.statusCode, 404)
    assert.match(answer.body, /method is POST, expected GET of .*, or POST \/api\/v1\/symbols/)
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
    const bars = () => Promise.reject(new Error('secret detail'))
    const answer = await apiOn({ bars }).inject('/api/v1/bars')
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
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock, TapedeckError, type Clock } from '@tapedeck/core'
import { aFeedStatus, aGap } from '../../support/market-documents.ts'
import { until } from '../../support/until.ts'
import { apiOn } from './reader-double.ts'

const AWAY = new TapedeckError('DATABASE_UNREACHABLE', 'Cannot read bars: mongodb://u:p@host away')

/** Time stands still, so that requests of one test are of one moment on any machine. */
const stillClock: Clock = { ...systemClock, now: () => 1_738_335_600_000 }

/** Whoever asks for metrics has the alerts read, those of coverage from bars of an hour: none in a test that counts reads. */
const NO_HOURS = { TIMEFRAMES: '1m' }

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

  it('answers /readyz while reads wait, and those beyond the queue with 429 and when to come again', async () => {
    const env = { ...NO_HOURS, API_READS: '2', API_READ_QUEUE: '100', API_READ_WAIT: '1h' }
    const release: (() => void)[] = []
    let isFree = false
    const bars = async (): Promise<[]> => {
      if (!isFree) await new Promise<void>((resolve) => release.push(resolve))
      return []
    }
    const app = apiOn({ bars }, systemClock, env)
    let answered = 0
    const answers = Array.from({ length: 200 }, async (_, index) => {
      const answer = await app.inject(
        `/api/v1/bars?limit=10000&from=${index * 60_000}&to=9999999999`
      )
      if (answer.statusCode === 200) answered++
      return answer
    })
    await until('two reads run and the others wait or are refused', async () => {
      const { body } = await app.inject('/metrics')
      return /api_reads\{state="waiting"\} 100/.test(body) && /refused_total 98/.test(body)
    })
    assert.equal((await app.inject('/readyz')).statusCode, 200)
    assert.deepEqual({ answered, running: release.length }, { answered: 0, running: 2 })
    isFree = true
    for (const one of release) one()
    const codes = Map.groupBy(await Promise.all(answers), ({ statusCode }) => statusCode)
    assert.deepEqual(
      { good: codes.get(200)?.length, refused: codes.get(429)?.length },
      { good: 102, refused: 98 }
    )
    const refused = codes.get(429)?.[0]
    assert.equal(refused?.headers['retry-after'], '1')
    assert.match(refused.body, /"OVERLOADED","message":"Too many reads: 2 run and 100 wait/)
  })

  it('answers the fields that are asked for, of the first list alone, also of long lists', async () => {
    const stored = Array.from({ length: 1201 }, (_, at) =>
      aGap(`g${at}`, at * 1000, at * 1000 + 500)
    )
    const app = apiOn({
      gaps: () => Promise.resolve(stored),
      feeds: () => Promise.resolve([aFeedStatus()]),
      storedUntil: () => Promise.resolve(undefined)
    })
    const whole = (await app.inject('/api/v1/gaps?from=0')).json<{
      gaps: { time: number; cause: string }[]
    }>()
    assert.equal(whole.gaps.length, 1201)
    const some = (await app.inject('/api/v1/gaps?from=0&fields=time,cause')).json<object>()
    assert.deepEqual(some, { gaps: whole.gaps.map(({ time, cause }) => ({ time, cause })) })
    const feed = (await app.inject('/api/v1/feed?fields=feed,state')).json<object>()
    assert.deepEqual(feed, { feeds: [{ feed: 'simulated', state: 'connected' }] })
    const { statusCode, body } = await app.inject('/api/v1/gaps?from=0&fields=tme')
    assert.equal(statusCode, 400)
    assert.match(body, /fields has 'tme', expected some of id, .* did you mean time\?/)
  })

  it('reads once for requests that differ in their fields alone, each with its own answer', async () => {
    let reads = 0
    const gaps = async () => {
      reads++
      return [aGap('g', 0, 500)]
    }
    const app = apiOn({ gaps }, stillClock)
    const urls = ['id', 'cause', 'id,cause', 'id'].map((fields) => `/api/v1/gaps?fields=${fields}`)
    const answers = await Promise.all(urls.map((url) => app.inject(url)))
    const { cause } = aGap('g', 0, 500)
    assert.deepEqual(
      answers.map((answer) => answer.json<{ gaps: object[] }>().gaps),
      [[{ id: 'g' }], [{ cause }], [{ id: 'g', cause }], [{ id: 'g' }]]
    )
    assert.equal(reads, 1)
    assert.equal(new Set(answers.map(({ headers }) => headers.etag)).size, 3)
  })

  it('reads no further for a client that has left, unless another waits for the same', async (t) => {
    let reads = 0
    const release: (() => void)[] = []
    const bars = () => {
      reads++
      return new Promise<[]>((resolve) => release.push(() => resolve([])))
    }
    const app = apiOn({ bars }, systemClock, { ...NO_HOURS, API_READS: '1', API_READ_WAIT: '1h' })
    // On a socket: a client of inject cannot leave.
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    t.after(() => app.close())
    const ask = (limit: number, signal: AbortSignal | null = null) =>
      fetch(`${url}/api/v1/bars?limit=${limit}`, { signal })
    const first = ask(1)
    await until('the first read runs', () => reads === 1)
    const leaving = new AbortController()
    const left = ask(2, leaving.signal).catch(() => 'left')
    const [leaves, stays] = [ask(3, leaving.signal).catch(() => 'left'), ask(3)]
    const waiting = async (count: number): Promise<boolean> =>
      (await app.inject('/metrics')).body.includes(`api_reads{state="waiting"} ${count}`)
    await until('two reads wait', () => waiting(2))
    leaving.abort()
    assert.deepEqual(await Promise.all([left, leaves]), ['left', 'left'])
    await until('one read waits', () => waiting(1))
    release.shift()?.()
    assert.equal((await first).status, 200)
    await until('the other read runs', () => reads === 2)
    release.shift()?.()
    assert.equal((await stays).status, 200)
    assert.equal(reads, 2)
  })

  it('sends an answer that a client has only once', async () => {
    const app = apiOn({}, stillClock)
    const first = await app.inject('/api/v1/symbols')
    const { etag } = first.headers
    assert.match(String(etag), /^W\/".{20,}"$/)
    const again = await app.inject({
      url: '/api/v1/symbols',
      headers: { 'if-none-match': `"other", ${String(etag)}` }
    })
    assert.deepEqual({ status: again.statusCode, body: again.body }, { status: 304, body: '' })
    const other = await app.inject({
      url: '/api/v1/feed',
      headers: { 'if-none-match': String(etag) }
    })
    assert.equal(other.statusCode, 200)
  })

  it('compresses an answer that is longer than a packet', async () => {
    const app = apiOn({})
    const codingOf = async (url: string, accepted: string): Promise<unknown> => {
      const answer = await app.inject({ url, headers: { 'accept-encoding': accepted } })
      assert.equal(answer.statusCode, 200)
      return answer.headers['content-encoding']
    }
    assert.equal(await codingOf('/openapi.json', 'gzip, br'), 'br')
    assert.equal(await codingOf('/openapi.json', 'gzip'), 'gzip')
    assert.equal(await codingOf('/openapi.json', 'identity'), undefined)
    assert.equal(await codingOf('/api/v1/bars', 'gzip'), undefined)
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

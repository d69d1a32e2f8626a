import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startApi } from '@tapedeck/api'
import { readConfig } from '@tapedeck/api/testing'
import { systemClock } from '@tapedeck/core'
import { createContext, createLogger } from '@tapedeck/service'
import { openSockets } from '../../support/open-sockets.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'
import { servers } from '../../support/servers.ts'
import { until } from '../../support/until.ts'
import { runningApi, untilReady } from './running-api.ts'

const options = { timeout: 60_000 }
const ENDPOINTS = [
  'symbols',
  'feed',
  'gaps',
  'trades',
  'bars',
  'forecasts',
  'forecast-summary',
  'forecast-scores',
  'forecast-events',
  'forecast-absences',
  'trade-rate'
]

it(
  'starts without a database: healthy, not ready, and 503 on every data route',
  options,
  async (t) => {
    const { get } = await runningApi(t, { uri: 'mongodb://127.0.0.1:9', database: 'nowhere' })
    assert.equal((await get('/healthz')).status, 200)
    const ready = await get('/readyz')
    assert.equal(ready.status, 503)
    assert.match(String(ready.body['reasons']), /MongoDB/)
    for (const endpoint of ENDPOINTS) {
      const { status, body } = await get(`/api/v1/${endpoint}`)
      assert.equal(status, 503, endpoint)
      assert.equal(body.error?.code, 'DATABASE_UNREACHABLE')
    }
  }
)

it(
  'answers 503 while the database is unreachable or silent, and recovers by itself',
  options,
  async (t) => {
    const { mongoUri, database } = servers()
    const { uri, close, reopen, hold } = await openTcpProxy(t, mongoUri)
    const { get } = await runningApi(t, { uri, database })
    await untilReady(get)
    for (const { go, back } of [
      { go: close, back: reopen },
      { go: () => hold(true), back: () => hold(false) }
    ]) {
      await go()
      for (const endpoint of ['symbols', 'bars']) {
        const { status, body } = await get(`/api/v1/${endpoint}`)
        assert.equal(status, 503)
        assert.equal(body.error?.code, 'DATABASE_UNREACHABLE')
      }
      await back()
      await untilReady(get, 15_000)
      assert.deepEqual((await get('/api/v1/bars')).body, { bars: [], next: null })
    }
  }
)

it('leaves no connection open when it stops while it connects', options, async () => {
  const { mongoUri, database } = servers()
  await until('the sockets of other tests are closed', () => openSockets() === 0)
  for (const afterMs of [0, 3, 10, 30]) {
    const { context, stop } = createContext(createLogger('api', 'silent'))
    await startApi(
      readConfig({ MONGODB_URI: mongoUri, MONGODB_DB: database, API_PORT: '0' }),
      context
    )
    await systemClock.delay(afterMs)
    stop()
    assert.equal(await context.close(), true)
    await until(`all is closed, stopped after ${afterMs} ms`, () => openSockets() === 0)
  }
})

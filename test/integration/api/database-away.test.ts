import assert from 'node:assert/strict'
import { createServer, connect, type Socket } from 'node:net'
import { it, type TestContext } from 'node:test'
import { servers } from '../../support/servers.ts'
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
  'trade-rate'
]

/** A door to the real mongod that can be shut, left open without letting anything pass, or reopened. */
async function door(t: TestContext, mongoUri: string) {
  const target = new URL(mongoUri.replace(/^mongodb:/, 'http:'))
  const sockets = new Set<Socket>()
  let holds = false
  const server = createServer((near) => {
    const far = connect(Number(target.port || 27_017), target.hostname)
    for (const [one, other] of [
      [near, far],
      [far, near]
    ] as const) {
      sockets.add(one)
      one.on('data', (chunk) => {
        if (!holds) other.write(chunk)
      })
      one.on('error', () => undefined)
      one.on('close', () => {
        other.destroy()
        sockets.delete(one)
      })
    }
  })
  const open = (port: number): Promise<void> =>
    new Promise((resolve) => {
      server.listen(port, '127.0.0.1', resolve)
    })
  await open(0)
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const { port } = address
  const shut = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  t.after(shut)
  const uri = new URL(target)
  uri.port = String(port)
  uri.hostname = '127.0.0.1'
  uri.searchParams.set('directConnection', 'true')
  return {
    uri: uri.href.replace(/^http:/, 'mongodb:'),
    shut,
    reopen: () => open(port),
    hold: (on: boolean) => void (holds = on)
  }
}

it(
  'starts without a database: healthy, not ready, and 503 on every data route at once',
  options,
  async (t) => {
    const { get } = await runningApi(t, { uri: 'mongodb://127.0.0.1:9', database: 'nowhere' })
    assert.equal((await get('/healthz')).status, 200)
    const ready = await get('/readyz')
    assert.equal(ready.status, 503)
    assert.match(String(ready.body['reasons']), /MongoDB/)
    for (const endpoint of ENDPOINTS) {
      const { status, body, tookMs } = await get(`/api/v1/${endpoint}`)
      assert.equal(status, 503, endpoint)
      assert.equal(body.error?.code, 'DATABASE_UNREACHABLE')
      assert.ok(tookMs < 3000, `${endpoint} took ${tookMs} ms`)
    }
  }
)

it('answers 503 within 3 s when the database goes, and recovers by itself', options, async (t) => {
  const { mongoUri, database } = servers()
  const { uri, shut, reopen, hold } = await door(t, mongoUri)
  const { get } = await runningApi(t, { uri, database })
  await untilReady(get)
  for (const { go, back } of [
    { go: shut, back: reopen },
    { go: () => hold(true), back: () => hold(false) }
  ]) {
    await go()
    for (const endpoint of ['symbols', 'bars']) {
      const { status, body, tookMs } = await get(`/api/v1/${endpoint}`)
      assert.equal(status, 503)
      assert.equal(body.error?.code, 'DATABASE_UNREACHABLE')
      assert.ok(tookMs < 3000, `${endpoint} took ${tookMs} ms`)
    }
    await back()
    await untilReady(get, 15_000)
    assert.deepEqual((await get('/api/v1/bars')).body, { bars: [] })
  }
})

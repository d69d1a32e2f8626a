import assert from 'node:assert/strict'
import { request } from 'node:http'
import { describe, it, type TestContext } from 'node:test'
import { openStream } from '@tapedeck/client'
import { startConsumer } from '@tapedeck/consumer'
import { WebSocket } from 'ws'
import { inService } from '../../../support/in-service.ts'
import { openMarket } from '../../../support/market.ts'
import { ownDatabase } from '../../../support/own-database.ts'
import { aRecord, aTrade } from '../../../support/trades.ts'
import { until } from '../../../support/until.ts'
import { runningApi, untilReady } from '../running-api.ts'

const options = { timeout: 120_000 }
const LIMIT_MS = 60_000
const READER = 'a-token-for-reading'
const WRITER = 'a-token-for-writing'
const API_TOKENS = `viewer:read:${READER},editor:write:${WRITER}`

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** A request with any headers: fetch would set Host and Origin itself. */
function send(
  url: string,
  headers: Readonly<Record<string, string>>,
  { method = 'GET', body = '' } = {}
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, timeout: 10_000 }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text })
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** The status that a WebSocket is answered with: 101 when it opens. The api must close the socket of a refused one. */
function upgrade(
  t: TestContext,
  url: string,
  { headers = {}, protocols = [] }: { headers?: Record<string, string>; protocols?: string[] } = {}
): Promise<{ status: number; protocol: string }> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocols, { headers })
  t.after(() => socket.terminate())
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ status: 101, protocol: socket.protocol }))
    socket.once('unexpected-response', (_request, response) => {
      response.resume()
      const { statusCode: status = 0 } = response
      response.socket.once('close', () => resolve({ status, protocol: '' }))
    })
    socket.once('error', reject)
  })
}

const protocolOf = (token: string): string =>
  `tapedeck.token.${Buffer.from(token).toString('base64url')}`

/** How many replies have each status. */
function counted(replies: readonly Reply[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

/** An api with a broker, so that there is a stream. */
async function aStream(t: TestContext, more: Readonly<Record<string, string>>) {
  const market = await openMarket(t)
  await inService(t, (context) => startConsumer(market.consumer(), context))
  const api = await runningApi(t, {
    uri: market.env['MONGODB_URI'] ?? '',
    database: market.env['MONGODB_DB'] ?? '',
    more: { ...market.env, ...more }
  })
  await untilReady(api.get)
  return { market, ...api }
}

async function anApi(t: TestContext, more: Readonly<Record<string, string>>) {
  const { config } = await ownDatabase(t)
  const api = await runningApi(t, { uri: config.uri, database: config.database, more })
  await untilReady(api.get)
  return api
}

describe('access over real sockets', options, () => {
  it('a name that was made to point here reads nothing, also by the stream', async (t) => {
    const { url } = await aStream(t, {})
    const host = `rebound.example:${new URL(url).port}`
    for (const path of ['/', '/api/v1/symbols', '/api/v1/events?channels=feed', '/healthz']) {
      const { status, body } = await send(`${url}${path}`, { host })
      assert.equal(status, 421, path)
      assert.match(body, /HOST_UNKNOWN.*API_HOSTS/)
    }
    assert.equal((await upgrade(t, `${url}/api/v1/stream`, { headers: { host } })).status, 421)
    assert.equal((await upgrade(t, `${url}/finnhub`, { headers: { host } })).status, 421)
    assert.equal((await upgrade(t, `${url}/api/v1/stream`)).status, 101)
  })

  it('a page elsewhere opens no stream and changes nothing', async (t) => {
    const { url } = await aStream(t, {
      API_TOKEN: WRITER,
      API_ORIGINS: 'https://charts.example'
    })
    const from = (origin: string) => ({ headers: { origin } })
    assert.equal(
      (await upgrade(t, `${url}/api/v1/stream`, from('https://evil.example'))).status,
      403
    )
    assert.equal((await upgrade(t, `${url}/api/v1/stream`, from(url))).status, 101)
    assert.equal(
      (await upgrade(t, `${url}/api/v1/stream`, from('https://charts.example'))).status,
      101
    )
    const change = (origin: string) =>
      send(
        `${url}/api/v1/symbols`,
        { origin, authorization: `Bearer ${WRITER}`, 'content-type': 'application/json' },
        { method: 'POST', body: '{"symbols":["TSLA"]}' }
      )
    assert.equal((await change('https://evil.example')).status, 403)
    const listed = await change('https://charts.example')
    assert.equal(listed.status, 200)
    assert.equal(listed.headers['access-control-allow-origin'], 'https://charts.example')
    const events = await fetch(`${url}/api/v1/events?channels=feed`, {
      headers: { origin: 'https://charts.example' }
    })
    await events.body?.cancel()
    assert.equal(events.headers.get('access-control-allow-origin'), 'https://charts.example')
    assert.equal(events.headers.get('x-content-type-options'), 'nosniff')
  })

  it('browsers may ask in advance', async (t) => {
    const { url } = await anApi(t, {
      API_ORIGINS: 'https://charts.example',
      API_OPEN: 'false',
      API_TOKENS
    })
    const { status, headers } = await send(
      `${url}/api/v1/symbols`,
      {
        origin: 'https://charts.example',
        'access-control-request-method': 'DELETE',
        'access-control-request-headers': 'authorization'
      },
      { method: 'OPTIONS' }
    )
    assert.equal(status, 204)
    assert.equal(headers['access-control-allow-origin'], 'https://charts.example')
    assert.match(String(headers['access-control-allow-methods']), /DELETE/)
    // The reason of a refusal can be read by the page too.
    const refused = await send(`${url}/api/v1/symbols`, { origin: 'https://charts.example' })
    assert.equal(refused.status, 401)
    assert.equal(refused.headers['access-control-allow-origin'], 'https://charts.example')
  })

  it('a stream takes its token as header, as protocol or in the address', async (t) => {
    const { market, url } = await aStream(t, { API_OPEN: 'false', API_TOKENS })
    const stream = `${url}/api/v1/stream`
    assert.equal((await upgrade(t, stream)).status, 401)
    assert.equal((await upgrade(t, `${stream}?token=wrong`)).status, 401)
    const headers = { authorization: `Bearer ${READER}` }
    assert.equal((await upgrade(t, stream, { headers })).status, 101)
    assert.equal((await upgrade(t, `${stream}?token=${READER}`)).status, 101)
    assert.equal((await upgrade(t, `${url}/finnhub?token=${READER}`)).status, 101)
    const protocols = ['tapedeck', protocolOf(READER)]
    assert.deepEqual(await upgrade(t, stream, { protocols }), { status: 101, protocol: 'tapedeck' })

    const ended = new AbortController()
    t.after(() => ended.abort())
    const asked = { channels: ['trades'], symbols: ['AAPL'], signal: ended.signal } as const
    let isLive = false
    const onStatus = (isConnected: boolean): void => void (isLive = isConnected)
    const reading = openStream(url, { ...asked, token: READER, onStatus }).next()
    await until('the client is subscribed', () => isLive, LIMIT_MS)
    await market.publish([aRecord({ trades: [aTrade({ p: 231.47 })] })])
    assert.equal((await reading).value?.trades?.[0]?.price, 231.47)
    await assert.rejects(openStream(url, asked).next(), /no bearer token found/)
    await assert.rejects(
      openStream(url, { ...asked, token: 'wrong' }).next(),
      /another token found/
    )
  })

  it('wrong tokens are throttled by address, and right ones are not hurt', async (t) => {
    const { url } = await anApi(t, { API_OPEN: 'false', API_TOKENS, API_WRONG_TOKENS: '5' })
    const ask = (token: string) =>
      send(`${url}/api/v1/symbols`, { authorization: `Bearer ${token}` })
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, index) => ask(`wrong-${index}`))
    )
    assert.deepEqual(counted(replies), { 401: 5, 429: 3 })
    const over = replies.find(({ status }) => status === 429)
    assert.ok(Number(over?.headers['retry-after']) > 0)
    assert.match(over?.body ?? '', /TOO_MANY_WRONG_TOKENS/)
    assert.equal((await ask(READER)).status, 200)
  })

  it('a token that asks too often waits, and nobody else does', async (t) => {
    const { url } = await anApi(t, { API_OPEN: 'false', API_TOKENS, API_RATE_LIMIT: '5' })
    const ask = (token: string) =>
      send(`${url}/api/v1/symbols`, { authorization: `Bearer ${token}` })
    const replies = await Promise.all(Array.from({ length: 7 }, () => ask(READER)))
    assert.deepEqual(counted(replies), { 200: 5, 429: 2 })
    assert.match(replies.map(({ body }) => body).join(), /TOO_MANY_REQUESTS/)
    assert.equal((await ask(WRITER)).status, 200)
    for (let count = 0; count < 10; count++) {
      assert.equal((await send(`${url}/readyz`, {})).status, 200)
    }
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apiOn } from '../reader-double.ts'

const SECRETS = {
  read: 'reader-0123456789ab',
  write: 'writer-0123456789ab',
  admin: 'admins-0123456789ab'
}
const API_TOKENS = Object.entries(SECRETS)
  .map(([scope, secret]) => `${scope}er:${scope}:${secret}`)
  .join()
const CLOSED = { API_HOST: '0.0.0.0', API_TOKENS }
const SCOPES = ['read', 'write', 'admin'] as const
type Scope = (typeof SCOPES)[number]

interface Operation {
  readonly security?: readonly Readonly<Record<string, readonly Scope[]>>[]
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
const errorOf = (answer: { json(): unknown }) =>
  (answer.json() as { error: { code: string; message: string } }).error

interface Asked {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: string
}

/** Every operation of the OpenAPI document, with a request that reaches it. */
async function operations(app: ReturnType<typeof apiOn>) {
  await app.ready()
  const { paths } = app.swagger() as unknown as {
    paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => {
      const request: Asked = {
        method: method.toUpperCase() as Asked['method'],
        url: path.replace(/\{(\w+)\}/g, 'AAPL')
      }
      return { name: `${method} ${path}`, request, security }
    })
  )
}

/** Whether access let a request through; what its route then answers does not matter. */
async function isLetIn(app: ReturnType<typeof apiOn>, request: Asked, scope?: Scope) {
  const { statusCode } = await app.inject({
    ...request,
    headers: scope === undefined ? {} : bearer(SECRETS[scope])
  })
  return statusCode !== 401 && statusCode !== 403
}

describe('access to every route of the document', () => {
  it('is declared, and kept for each scope', async () => {
    const app = apiOn({}, undefined, CLOSED)
    const all = await operations(app)
    assert.ok(all.length > 18)
    for (const { name, request, security } of all) {
      assert.ok(security !== undefined, `${name} declares no scope, expected config: { scope }`)
      const needed = security[0]?.['token']?.[0]
      assert.equal(await isLetIn(app, request), needed === undefined, `${name} without a token`)
      for (const scope of SCOPES) {
        const expected = needed === undefined || SCOPES.indexOf(scope) >= SCOPES.indexOf(needed)
        assert.equal(await isLetIn(app, request, scope), expected, `${name} with scope ${scope}`)
      }
    }
    const declared = (scope: string | undefined) =>
      all.flatMap(({ name, security }) => (security?.[0]?.['token']?.[0] === scope ? [name] : []))
    assert.deepEqual(declared('write'), [
      'post /api/v1/symbols',
      'delete /api/v1/symbols/{symbol}',
      'post /api/v1/batch/runs',
      'post /api/v1/batch/runs/{run}/stop'
    ])
    assert.deepEqual(declared(undefined).toSorted(), [
      'get /',
      'get /batch',
      'get /healthz',
      'get /openapi.json',
      'get /readyz'
    ])
  })

  it('is open for reading on loopback, as it always was', async () => {
    const app = apiOn({}, undefined, {})
    for (const { name, request } of await operations(app)) {
      assert.equal(await isLetIn(app, request), request.method === 'GET', name)
    }
  })

  it('needs a token for Finnhub’s protocol wherever there are any', async () => {
    const app = apiOn({}, undefined, { API_TOKENS })
    const status = async (url: string) => (await app.inject(url)).statusCode
    assert.equal(await status('/finnhub'), 401)
    assert.equal(await status('/finnhub?token=wrong'), 401)
    assert.equal(await status(`/finnhub?token=${SECRETS.read}`), 503)
    assert.equal(await status('/api/v1/events'), 503)
    assert.equal(await status('/api/v1/feed'), 200)
  })

  it('covers what is not in the document: /docs is public, what does not exist is not told', async () => {
    const app = apiOn({}, undefined, CLOSED)
    assert.equal((await app.inject('/docs/')).statusCode, 200)
    assert.equal((await app.inject('/nowhere')).statusCode, 401)
    assert.equal((await app.inject({ method: 'PUT', url: '/api/v1/bars' })).statusCode, 401)
    const headers = bearer(SECRETS.read)
    assert.equal((await app.inject({ url: '/nowhere', headers })).statusCode, 404)
  })

  it('says which scope is missing, and how to send a token', async () => {
    const app = apiOn({}, undefined, CLOSED)
    const url = '/api/v1/symbols'
    const none = await app.inject(url)
    assert.equal(none.headers['www-authenticate'], 'Bearer realm="tapedeck"')
    assert.match(errorOf(none).message, /no bearer token found, expected the header Authorization/)
    const change = { method: 'POST', url, headers: bearer(SECRETS.read) } as const
    assert.match(errorOf(await app.inject(change)).message, /has scope read, expected write/)
  })
})

describe('a token in the address', () => {
  it('is taken by streams alone', async () => {
    const app = apiOn({}, undefined, CLOSED)
    const status = async (url: string) => (await app.inject(url)).statusCode
    for (const path of ['/api/v1/stream', '/api/v1/events', '/finnhub']) {
      assert.equal(await status(`${path}?token=${SECRETS.read}`), 503, path)
      assert.equal(await status(`${path}?a=1&token=${SECRETS.write}&b=2`), 503, path)
      assert.equal(await status(`${path}?token=`), 401, path)
      assert.equal(await status(`${path}?token=${SECRETS.read}&token=${SECRETS.read}`), 401, path)
    }
    assert.equal(await status(`/api/v1/feed?token=${SECRETS.read}`), 401)
    const protocol = `tapedeck.token.${Buffer.from(SECRETS.read).toString('base64url')}`
    const headers = { 'sec-websocket-protocol': `tapedeck, ${protocol}` }
    assert.equal((await app.inject({ url: '/api/v1/stream', headers })).statusCode, 503)
  })
})

describe('a token in the address, once it is read', () => {
  it('is in the address no more, however it is written', async () => {
    const app = apiOn({}, undefined, CLOSED)
    const seen: (string | undefined)[] = []
    app.addHook('onResponse', async ({ raw }) => void seen.push(raw.url))
    const { read } = SECRETS
    for (const query of [
      `token=${read}`,
      `a=1&token=${read}&b=%20`,
      `%74oken=${read}`,
      `token=${read}&token=x`,
      `tokens=1&token=wrong`
    ]) {
      await app.inject(`/api/v1/events?${query}`)
    }
    const path = '/api/v1/events'
    assert.deepEqual(seen, [path, `${path}?a=1&b=%20`, path, path, `${path}?tokens=1`])
  })
})

describe('limits', () => {
  it('count by token, else by address; probes are never counted', async () => {
    const app = apiOn({}, undefined, { ...CLOSED, API_RATE_LIMIT: '3' })
    const url = '/api/v1/feed'
    const ask = (secret: string, remoteAddress = '10.0.0.1') =>
      app.inject({ url, headers: bearer(secret), remoteAddress })
    for (const left of [2, 1, 0]) {
      assert.equal(Number((await ask(SECRETS.read)).headers['x-ratelimit-remaining']), left)
    }
    const over = await ask(SECRETS.read, '10.0.0.2')
    assert.equal(over.statusCode, 429)
    assert.equal(errorOf(over).code, 'TOO_MANY_REQUESTS')
    assert.ok(Number(over.headers['retry-after']) > 0)
    assert.equal((await ask(SECRETS.write)).statusCode, 200)
    for (let count = 0; count < 10; count++) {
      assert.equal((await app.inject('/healthz')).statusCode, 200)
      assert.equal((await app.inject('/readyz')).statusCode, 200)
    }
    const page = async (remoteAddress: string) =>
      (await app.inject({ url: '/openapi.json', remoteAddress })).statusCode
    for (let count = 0; count < 3; count++) assert.equal(await page('10.0.0.1'), 200)
    assert.equal(await page('10.0.0.1'), 429)
    assert.equal(await page('10.0.0.2'), 200)
    // A network has as many addresses of IPv6 as it likes, so they count as one.
    for (let count = 0; count < 3; count++) assert.equal(await page(`2001:db8::${count}`), 200)
    assert.equal(await page('2001:db8::ffff'), 429)
  })

  it('refuse every wrong token of an address that tried too many, and no right one', async () => {
    const app = apiOn({}, undefined, { ...CLOSED, API_WRONG_TOKENS: '3' })
    const ask = (secret: string, remoteAddress = '10.0.0.1') =>
      app.inject({ url: '/api/v1/feed', headers: bearer(secret), remoteAddress })
    for (let count = 0; count < 3; count++) {
      assert.equal((await ask(`wrong-${count}`)).statusCode, 401)
    }
    const over = await ask('wrong-again')
    assert.equal(over.statusCode, 429)
    assert.equal(errorOf(over).code, 'TOO_MANY_WRONG_TOKENS')
    assert.ok(Number(over.headers['retry-after']) > 0)
    assert.equal((await ask('wrong', '10.0.0.2')).statusCode, 401)
    assert.equal((await ask(SECRETS.read)).statusCode, 200)
    assert.equal(
      (await app.inject({ url: '/api/v1/feed', remoteAddress: '10.0.0.1' })).statusCode,
      401
    )
    const metrics = await app.inject({ url: '/metrics', headers: bearer(SECRETS.read) })
    assert.match(metrics.body, /api_refusals_total\{reason="wrong tokens"\} 1/)
  })

  it('leave the page and ten panels of Grafana at a second alone for ten viewers', async () => {
    const app = apiOn({}, undefined, {})
    const { headers } = await app.inject('/api/v1/feed')
    const aMinute = 10 * (10 * 60 + 200)
    assert.ok(Number(headers['x-ratelimit-limit']) > 2 * aMinute)
  })
})

describe('Host and Origin', () => {
  const app = apiOn({}, undefined, {
    API_TOKENS,
    API_HOSTS: 'api',
    API_ORIGINS: 'https://charts.example'
  })
  const own = { host: 'localhost:8080' }

  it('a name that was made to point here is refused on every route', async () => {
    for (const { name, request } of await operations(app)) {
      const answer = await app.inject({ ...request, headers: { host: 'evil.example' } })
      assert.equal(answer.statusCode, 421, name)
      assert.match(errorOf(answer).message, /API_HOSTS/)
    }
    assert.equal((await app.inject({ url: '/', headers: { host: 'api:8080' } })).statusCode, 200)
  })

  it('a page elsewhere changes nothing and opens no stream, with whatever token', async () => {
    const attempt = (origin: string, method: 'POST' | 'GET' = 'POST') =>
      app.inject({
        method,
        url: method === 'POST' ? '/api/v1/symbols' : '/api/v1/stream',
        headers: {
          ...own,
          origin,
          ...bearer(SECRETS.admin),
          ...(method === 'GET' && { upgrade: 'websocket', connection: 'upgrade' })
        }
      })
    for (const origin of ['https://evil.example', 'http://localhost:3000', 'null']) {
      for (const method of ['POST', 'GET'] as const) {
        const answer = await attempt(origin, method)
        assert.equal(answer.statusCode, 403)
        assert.match(errorOf(answer).message, /API_ORIGINS/)
      }
    }
    for (const origin of ['http://localhost:8080', 'https://charts.example']) {
      assert.equal((await attempt(origin)).statusCode, 400)
      assert.equal((await attempt(origin, 'GET')).statusCode, 503)
    }
  })

  it('browsers are told what pages of listed origins may do', async () => {
    const preflight = (origin: string) =>
      app.inject({
        method: 'OPTIONS',
        url: '/api/v1/symbols',
        headers: {
          ...own,
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization'
        }
      })
    const { statusCode, headers } = await preflight('https://charts.example')
    assert.equal(statusCode, 204)
    assert.equal(headers['access-control-allow-origin'], 'https://charts.example')
    assert.match(String(headers['access-control-allow-methods']), /POST/)
    assert.match(String(headers['access-control-allow-headers']), /authorization/)
    assert.equal(headers['access-control-allow-credentials'], undefined)
    const other = await preflight('https://evil.example')
    assert.equal(other.headers['access-control-allow-origin'], undefined)
    const read = await app.inject({
      url: '/api/v1/feed',
      headers: { ...own, origin: 'https://charts.example' }
    })
    assert.equal(read.headers['access-control-allow-origin'], 'https://charts.example')
    assert.match(String(read.headers['vary']), /origin/i)
  })

  it('* lets every page read, and no page use a token', async () => {
    const any = apiOn({}, undefined, { API_TOKENS, API_ORIGINS: '*' })
    const from = { ...own, origin: 'https://any.example' }
    const read = await any.inject({ url: '/api/v1/feed', headers: from })
    assert.equal(read.headers['access-control-allow-origin'], '*')
    const change = { method: 'POST', url: '/api/v1/symbols' } as const
    const refused = await any.inject({ ...change, headers: { ...from, ...bearer(SECRETS.admin) } })
    assert.equal(refused.statusCode, 403)
    const closed = apiOn({}, undefined, { ...CLOSED, API_ORIGINS: '*' })
    const token = await closed.inject({
      url: '/api/v1/feed',
      headers: { ...from, ...bearer(SECRETS.read) }
    })
    assert.equal(token.statusCode, 403)
    assert.match(errorOf(token).message, /API_ORIGINS is \*/)
  })
})

describe('headers', () => {
  it('every answer has a policy of its kind and none of TLS', async () => {
    const app = apiOn({}, undefined, {})
    const policyOf = async (url: string) => {
      const { headers } = await app.inject(url)
      assert.equal(headers['x-content-type-options'], 'nosniff', url)
      assert.equal(headers['referrer-policy'], 'no-referrer', url)
      assert.equal(headers['strict-transport-security'], undefined, url)
      return String(headers['content-security-policy'])
    }
    assert.match(await policyOf('/'), /script-src 'self'/)
    assert.match(await policyOf('/docs/'), /style-src 'self' 'unsafe-inline'/)
    for (const url of ['/api/v1/feed', '/nowhere', '/api/v1/bars?limit=x', '/healthz']) {
      assert.match(await policyOf(url), /default-src 'none'/)
    }
  })

  it('/readyz tells other machines the state alone where reading needs a token', async () => {
    const away = { ping: () => Promise.reject(new Error('no mongod at db.internal')) }
    const ask = async (env: Readonly<Record<string, string>>, remoteAddress: string) =>
      (await apiOn(away, undefined, env).inject({ url: '/readyz', remoteAddress })).json()
    const reasons = ['no mongod at db.internal']
    assert.deepEqual((await ask({}, '127.0.0.1')).reasons, reasons)
    assert.deepEqual((await ask(CLOSED, '127.0.0.1')).reasons, reasons)
    const told = await ask(CLOSED, '10.0.0.1')
    assert.equal(told.ready, false)
    assert.doesNotMatch(JSON.stringify(told), /mongod/)
  })
})

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { openMarket } from '../../support/market.ts'
import { startScriptedFeed } from '../../support/scripted-feed.ts'
import { assertNowhere, watchedProcess } from './watched-process.ts'

// Goal: a secret stays between the process and the server it is for.
// Method: the services as real processes in sessions where everything fails; all that they leave for
// others to see is searched: output, answers, process title and arguments, crash report, log files.

const options = { timeout: 180_000 }
const TOKEN = 'c0ffee0token/with+odd=chars'
const PASSWORD = 'pa55word:of@the%test'
const CODED = encodeURIComponent(PASSWORD)
const API_SECRET = 'b0bacafe-reads-the-api'
/** Not a token of the api, but perhaps one of something else. */
const OTHER_SECRET = '5ecret-of-another-place'
const SECRETS = [TOKEN, PASSWORD, API_SECRET, OTHER_SECRET]
/** Nobody listens there. */
const CLOSED = '127.0.0.1:9'

const trade = '{"type":"trade","data":[{"s":"AAPL","p":1,"t":1764000600123,"v":1}]}'

describe('secrets', () => {
  it('the producer shows none in a session with every kind of fault', options, async (t) => {
    const market = await openMarket(t)
    const feed = await startScriptedFeed(t)
    const producer = await watchedProcess(t, 'producer/src/main.ts', {
      ...market.env,
      SYMBOLS: 'AAPL',
      FINNHUB_TOKEN: TOKEN,
      FINNHUB_URL: feed.url,
      FINNHUB_REST_URL: `http://${CLOSED}/api/v1`,
      FEED_NAME: 'simulated'
    })
    await producer.says(/feed connected/)
    assert.ok(
      feed.connections[0]?.address.includes(encodeURIComponent(TOKEN)),
      'the token was used at all'
    )
    feed.send('{', '{"type":"trade"}', '{"type":"odd"}', '[1]', trade)
    feed.send('{"type":"error","msg":"Subscribing to too many symbols"}')
    await producer.says(/sent to the dead letters/)
    await eventually(async () => {
      await producer.visit('/metrics')
      const metrics = (await producer.evidence()).get('GET /metrics') ?? ''
      assert.match(metrics, /trades_published_total 1/)
    })
    await producer.report()
    feed.drop()
    await eventually(() => assert.equal(feed.connections.length, 2))
    feed.refuse(524)
    feed.drop()
    await producer.says(/answers 524/)
    feed.refuse(429)
    await producer.says(/answers 429/, 60_000)
    await producer.visit('/readyz', '/metrics', '/healthz')
    assert.equal(await producer.stop(), 0)
    const evidence = await producer.evidence()
    for (const place of ['output', 'cmdline', 'GET /readyz', 'GET /metrics', 'crash report']) {
      assert.ok((evidence.get(place) ?? '').length > 5, `${place} was looked at`)
    }
    assertNowhere(evidence, SECRETS)
    const status = JSON.stringify(await market.database.feedStatus.find().toArray())
    const leases = JSON.stringify(await market.database.leases.find().toArray())
    assertNowhere(
      new Map([
        ['feed_status', status],
        ['leases', leases]
      ]),
      SECRETS
    )
  })

  it('the producer shows none when the feed refuses the token', options, async (t) => {
    const market = await openMarket(t)
    const feed = await startScriptedFeed(t)
    feed.refuse(401)
    const producer = await watchedProcess(t, 'producer/src/main.ts', {
      ...market.env,
      FINNHUB_TOKEN: TOKEN,
      FINNHUB_URL: feed.url
    })
    assert.equal(await producer.exited, 1)
    assert.match(producer.output(), /FEED_REFUSED/)
    assertNowhere(await producer.evidence(), SECRETS)
  })

  it('the producer shows none that the feed repeats in its own error text', options, async (t) => {
    const market = await openMarket(t)
    const feed = await startScriptedFeed(t)
    const producer = await watchedProcess(t, 'producer/src/main.ts', {
      ...market.env,
      FINNHUB_TOKEN: TOKEN,
      FINNHUB_URL: feed.url,
      FEED_NAME: 'simulated'
    })
    await producer.says(/feed connected/)
    feed.send(`{"type":"error","msg":"No such key as ${TOKEN}"}`, `{"token":"${TOKEN}"`)
    await producer.says(/No such key/)
    await producer.says(/sent to the dead letters/)
    await producer.visit('/readyz', '/metrics')
    await eventually(async () => {
      const [status] = await market.database.feedStatus.find().toArray()
      assert.match(status?.lastError ?? '', /No such key/)
      assertNowhere(new Map([['feed_status', JSON.stringify(status)]]), SECRETS)
    })
    assertNowhere(await producer.evidence(), SECRETS)
  })

  it('no service shows a password of a broker or database that is away', options, async (t) => {
    const away = {
      KAFKA_BROKERS: `kafka://somebody:${CODED}@${CLOSED}`,
      MONGODB_URI: `mongodb://somebody:${CODED}@${CLOSED}/?serverSelectionTimeoutMS=500`,
      FINNHUB_TOKEN: TOKEN,
      FINNHUB_URL: `ws://${CLOSED}`,
      API_TOKEN: TOKEN,
      API_TOKENS: `viewer:read:${API_SECRET}`,
      API_OPEN: 'false'
    }
    await Promise.all([
      showsNone(t, 'consumer/src/main.ts', away, []),
      showsNone(t, 'producer/src/main.ts', away, []),
      showsNone(t, 'api/src/main.ts', { ...away, API_PORT: '0' }, [
        '/readyz',
        '/metrics',
        '/api/v1/symbols',
        '/api/v1/feed',
        '/',
        `/finnhub?token=${API_SECRET}`,
        `/finnhub?token=${OTHER_SECRET}`,
        `/api/v1/events?channels=nothing&token=${API_SECRET}`,
        `/api/v1/stream?token=${API_SECRET}&x=%`,
        `/api/v1/symbols?token=${OTHER_SECRET}`
      ])
    ])
  })

  it('no configuration error shows a secret of the configuration', options, async (t) => {
    const mistaken = {
      KAFKA_BROKERS: `kafka://somebody:${CODED}@no-port`,
      MONGODB_URI: `http://somebody:${CODED}@127.0.0.1`,
      FINNHUB_URL: `https://somebody:${CODED}@127.0.0.1/?token=${encodeURIComponent(TOKEN)}`,
      SIMULATOR_URL: `http://127.0.0.1/?token=${encodeURIComponent(TOKEN)}`,
      FINNHUB_TOKEN: TOKEN,
      KAFKA_PASSWORD: PASSWORD,
      MONGODB_PASSWORD: PASSWORD,
      API_TOKEN: 'c0ffee0token',
      API_TOKENS: `${API_SECRET},a:${API_SECRET}:read`,
      SYMBOLS: 'AAPL,,'
    }
    for (const program of ['producer', 'consumer', 'api', 'stack']) {
      const found = await watchedProcess(t, `${program}/src/main.ts`, mistaken)
      const code = await found.exited
      assert.equal(code, 2, `${program}: ${found.output()}`)
      assertNowhere(await found.evidence(), [...SECRETS, 'c0ffee0token'])
    }
  })
})

/** Runs a service for as long as it takes to fail or to say that it cannot, and searches what it left. */
async function showsNone(
  t: TestContext,
  program: string,
  env: Readonly<Record<string, string>>,
  paths: readonly string[]
): Promise<void> {
  const found = await watchedProcess(t, program, env)
  await found.says(/UNREACHABLE|does not answer|Cannot reach/, 60_000)
  if (paths.length > 0) await found.visit(...paths)
  await Promise.race([found.stop(), found.exited])
  assertNowhere(await found.evidence(), SECRETS)
}

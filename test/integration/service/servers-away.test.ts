import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { openTcpProxy } from '../../support/tcp-proxy.ts'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { openMarket } from '../../support/market.ts'
import { startScriptedFeed } from '../../support/scripted-feed.ts'
import { servers } from '../../support/servers.ts'

const options = { timeout: 120_000 }
const NOBODY = '127.0.0.1:9'

interface Started {
  /** Status and text of an address of its health. */
  ask(path: string): Promise<{ status: number; text: string }>
  /** The exit code, after SIGTERM unless it ends by itself. */
  ended(signal?: 'SIGTERM'): Promise<number | null>
}

async function start(
  t: TestContext,
  name: 'producer' | 'consumer' | 'api',
  env: Readonly<Record<string, string>>
): Promise<Started> {
  const port = await freePort()
  const main = path.resolve(import.meta.dirname, `../../../services/${name}/src/main.ts`)
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env['PATH'],
      SYMBOLS: 'AAPL',
      ...env,
      [`${name.toUpperCase()}_PORT`]: String(port)
    },
    stdio: 'ignore'
  })
  const exited = once(child, 'exit') as Promise<[number | null]>
  t.after(() => child.kill('SIGKILL'))
  return {
    async ask(address) {
      const response = await fetch(`http://127.0.0.1:${port}${address}`)
      return { status: response.status, text: await response.text() }
    },
    async ended(signal) {
      if (signal !== undefined) child.kill(signal)
      const [code] = await exited
      return code
    }
  }
}

async function waitsFor({ ask }: Started, words: RegExp): Promise<void> {
  await eventually(async () => {
    const { status, text } = await ask('/readyz')
    assert.equal(status, 503)
    assert.match(text, words)
  })
  assert.equal((await ask('/healthz')).status, 200)
}

describe('services that start before their servers', () => {
  for (const name of ['producer', 'consumer', 'api'] as const) {
    it(
      `the ${name} says that it waits for the database, and goes on once it is there`,
      options,
      async (t) => {
        const { env } = await openMarket(t)
        const proxy = await openTcpProxy(t, servers().mongoUri)
        await proxy.close()
        const feed = await startScriptedFeed(t)
        const service = await start(t, name, {
          ...env,
          FINNHUB_TOKEN: 'k',
          FINNHUB_URL: feed.url,
          MONGODB_URI: proxy.uri
        })
        await waitsFor(service, /Cannot reach MongoDB/)
        await proxy.reopen()
        await eventually(async () => assert.equal((await service.ask('/readyz')).status, 200))
        assert.equal(await service.ended('SIGTERM'), 0)
      }
    )

    it(
      `the ${name} ends with 2 at once when the database refuses its credentials`,
      options,
      async (t) => {
        const { env } = await openMarket(t)
        const service = await start(t, name, {
          ...env,
          FINNHUB_TOKEN: 'k',
          FINNHUB_URL: `ws://${NOBODY}`,
          MONGODB_USERNAME: 'nobody',
          MONGODB_PASSWORD: 'wrong'
        })
        assert.equal(await service.ended(), 2)
      }
    )
  }

  for (const name of ['producer', 'consumer'] as const) {
    it(
      `the ${name} says that it waits for the broker, and stops in order meanwhile`,
      options,
      async (t) => {
        const { env } = await openMarket(t)
        const feed = await startScriptedFeed(t)
        const service = await start(t, name, {
          ...env,
          FINNHUB_TOKEN: 'k',
          FINNHUB_URL: feed.url,
          KAFKA_BROKERS: NOBODY
        })
        if (name === 'producer') {
          // It runs without a broker: readiness reports that once records wait for it.
          await eventually(() => assert.deepEqual(feed.connections[0]?.symbols, ['AAPL']))
          const data = [{ c: ['1'], p: 1, s: 'AAPL', t: Date.now(), v: 1 }]
          feed.send(JSON.stringify({ data, type: 'trade' }))
        }
        await waitsFor(service, /Kafka|topics/)
        assert.equal(await service.ended('SIGTERM'), 0)
      }
    )
  }
})

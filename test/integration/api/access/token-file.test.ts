import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startApi } from '@tapedeck/api'
import { readConfig } from '@tapedeck/api/testing'
import { startConsumer } from '@tapedeck/consumer'
import { hasCode } from '@tapedeck/core'
import { createContext, createLogger } from '@tapedeck/service'
import { WebSocket } from 'ws'
import { inService } from '../../../support/in-service.ts'
import { openMarket } from '../../../support/market.ts'
import { until } from '../../../support/until.ts'
import { runningApi, untilReady } from '../running-api.ts'

const options = { timeout: 120_000 }
const LIMIT_MS = 60_000
const KEPT = 'a-token-that-is-kept'
const WITHDRAWN = 'a-token-that-is-withdrawn'
const LINES = `# who may read\nkept:read:${KEPT}\n\nwithdrawn:read:${WITHDRAWN}\n`

async function aFile(t: TestContext, content: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-tokens-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = path.join(folder, 'tokens')
  const write = (text: string): Promise<void> => writeFile(file, text, { mode: 0o600 })
  await write(content)
  return { file, write }
}

describe('the file of tokens', options, () => {
  it('is read again when it changes: requests and streams of a withdrawn token end', async (t) => {
    const { file, write } = await aFile(t, LINES)
    const market = await openMarket(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    const more = { ...market.env, API_OPEN: 'false', API_TOKENS_FILE: file }
    const { url, get } = await runningApi(t, {
      uri: market.env['MONGODB_URI'] ?? '',
      database: market.env['MONGODB_DB'] ?? '',
      more
    })
    await untilReady(get)
    const statusOf = async (token: string): Promise<number> => {
      const headers = { authorization: `Bearer ${token}` }
      const response = await fetch(`${url}/api/v1/symbols`, { headers })
      await response.body?.cancel()
      return response.status
    }
    const stream = (token: string, endpoint = 'api/v1/stream') => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/${endpoint}?token=${token}`)
      t.after(() => socket.terminate())
      const opened = new Promise<void>((resolve, reject) => {
        socket.once('open', resolve)
        socket.once('error', reject)
      })
      const closed = new Promise<string>((resolve) => {
        socket.once('close', (code, reason) => resolve(`${code} ${reason.toString()}`))
      })
      return { socket, opened, closed }
    }
    const events = async (token: string): Promise<Response> => {
      const headers = { authorization: `Bearer ${token}` }
      const response = await fetch(`${url}/api/v1/events?channels=feed`, { headers })
      assert.equal(response.status, 200)
      return response
    }
    assert.deepEqual([await statusOf(KEPT), await statusOf(WITHDRAWN)], [200, 200])
    const [kept, gone, finnhub] = [stream(KEPT), stream(WITHDRAWN), stream(WITHDRAWN, 'finnhub')]
    await Promise.all([kept.opened, gone.opened, finnhub.opened])
    const sent = await events(WITHDRAWN)

    await write(`kept:read:${KEPT}\n`)
    assert.equal(await gone.closed, '1008 the token was withdrawn')
    assert.equal(await finnhub.closed, '1008 the token was withdrawn')
    await assert.rejects(sent.text(), /terminated/)
    assert.deepEqual([await statusOf(KEPT), await statusOf(WITHDRAWN)], [200, 401])
    assert.equal(kept.socket.readyState, WebSocket.OPEN)

    // A bad file changes nothing, and /readyz says so.
    await write(`kept:read:${KEPT}\nnew:read:short\n`)
    const warnings = async (): Promise<string> => JSON.stringify((await get('/readyz')).body)
    await until('the trouble is named', async () => (await warnings()).includes('line 2'), LIMIT_MS)
    assert.match(await warnings(), /Tokens are those of before.*line 2 has a shorter secret/)
    assert.deepEqual([await statusOf(KEPT), await statusOf('short')], [200, 401])
    await rm(file)
    await until('its absence is named', async () => (await warnings()).includes('ENOENT'), LIMIT_MS)
    assert.equal(await statusOf(KEPT), 200)

    await write(`other:read:${WITHDRAWN}\n`)
    await until('the new file holds', async () => (await statusOf(WITHDRAWN)) === 200, LIMIT_MS)
    assert.equal((await kept.closed).slice(0, 4), '1008')
    assert.doesNotMatch(await warnings(), /Tokens/)
  })

  it('refuses the start with every mistake, and no secret', async (t) => {
    const { file, write } = await aFile(t, `one:read:${KEPT}\ntwo:${WITHDRAWN}:read\n${KEPT}\n`)
    const { context, stop } = createContext(createLogger('api', 'silent'))
    t.after(() => {
      stop()
      return context.close()
    })
    const start = (more: Readonly<Record<string, string>> = {}) =>
      startApi(
        readConfig({
          MONGODB_URI: 'mongodb://127.0.0.1:1',
          API_PORT: '0',
          API_OPEN: 'false',
          API_TOKENS_FILE: file,
          ...more
        }),
        context
      )
    const fails = (pattern: RegExp) => (error: unknown) => {
      assert.ok(hasCode(error, 'CONFIG_INVALID'))
      assert.match(error.message, pattern)
      assert.doesNotMatch(error.message, /a-token-that-is/)
      return true
    }
    await assert.rejects(start(), fails(/API_TOKENS_FILE: line 2 .*API_TOKENS_FILE: line 3 /s))
    await write('# nobody\n')
    await assert.rejects(start(), fails(/there is no token: expected API_TOKENS=/))
    await write(`one:read:${KEPT}\n`)
    const twice = { API_TOKENS: `one:write:${WITHDRAWN}` }
    await assert.rejects(start(twice), fails(/two tokens have one name/))
    await assert.rejects(
      start({ API_TOKENS_FILE: `${file}.away` }),
      fails(/cannot be read: ENOENT/)
    )
  })
})

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { hasCode, Secret } from '@tapedeck/core'
import { finnhubRest, type RestOptions } from '@tapedeck/finnhub'
import { json, leapClock, scriptedHttp, type Answer } from '../../support/scripted-http.ts'

const TOKEN = 'c0ffee-rest-token'
const NOW_MS = 1_764_000_000_000
const LIST = ['AAPL', 'MSFT', 'BRK.B']

/** A client of a server that gives each answer once, then repeats the last one. */
async function scripted(t: TestContext, answers: readonly Answer[]) {
  const { url, requests } = await scriptedHttp(t, answers)
  const clock = leapClock(NOW_MS)
  const client = (more: Partial<RestOptions> = {}) =>
    finnhubRest({
      token: new Secret(TOKEN),
      url: `${url}/api/v1`,
      clock,
      ...more
    })
  return { requests, client, clock }
}

const SYMBOLS = LIST.map((symbol) => ({ symbol, type: 'Common Stock' }))

describe('finnhubRest()', () => {
  it('sends the token as a header, never in the address', async (t) => {
    const { client, requests } = await scripted(t, [json(200, SYMBOLS)])
    assert.deepEqual(await client().usSymbols(), LIST)
    assert.equal(requests[0]?.headers['x-finnhub-token'], TOKEN)
    assert.equal(requests[0]?.url, '/api/v1/stock/symbol?exchange=US')
  })

  it('waits until the time that the server names once the calls of the minute are spent', async (t) => {
    const reset = String(NOW_MS / 1000 + 42)
    const spent = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset }
    const { client, clock } = await scripted(t, [json(200, SYMBOLS, spent), json(200, SYMBOLS)])
    const rest = client()
    await rest.usSymbols()
    await rest.usSymbols()
    assert.deepEqual(clock.waitsMs, [42_000])
  })

  it('makes no more calls a minute than the plan allows, whatever the server says', async (t) => {
    const { client, clock, requests } = await scripted(t, [json(200, SYMBOLS)])
    const rest = client({ callsPerMinute: 3 })
    await Promise.all(Array.from({ length: 7 }, () => rest.usSymbols()))
    assert.equal(requests.length, 7)
    assert.deepEqual(clock.waitsMs, [60_000, 60_000])
  })

  it('tries again after a 429 when the server says so, else with a growing delay', async (t) => {
    const text = { error: 'API limit reached. Please try again later. Remaining Limit: 0' }
    const { client, clock, requests } = await scripted(t, [
      json(429, text, { 'retry-after': '7' }),
      json(429, text),
      json(200, SYMBOLS)
    ])
    assert.equal((await client().usSymbols()).length, LIST.length)
    assert.equal(requests.length, 3)
    assert.equal(clock.waitsMs[0], 7000)
    assert.ok((clock.waitsMs[1] ?? Infinity) <= 4000)
  })

  it('fails at once on a wrong key or an insufficient plan, and says which it is', async (t) => {
    for (const [status, expected] of [
      [401, /\/stock\/symbol: status 401 found, expected a valid FINNHUB_TOKEN/],
      [403, /status 403 found, expected a plan that includes it/]
    ] as const) {
      const { client, requests } = await scripted(t, [json(status, { error: 'no' })])
      await assert.rejects(client().usSymbols(), (error) => {
        assert.ok(hasCode(error, 'FEED_REFUSED'))
        assert.match(error.message, expected)
        assert.ok(!`${error.stack}`.includes(TOKEN))
        return true
      })
      assert.equal(requests.length, 1)
    }
  })

  it('tries three times a server that hangs, breaks or sends no JSON, then fails', async (t) => {
    for (const answer of [
      () => undefined,
      (request) => void request.socket.destroy(),
      json(502, {}),
      (_request, response) => void response.end('<html>')
    ] as Answer[]) {
      const { client, requests } = await scripted(t, [answer])
      await assert.rejects(client({ timeoutMs: 200 }).usSymbols(), (error) =>
        hasCode(error, 'FEED_DISCONNECTED')
      )
      assert.equal(requests.length, 3)
    }
  })

  it('is stopped by its signal', async (t) => {
    const { client } = await scripted(t, [() => undefined])
    const controller = new AbortController()
    const asked = client().usSymbols(controller.signal)
    controller.abort()
    await assert.rejects(asked, (error) => hasCode(error, 'ABORTED'))
  })
})

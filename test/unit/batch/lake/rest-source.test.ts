import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { askRest, readRestSource, turnOf, type RestAnswer } from '@tapedeck/batch/testing'
import { hasCode } from '@tapedeck/core'
import { json, leapClock, scriptedHttp, type Answer } from '../../../support/scripted-http.ts'

const NOW_MS = 1_764_000_000_000
const FILL = { date: '2026-03-10', symbols: ['AAPL', 'BINANCE:BTCUSDT'] }

/** A server that gives each answer once, then repeats the last one, and what is asked of it. */
async function asked(t: TestContext, definition: object, answers: readonly Answer[]) {
  const { url, requests } = await scriptedHttp(t, answers)
  const address = `${url}/v1/`
  const auth = { header: 'x-key', env: 'KEY' }
  const text = JSON.stringify({ address: { env: 'ADDRESS' }, auth, ...definition })
  const source = readRestSource('x.json', text, { ADDRESS: address, KEY: 'sesame' })
  const clock = leapClock(NOW_MS)
  const all = async (): Promise<RestAnswer[]> => {
    const found: RestAnswer[] = []
    const { signal } = new AbortController()
    for await (const one of askRest(source, FILL, { signal, clock })) found.push(one)
    return found
  }
  return { all, requests, clock }
}

const QUOTE = { name: 'quote', path: '/quote', query: { symbol: '{symbol}' }, each: 'symbol' }
const DAY = { name: 'day', path: '/day/{date}' }

describe('askRest()', () => {
  it('asks each symbol, and keeps every answer as it came', async (t) => {
    const { all, requests } = await asked(t, { requests: [QUOTE, DAY] }, [
      (_request, response) => response.end('{"c": 1.50}')
    ])
    const answers = await all()
    assert.deepEqual(
      answers.map(({ request, target, status, body }) => [request, target, status, body]),
      [
        ['quote', '/quote?symbol=AAPL', 200, '{"c": 1.50}'],
        ['quote', '/quote?symbol=BINANCE%3ABTCUSDT', 200, '{"c": 1.50}'],
        ['day', '/day/2026-03-10', 200, '{"c": 1.50}']
      ]
    )
    assert.ok(
      requests.every(
        ({ headers, url }) => headers['x-key'] === 'sesame' && !/sesame/.test(url ?? '')
      )
    )
  })

  it('asks page by page until one is empty', async (t) => {
    const paging = { parameter: 'page', first: 1, list: 'data' }
    const { all } = await asked(t, { requests: [{ ...DAY, paging }] }, [
      json(200, { data: [1, 2] }),
      json(200, { data: [3] }),
      json(200, { data: [] })
    ])
    assert.deepEqual(
      (await all()).map(({ target }) => target),
      ['/day/2026-03-10?page=1', '/day/2026-03-10?page=2', '/day/2026-03-10?page=3']
    )
  })

  it('comes back when Retry-After says, in seconds or as a date', async (t) => {
    for (const after of ['7', new Date(NOW_MS + 7000).toUTCString()]) {
      const { all, clock, requests } = await asked(t, { requests: [DAY] }, [
        json(429, {}, { 'retry-after': after }),
        json(200, {})
      ])
      assert.equal((await all()).length, 1)
      assert.equal(requests.length, 2)
      assert.deepEqual(clock.waitsMs, [7000])
    }
  })

  it('repeats what failed for now, and gives up with what was found', async (t) => {
    const { all, requests } = await asked(t, { requests: [DAY] }, [json(503, {})])
    await assert.rejects(
      all(),
      (error) =>
        hasCode(error, 'FEED_DISCONNECTED') && /\/day\/2026-03-10: status 503/.test(error.message)
    )
    assert.equal(requests.length, 5)
  })

  it('takes 403 for an error of the plan at once, never for a day without data', async (t) => {
    for (const [status, expected] of [
      [403, /status 403 found, expected a plan that includes it/],
      [401, /status 401 found, expected valid credentials/],
      [404, /status 404 found/]
    ] as const) {
      const { all, requests } = await asked(t, { requests: [DAY] }, [json(status, {})])
      await assert.rejects(
        all(),
        (error) => hasCode(error, 'FEED_REFUSED') && expected.test(error.message)
      )
      assert.equal(requests.length, 1)
    }
  })

  it('stays within the calls of a minute', async (t) => {
    const { all, clock } = await asked(t, { requests: [QUOTE, DAY], callsPerMinute: 2 }, [
      json(200, {})
    ])
    await all()
    assert.deepEqual(clock.waitsMs, [60_000])
  })
})

describe('readRestSource()', () => {
  it('names every mistake of a definition', () => {
    const text = JSON.stringify({
      address: 'ftp://x',
      auth: { header: 'x-key', env: 'KEY' },
      callsPerMinut: 3,
      requests: [{ name: 'a', path: 'b', each: 'day' }]
    })
    assert.throws(
      () => readRestSource('x.json', text, {}),
      (error) => {
        assert.ok(hasCode(error, 'CONFIG_INVALID'))
        for (const words of [
          'x.json',
          "unknown field 'callsPerMinut' found; did you mean callsPerMinute?",
          'address is no URL',
          'KEY is not set',
          'request 1: path is missing',
          'request 1: each is another value'
        ]) {
          assert.ok(error.message.includes(words), `${words} in ${error.message}`)
        }
        return true
      }
    )
    assert.throws(() => readRestSource('x.json', '[', {}), /no JSON found/)
    const address = { env: 'ADDRESS', or: 'http://x' }
    const named = JSON.stringify({ address, requests: [QUOTE] })
    assert.equal(
      readRestSource('x.json', named, { ADDRESS: 'http://y/v1/' }).address,
      'http://y/v1'
    )
    assert.throws(
      () => readRestSource('x.json', named, { ADDRESS: 'http://y/v1?key=hidden' }),
      (error) => /ADDRESS: .* has a \? or #/.test(String(error)) && !/hidden/.test(String(error))
    )
  })
})

describe('turnOf()', () => {
  const auth = { header: 'x-key', env: 'KEY' }
  const sourceOf = (definition: object) => {
    const text = JSON.stringify({ address: 'http://x', auth, requests: [QUOTE], ...definition })
    return readRestSource('x.json', text, { KEY: 'sesame' })
  }
  const SYMBOLS = Array.from({ length: 30 }, (_, i) => `S${i}`)

  it('lets symbols take turns so that a plan of calls a minute is kept', () => {
    const source = sourceOf({ every: '15s', callsPerMinute: 48 })
    const runs = [0, 1, 2].map((i) => turnOf(source, SYMBOLS, NOW_MS + i * 15_000))
    for (const { turns, most, symbols } of runs) {
      assert.deepEqual([turns, most], [3, 12])
      assert.ok(symbols.length <= 12)
    }
    const all = runs.flatMap(({ symbols }) => symbols)
    assert.deepEqual(all.toSorted(), SYMBOLS.toSorted())
  })

  it('asks for all at once where the plan allows it, or no interval is given', () => {
    const few = turnOf(sourceOf({ every: '1m', callsPerMinute: 60 }), SYMBOLS, NOW_MS)
    assert.deepEqual([few.turns, few.symbols], [1, SYMBOLS])
    assert.deepEqual(turnOf(sourceOf({ callsPerMinute: 1 }), SYMBOLS, NOW_MS).symbols, SYMBOLS)
    assert.deepEqual(turnOf(sourceOf({ every: '1s' }), [], NOW_MS).symbols, [])
  })
})

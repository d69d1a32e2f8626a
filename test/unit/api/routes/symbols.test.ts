import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '@tapedeck/core'
import type { SubscriptionDocument, SymbolDocument } from '@tapedeck/mongo'
import { apiOn } from '../reader-double.ts'

const TOKEN = 'a-token-of-the-test'
const authorization = `Bearer ${TOKEN}`

interface ErrorBody {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly problems?: readonly { readonly field: string; readonly message: string }[]
  }
}

/** An api whose store of subscriptions is an array; base list AAPL, MSFT. */
function harness(env: Readonly<Record<string, string>> = { API_TOKEN: TOKEN }) {
  const stored: SubscriptionDocument[] = []
  const app = apiOn(
    {
      subscriptions: async () => stored,
      async setWanted(symbols, wanted, by) {
        for (const _id of symbols) {
          const at = stored.findIndex((one) => one._id === _id)
          if (at >= 0) stored.splice(at, 1)
          stored.push({ _id, wanted, by, at: new Date(stored.length) })
        }
      }
    },
    systemClock,
    env
  )
  const add = (payload: string | object, headers: Record<string, string> = { authorization }) =>
    app.inject({ method: 'POST', url: '/api/v1/symbols', payload, headers })
  const remove = (symbol: string) =>
    app.inject({
      method: 'DELETE',
      url: `/api/v1/symbols/${encodeURIComponent(symbol)}`,
      headers: { authorization }
    })
  return { app, stored, add, remove }
}

describe('adding and removing symbols', () => {
  it('is refused with the variable to set while the api has no token', async () => {
    const { add, stored, app } = harness({})
    const answer = await add({ symbols: ['TSLA'] })
    assert.equal(answer.statusCode, 403)
    assert.match(answer.json<ErrorBody>().error.message, /API_TOKEN is not set/)
    assert.equal(stored.length, 0)
    const list = await app.inject('/api/v1/symbols')
    assert.equal(list.json<{ changeable: boolean }>().changeable, false)
  })

  it('is refused without the right token, before the body is read', async () => {
    const { add, stored } = harness()
    for (const headers of [
      {},
      { authorization: 'Bearer' },
      { authorization: `Basic ${TOKEN}` },
      { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
      { authorization: `Bearer ${TOKEN}x` }
    ] as Record<string, string>[]) {
      const answer = await add('{ no json', { 'content-type': 'application/json', ...headers })
      assert.equal(answer.statusCode, 401)
      assert.equal(answer.headers['www-authenticate'], 'Bearer realm="tapedeck"')
      assert.ok(!answer.body.includes(TOKEN))
    }
    assert.equal(stored.length, 0)
  })

  it('a token that can be guessed is no token: the api does not start with it', () => {
    assert.throws(() => harness({ API_TOKEN: 'short' }), /API_TOKEN is refused.*16 characters/s)
  })

  it('adds all of a list or, with every mistake named, none', async () => {
    const { add, stored } = harness()
    const bad = await add({ symbols: ['TSLA', '', 'TSLA', 'A;B'], also: 1 })
    assert.equal(bad.statusCode, 400)
    const fields = bad.json<ErrorBody>().error.problems?.map(({ field }) => field)
    assert.deepEqual(fields, ['also', 'symbols', 'symbols', 'symbols'])
    assert.equal(stored.length, 0)
    for (const payload of [{ symbols: [] }, { symbols: 'TSLA' }, { symbols: [1] }, [], {}]) {
      assert.equal((await add(payload)).statusCode, 400, JSON.stringify(payload))
    }
    const good = await add({ symbols: ['TSLA', 'IC MARKETS:1', 'AAPL'] })
    assert.deepEqual(good.json(), {
      wanted: ['AAPL', 'MSFT', 'TSLA', 'IC MARKETS:1'],
      changed: ['TSLA', 'IC MARKETS:1']
    })
  })

  it('names the symbols over the limit of the plan, and stores nothing', async () => {
    const { add, stored } = harness({ API_TOKEN: TOKEN, FINNHUB_MAX_SYMBOLS: '3' })
    const answer = await add({ symbols: ['TSLA', 'NVDA', 'SPY'] })
    assert.equal(answer.statusCode, 409)
    assert.match(answer.body, /at most 3 \(FINNHUB_MAX_SYMBOLS\); over the limit: NVDA, SPY/)
    assert.equal(stored.length, 0)
  })

  it('removes a symbol of SYMBOLS too, and adds it again', async () => {
    const { add, remove, app } = harness()
    assert.deepEqual((await remove('AAPL')).json(), { wanted: ['MSFT'], changed: ['AAPL'] })
    const list = (await app.inject('/api/v1/symbols')).json<{
      symbols: { symbol: string; configured: boolean; wanted: boolean }[]
    }>()
    assert.deepEqual(
      list.symbols.map(({ symbol, configured, wanted }) => ({ symbol, configured, wanted })),
      [
        { symbol: 'AAPL', configured: true, wanted: false },
        { symbol: 'MSFT', configured: true, wanted: true }
      ]
    )
    const back = await add({ symbols: ['AAPL'] })
    assert.deepEqual(back.json(), { wanted: ['AAPL', 'MSFT'], changed: ['AAPL'] })
  })

  it('suggests the nearest symbol when one is not followed', async () => {
    const answer = await harness().remove('MSTF')
    assert.equal(answer.statusCode, 404)
    assert.match(answer.body, /'MSTF' is not followed.*did you mean MSFT\?/)
  })

  it('takes every legal name in a body and in a path', async () => {
    const { add, remove } = harness()
    for (const symbol of ['M&M.NS', 'BF/B', 'A%2FB', 'BINANCE:币安人生USDT', '币'.repeat(64)]) {
      assert.deepEqual((await add({ symbols: [symbol] })).json(), {
        wanted: ['AAPL', 'MSFT', symbol],
        changed: [symbol]
      })
      assert.deepEqual((await remove(symbol)).json(), {
        wanted: ['AAPL', 'MSFT'],
        changed: [symbol]
      })
    }
  })

  it('asks back when a name was likely written in haste', async () => {
    const { add, stored } = harness()
    const answer = await add({ symbols: ['tsla', 'NVDA SPY'] })
    assert.equal(answer.statusCode, 400)
    assert.match(answer.body, /did you mean TSLA\?.*did you mean NVDA,SPY\?/)
    assert.equal(stored.length, 0)
  })
})

async function modeOf(feeds: readonly string[]): Promise<unknown> {
  const at = new Date(Date.UTC(2025, 0, 31, 15))
  const seen = feeds.map((feed, index): SymbolDocument => {
    const [firstSeenAt, lastTradeAt, lastReceivedAt] = [at, at, at]
    return { _id: `S${index}`, feed, firstSeenAt, lastPrice: 1, lastTradeAt, lastReceivedAt }
  })
  const answer = await apiOn({ symbols: async () => seen }).inject('/api/v1/symbols')
  return answer.json<{ mode: string }>().mode
}

describe('the mode in GET /api/v1/symbols', () => {
  it('is live only for the feed of Finnhub', async () => {
    assert.equal(await modeOf([]), 'none')
    assert.equal(await modeOf(['finnhub']), 'live')
    assert.equal(await modeOf(['simulated', 'recorded']), 'simulated')
    assert.equal(await modeOf(['finnhub', 'recorded']), 'mixed')
  })
})

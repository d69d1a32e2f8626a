import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import {
  startScriptedServer,
  type ServerScript,
  type ServedClient
} from '../../support/scripted-server.ts'
import { TestClock } from '../../support/test-clock.ts'
import { finnhubAt, follow } from './followed.ts'

const options = { timeout: 60_000 }
const soon = { everyMs: 2, timeoutMs: 10_000 }

/** A Finnhub server that answers each symbol beyond the limit with the error. */
function finnhubWithRoomFor(
  limit: number
): ServerScript & { standing(client: ServedClient): string[] } {
  const subscribed = new WeakMap<ServedClient, Set<string>>()
  return {
    onClient: (client) => subscribed.set(client, new Set()),
    onText(client, text) {
      const { type, symbol } = JSON.parse(text) as { type: string; symbol: string }
      const set = subscribed.get(client)
      if (type === 'unsubscribe') set?.delete(symbol)
      else if ((set?.size ?? 0) < limit) set?.add(symbol)
      else client.send({ type: 'error', msg: 'Subscribing to too many symbols' })
    },
    standing: (client) => [...(subscribed.get(client) ?? [])]
  }
}

describe('feed session: symbols', () => {
  it('follows the wanted set while running and on the next connection', options, async (t) => {
    const script = finnhubWithRoomFor(100)
    const server = await startScriptedServer(t, script)
    const { feed, of } = follow(t, finnhubAt(server.url), {
      symbols: ['A', 'B'],
      times: { paceMs: 1, backoffBaseMs: 2 }
    })
    const standing = (): string[] => {
      const client = server.clients.at(-1)
      return client === undefined ? [] : script.standing(client)
    }
    await eventually(() => assert.deepEqual(standing(), ['A', 'B']), soon)
    feed.setSymbols(['B', 'C'])
    await eventually(() => assert.deepEqual(standing(), ['B', 'C']), soon)
    server.clients[0]?.socket.close()
    feed.setSymbols(['C', 'D', 'IC MARKETS:1'])
    await eventually(() => {
      assert.equal(server.clients.length, 2)
      assert.deepEqual(standing(), ['C', 'D', 'IC MARKETS:1'])
    }, soon)
    await eventually(
      () => assert.equal(of('subscribed').at(-1)?.connection, of('connected')[1]?.connection),
      soon
    )
  })

  it('counts a symbol as subscribed to when the feed has read so', options, async (t) => {
    const script = finnhubWithRoomFor(100)
    const server = await startScriptedServer(t, script)
    const { feed, of } = follow(t, finnhubAt(server.url), { symbols: ['A'], times: { paceMs: 1 } })
    await eventually(() => assert.deepEqual(of('subscribed').at(-1)?.symbols, ['A']), soon)
    const client = server.clients[0]
    assert.ok(client !== undefined)
    client.socket.pause() // the requests are on their way
    const wanted = ['A', 'B', 'C']
    feed.setSymbols(wanted)
    await eventually(() => assert.ok(of('standing').some(({ symbol }) => symbol === 'C')), soon)
    for (let frames = 1; frames <= 20; frames++) {
      client.send({ type: 'ping' })
      await eventually(() => assert.equal(of('frame').length, frames), soon)
    }
    assert.equal(of('subscribed').length, 1)
    client.socket.resume()
    await eventually(() => assert.equal(of('subscribed').at(-1)?.symbols, wanted), soon)
    assert.deepEqual(script.standing(client), wanted)
  })

  it('sends subscriptions at a pace', options, async (t) => {
    const server = await startScriptedServer(t)
    const clock = new TestClock()
    follow(t, finnhubAt(server.url), { symbols: ['A', 'B', 'C'], clock })
    const texts = (): number => server.clients[0]?.texts.length ?? 0
    await eventually(() => assert.equal(texts(), 1), soon)
    await clock.advance(29)
    assert.equal(texts(), 1)
    await clock.advance(1)
    await eventually(() => assert.equal(texts(), 2), soon)
    await clock.advance(30)
    await eventually(() => assert.equal(texts(), 3), soon)
  })

  it(
    'names the symbols over the limit and subscribes to them when a slot is free',
    options,
    async (t) => {
      const script = finnhubWithRoomFor(51)
      const server = await startScriptedServer(t, script)
      const symbols = Array.from({ length: 54 }, (_, i) => `S${i + 1}`)
      const { feed, of } = follow(t, finnhubAt(server.url), { symbols, times: { paceMs: 1 } })
      const over = (): string[] =>
        of('standing').flatMap(({ symbol, standing }) =>
          standing === 'over the limit' ? [symbol] : []
        )
      await eventually(() => assert.deepEqual(over().toSorted(), ['S52', 'S53', 'S54']), soon)
      const client = server.clients[0]
      assert.ok(client !== undefined)
      assert.equal(script.standing(client).length, 51)
      assert.ok(
        of('standing').every(
          ({ standing, reason }) =>
            standing !== 'over the limit' || reason === 'Subscribing to too many symbols'
        )
      )
      feed.setSymbols(symbols.slice(1))
      await eventually(() => assert.ok(script.standing(client).includes('S52')), soon)
      assert.ok(!script.standing(client).includes('S1'))
      assert.equal(client.socket.readyState, client.socket.OPEN)
    }
  )

  it(
    'asks for a rejected symbol again after growing waits, until the feed takes it',
    options,
    async (t) => {
      const clock = new TestClock()
      let accepts = false
      const asked: number[] = []
      const server = await startScriptedServer(t, {
        onText(client, text) {
          const { symbol } = JSON.parse(text) as { symbol: string }
          if (symbol !== 'OANDA:EUR_USD') return
          asked.push(clock.now())
          if (!accepts) client.send({ type: 'error', msg: `Invalid symbol ${symbol}` })
        }
      })
      const { of } = follow(t, finnhubAt(server.url), {
        symbols: ['AAPL', 'OANDA:EUR_USD'],
        clock,
        times: { paceMs: 1, pingEveryMs: 1e9, silenceMs: 1e9 }
      })
      const rejected = () => of('standing').filter(({ standing }) => standing === 'rejected')
      await eventually(async () => {
        await clock.advance(1)
        assert.equal(rejected().length, 1)
      }, soon)
      for (const [index, waitMs] of [60_000, 120_000, 240_000].entries()) {
        const { reason, againAtMs = 0, atMs } = rejected()[index]!
        assert.equal(reason, 'Invalid symbol OANDA:EUR_USD')
        assert.equal(againAtMs - atMs, waitMs)
        await clock.advance(againAtMs - clock.now() - 1)
        assert.equal(asked.length, index + 1)
        accepts = index === 2
        await clock.advance(1)
        await eventually(() => assert.equal(asked.length, index + 2), soon)
        if (!accepts) await eventually(() => assert.equal(rejected().length, index + 2), soon)
      }
      assert.equal(of('standing').at(-1)?.standing, 'asked for')
      assert.equal(server.clients.length, 1)
    }
  )

  it('subscribes to one symbol again on a live connection', options, async (t) => {
    const server = await startScriptedServer(t)
    const { feed, of } = follow(t, finnhubAt(server.url), {
      symbols: ['A', 'B'],
      times: { paceMs: 1 }
    })
    await eventually(() => assert.equal(of('subscribed').length, 1), soon)
    feed.resubscribe('A')
    await eventually(() => {
      assert.deepEqual(
        server.clients[0]?.texts.slice(2).map((text) => JSON.parse(text) as unknown),
        [
          { type: 'unsubscribe', symbol: 'A' },
          { type: 'subscribe', symbol: 'A' }
        ]
      )
    }, soon)
    assert.equal(server.clients.length, 1)
  })
})

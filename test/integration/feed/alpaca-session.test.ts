import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { alpacaProtocol, type AlpacaOptions } from '@tapedeck/alpaca'
import { hasCode, Secret } from '@tapedeck/core'
import { recordProblem, recordsOf } from '@tapedeck/domain'
import { eventually } from '../../support/eventually.ts'
import {
  startScriptedServer,
  type ServerScript,
  type ServedClient
} from '../../support/scripted-server.ts'
import { TestClock } from '../../support/test-clock.ts'
import { follow } from './followed.ts'

const options = { timeout: 60_000 }
const soon = { everyMs: 2, timeoutMs: 10_000 }
const KEY = 'key-of-a-test'
const SECRET = 'secret-of-a-test'

function alpacaAt(url: string, more: Partial<AlpacaOptions> = {}) {
  return alpacaProtocol({ url, key: new Secret(KEY), secret: new Secret(SECRET), ...more })
}

interface AlpacaScript {
  readonly symbols?: number
  /** The error that answers the credentials instead of a welcome. */
  readonly error?: { readonly code: number; readonly msg: string }
  /** Connections allowed at a time. */
  readonly connections?: number
}

/** Alpaca's stream as its documentation describes it. */
function alpaca({ symbols = 30, error, connections = 1 }: AlpacaScript = {}): ServerScript {
  const open = new Set<ServedClient>()
  const subscribed = new WeakMap<ServedClient, Set<string>>()
  const fail = (client: ServedClient, code: number, msg: string): void => {
    client.send([{ T: 'error', code, msg }])
  }
  const authenticate = (client: ServedClient, key: unknown, secret: unknown): void => {
    if (error !== undefined) fail(client, error.code, error.msg)
    else if (key !== KEY || secret !== SECRET) fail(client, 402, 'auth failed')
    else if (subscribed.has(client)) fail(client, 403, 'already authenticated')
    else {
      subscribed.set(client, new Set())
      client.send([{ T: 'success', msg: 'authenticated' }])
    }
  }
  return {
    onClient(client) {
      if (open.size >= connections) {
        fail(client, 406, 'connection limit exceeded')
        return
      }
      open.add(client)
      client.socket.on('close', () => open.delete(client))
      client.send([{ T: 'success', msg: 'connected' }])
      const { headers } = client.request
      if (headers['apca-api-key-id'] !== undefined) {
        authenticate(client, headers['apca-api-key-id'], headers['apca-api-secret-key'])
      }
    },
    onText(client, text) {
      const { action, key, secret, trades } = JSON.parse(text) as Record<string, unknown>
      if (action === 'auth') {
        authenticate(client, key, secret)
        return
      }
      const set = subscribed.get(client)
      if (set === undefined) {
        fail(client, 401, 'not authenticated')
        return
      }
      const asked = trades as string[]
      const after =
        action === 'subscribe'
          ? new Set([...set, ...asked])
          : new Set([...set].filter((symbol) => !asked.includes(symbol)))
      if (after.size > symbols) {
        fail(client, 405, 'symbol limit exceeded')
        return
      }
      subscribed.set(client, after)
      const all = [...after]
      client.send([
        { T: 'subscription', trades: all, quotes: [], corrections: all, cancelErrors: all }
      ])
    }
  }
}

const TRADE = {
  T: 't',
  S: 'FAKEPACA',
  i: 96_921,
  x: 'D',
  p: 133.85,
  s: 4,
  c: ['@', 'I'],
  t: '2026-11-20T15:30:00.639713735Z',
  z: 'C'
}

describe('Alpaca feed session', () => {
  it('authenticates, waits for the welcome, subscribes and is acknowledged', options, async (t) => {
    const server = await startScriptedServer(t, alpaca())
    const { of } = follow(t, alpacaAt(server.url), {
      symbols: ['FAKEPACA', 'AAPL'],
      times: { paceMs: 1 }
    })
    await eventually(() => {
      assert.deepEqual(
        of('standing')
          .map(({ symbol, standing }) => `${symbol} ${standing}`)
          .toSorted(),
        ['AAPL acknowledged', 'AAPL asked for', 'FAKEPACA acknowledged', 'FAKEPACA asked for']
      )
    }, soon)
    assert.deepEqual(
      server.clients[0]?.texts.map((text) => (JSON.parse(text) as { action: string }).action),
      ['auth', 'subscribe', 'subscribe']
    )
  })

  it('authenticates by headers', options, async (t) => {
    const server = await startScriptedServer(t, alpaca())
    const protocol = alpacaAt(server.url, { credentialsIn: 'headers' })
    const { of } = follow(t, protocol, { symbols: ['FAKEPACA'] })
    await eventually(() => assert.equal(of('standing').at(-1)?.standing, 'acknowledged'), soon)
    assert.deepEqual(server.clients[0]?.texts, ['{"action":"subscribe","trades":["FAKEPACA"]}'])
  })

  it(
    'yields trades with ids, corrections and cancels that fit records of raw_data',
    options,
    async (t) => {
      const server = await startScriptedServer(t, alpaca())
      const protocol = alpacaAt(server.url)
      const { of } = follow(t, protocol, { symbols: ['FAKEPACA'] })
      await eventually(() => assert.equal(of('standing').at(-1)?.standing, 'acknowledged'), soon)
      const before = of('frame').length
      const t2 = '2026-11-20T15:31:00Z'
      server.clients[0]?.send([TRADE, { ...TRADE, i: 96_922 }])
      server.clients[0]?.send([
        {
          T: 'c',
          S: 'FAKEPACA',
          x: 'D',
          oi: 96_921,
          op: 133.85,
          os: 4,
          oc: ['@', 'I'],
          ci: 96_930,
          cp: 133.9,
          cs: 4,
          cc: ['@'],
          z: 'C',
          t: t2
        },
        { T: 'x', S: 'FAKEPACA', i: 96_922, x: 'D', p: 133.85, s: 4, a: 'C', z: 'C', t: t2 }
      ])
      await eventually(() => assert.equal(of('frame').length, before + 2), soon)
      const [first, second] = of('frame').slice(before)
      assert.ok(first !== undefined && second !== undefined)
      const trades = protocol.parse(first.text)
      assert.ok(trades.kind === 'trades')
      const records = recordsOf(trades.trades, { ...first, feed: 'alpaca' })
      for (const record of records) assert.equal(recordProblem(record, 'FAKEPACA'), undefined)
      assert.deepEqual(
        records[0]?.trades.map(({ i, c }) => ({ i, c })),
        [
          { i: '96921', c: ['1', '12'] },
          { i: '96922', c: ['1', '12'] }
        ]
      )
      const amendments = protocol.parse(second.text)
      assert.ok(amendments.kind === 'trades')
      const [amended] = recordsOf([], { ...second, feed: 'alpaca' }, amendments.amendments)
      assert.equal(recordProblem(amended, 'FAKEPACA'), undefined)
      assert.deepEqual(
        amendments.amendments.map(({ kind, of: id, by }) => ({ kind, id, price: by?.p })),
        [
          { kind: 'correction', id: '96921', price: 133.9 },
          { kind: 'cancel', id: '96922', price: undefined }
        ]
      )
    }
  )

  for (const [code, msg] of [
    [402, 'auth failed'],
    [409, 'insufficient subscription']
  ] as const) {
    it(`stops at ${code} with the feed's own words and without the secret`, options, async (t) => {
      const server = await startScriptedServer(t, alpaca({ error: { code, msg } }))
      const { ended } = follow(t, alpacaAt(server.url), {
        symbols: ['FAKEPACA'],
        credentials: 'ALPACA_KEY'
      })
      const error = await ended
      assert.ok(hasCode(error, 'FEED_REFUSED'))
      assert.equal(
        error.message,
        `Cannot follow alpaca: the feed says '${msg} (${code})', expected a valid ALPACA_KEY`
      )
    })
  }

  it('waits 30 s and more while another connection is open', options, async (t) => {
    const server = await startScriptedServer(t, alpaca({ connections: 0 }))
    const { of } = follow(t, alpacaAt(server.url), {
      symbols: ['FAKEPACA'],
      clock: new TestClock()
    })
    await eventually(() => assert.equal(of('disconnected').length, 1), soon)
    const [ending] = of('disconnected')
    assert.equal(ending?.cause, "the feed says 'connection limit exceeded (406)'")
    assert.ok((ending?.retryInMs ?? 0) >= 30_000)
  })

  it('gives up on a connection that never answers the credentials', options, async (t) => {
    const server = await startScriptedServer(t)
    const clock = new TestClock()
    const { of } = follow(t, alpacaAt(server.url), { symbols: ['FAKEPACA'], clock })
    await eventually(() => assert.equal(server.clients[0]?.texts.length, 1), soon)
    await clock.advance(15_000)
    await eventually(
      () =>
        assert.equal(of('disconnected')[0]?.cause, 'no answer to the credentials within 15000 ms'),
      soon
    )
  })

  it(
    'follows the symbols within the plan, names the others, and adds them when there is room',
    options,
    async (t) => {
      const server = await startScriptedServer(t, alpaca({ symbols: 2 }))
      const { feed, of } = follow(t, alpacaAt(server.url), {
        symbols: ['A', 'B', 'C', 'D'],
        times: { paceMs: 1 }
      })
      const last = (symbol: string): string | undefined =>
        of('standing').findLast((event) => event.symbol === symbol)?.standing
      const standings = (): (string | undefined)[] => ['A', 'B', 'C', 'D'].map(last)
      await eventually(() => {
        assert.deepEqual(standings(), [
          'acknowledged',
          'acknowledged',
          'over the limit',
          'over the limit'
        ])
      }, soon)
      feed.setSymbols(['B', 'C', 'D'])
      await eventually(() => {
        assert.deepEqual(standings(), [
          'unsubscribed',
          'acknowledged',
          'acknowledged',
          'over the limit'
        ])
      }, soon)
    }
  )
})

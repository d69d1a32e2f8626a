import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  MAX_WAITING_TRADES,
  OWN_FORMAT,
  StreamClient,
  type StreamEvent
} from '@tapedeck/api/testing'
import { aBarEvent, anEvent } from './an-event.ts'

const PLACE = { log: 'trades', partition: 0, offset: 0 } as const
const RESUME = 'ab.1..'

/** A client whose socket holds as many bytes as the test says. */
function aClient() {
  const sent: Record<string, unknown>[] = []
  const outlet = {
    format: OWN_FORMAT,
    bufferedBytes: 0,
    close: () => undefined,
    send: (text: string | Buffer) =>
      void sent.push(JSON.parse(String(text)) as Record<string, unknown>)
  }
  const client = new StreamClient(outlet)
  const deliver = (...events: StreamEvent[]): void =>
    client.deliver(
      events,
      RESUME,
      OWN_FORMAT.data(events, RESUME).map((text) => Buffer.from(text))
    )
  return { client, outlet, sent, deliver }
}

const NOTHING = { from: new Map(), ids: new Set<string>(), through: new Map() }

describe('StreamClient', () => {
  it('wants what it subscribed to, by symbol or every symbol', () => {
    const { client } = aClient()
    assert.equal(client.partOf(anEvent(), PLACE), undefined)
    client.add(new Set(['trades|AAPL']), undefined, 0)
    assert.deepEqual(client.partOf(anEvent(), PLACE), anEvent())
    assert.equal(client.partOf(anEvent({ keys: ['trades|MSFT', 'trades|*'] }), PLACE), undefined)
    client.add(new Set(['trades|*']), undefined, 0)
    assert.ok(client.partOf(anEvent({ keys: ['trades|MSFT', 'trades|*'] }), PLACE))
    client.remove(client.keys)
    assert.equal(client.partOf(anEvent(), PLACE), undefined)
  })

  it('is not sent what its snapshot had: below an offset, by id, by version', () => {
    const { client } = aClient()
    const exclusion = {
      from: new Map([['trades/0', 10]]),
      ids: new Set(['c-1-1']),
      through: new Map([[0, 20]])
    }
    client.add(new Set(['trades|AAPL', 'bars|AAPL|1m']), exclusion, 0)
    assert.equal(client.partOf(anEvent(), { ...PLACE, offset: 9 }), undefined)
    const part = client.partOf(anEvent({ rows: ['0', '1', '2'] }), { ...PLACE, offset: 10 })
    assert.deepEqual(part?.rows, ['0', '2'])
    const bars = { log: 'bars', partition: 3, offset: 0 } as const
    assert.equal(client.partOf(aBarEvent('b', 1, { offset: 20 }), bars), undefined)
    assert.ok(client.partOf(aBarEvent('b', 2, { offset: 21 }), bars))
  })

  it('knows whether it wants runs, and whether they are all that it wants', () => {
    const { client } = aClient()
    const wants = (): boolean[] => [client.wantsRuns, client.wantsOnlyRuns]
    assert.deepEqual(wants(), [false, false])
    client.add(new Set(['runs|*']), undefined, 0)
    assert.deepEqual(wants(), [true, true])
    client.add(new Set(['feed']), { ...NOTHING, through: new Map([[0, 20]]) }, 0)
    assert.deepEqual(wants(), [true, false])
    const run = anEvent({ channel: 'runs', keys: ['runs|load', 'runs|*'], id: 'load@1' })
    assert.deepEqual(client.partOf(run, undefined), run)
    client.remove(['runs|*'])
    assert.deepEqual(wants(), [false, false])
    assert.equal(client.partOf(run, undefined), undefined)
  })

  it('is sent the newest row alone of each run that waited while it was slow', () => {
    const { client, outlet, sent, deliver } = aClient()
    const aRun = (id: string, state: string): StreamEvent => {
      const rows = [JSON.stringify({ run: id, state })]
      return anEvent({ channel: 'runs', keys: ['runs|load', 'runs|*'], id, rows, ids: [] })
    }
    client.add(new Set(['runs|*']), undefined, 0)
    outlet.bufferedBytes = 2 ** 21
    deliver(aRun('a', 'queued'), aRun('b', 'queued'))
    deliver(aRun('a', 'running'))
    deliver(aRun('a', 'failed'))
    outlet.bufferedBytes = 0
    assert.ok(client.catchUp(undefined))
    const runs = [
      { run: 'b', state: 'queued' },
      { run: 'a', state: 'failed' }
    ]
    assert.deepEqual(sent, [{ type: 'data', runs }])
  })

  it('shares texts with clients of equal subscriptions, once no exclusion holds', () => {
    const [a, b] = [aClient().client, aClient().client]
    a.add(new Set(['trades|AAPL', 'feed']), undefined, 0)
    const snapshot = { ...NOTHING, through: new Map([[0, 20]]) }
    b.add(new Set(['feed']), snapshot, 0)
    b.add(new Set(['trades|AAPL']), undefined, 0)
    assert.equal(b.signature, undefined)
    b.expire(119_999, new Map())
    assert.equal(b.signature, undefined)
    b.expire(120_000, new Map())
    assert.equal(b.signature, a.signature)
  })

  it('forgets where a client resumed as soon as the stream has passed it', () => {
    const [a, b] = [aClient().client, aClient().client]
    a.add(new Set(['trades|AAPL']), undefined, 0)
    const from = new Map([
      ['trades/0', 10],
      ['bars/1', 5]
    ])
    b.add(new Set(['trades|AAPL']), { ...NOTHING, from }, 0)
    const at = (trades: number, bars: number) =>
      new Map([
        ['trades', new Map([[0, trades]])],
        ['bars', new Map([[1, bars]])]
      ] as const)
    b.expire(1, at(9, 5))
    assert.equal(b.signature, undefined)
    b.expire(1, at(10, 4))
    assert.equal(b.signature, undefined)
    b.expire(1, at(10, 5))
    assert.equal(b.signature, a.signature)
  })

  it('sends a slow client the newest version of each bar when it reads again', () => {
    const { client, outlet, sent, deliver } = aClient()
    outlet.bufferedBytes = 2 * 1024 * 1024
    deliver(aBarEvent('x', 1), aBarEvent('y', 1), anEvent({ rows: ['1'] }))
    deliver(aBarEvent('x', 2))
    assert.equal(client.catchUp(RESUME), false)
    assert.deepEqual(sent, [])
    outlet.bufferedBytes = 0
    assert.equal(client.catchUp(RESUME), true)
    assert.deepEqual(sent, [
      {
        type: 'data',
        trades: [1],
        bars: [
          { id: 'y', version: 1 },
          { id: 'x', version: 2 }
        ],
        resume: RESUME
      }
    ])
    deliver(aBarEvent('x', 3))
    assert.equal(sent.length, 2)
  })

  it('counts the trades that a slow client is not sent, and says how to get them', () => {
    const { client, outlet, sent, deliver } = aClient()
    outlet.bufferedBytes = 2 * 1024 * 1024
    const rows = Array.from({ length: 1000 }, (_, at) => String(at))
    const thousands = MAX_WAITING_TRADES / 1000 + 2
    for (let at = 0; at < thousands; at++)
      deliver(anEvent({ rows, span: [at * 1000, at * 1000 + 999] }))
    assert.equal(client.droppedTrades, 2000)
    outlet.bufferedBytes = 0
    client.catchUp(RESUME)
    assert.deepEqual(sent[0], {
      type: 'dropped',
      trades: 2000,
      symbols: [
        {
          symbol: 'AAPL',
          trades: 2000,
          from: 0,
          to: 2000,
          ask: '/api/v1/trades?symbol=AAPL&from=1970-01-01T00:00:00.000Z&to=1970-01-01T00:00:02.000Z'
        }
      ]
    })
    const { trades } = sent[1] as { trades: unknown[] }
    assert.equal(trades.length, MAX_WAITING_TRADES)
  })
})

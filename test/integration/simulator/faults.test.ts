import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { Fault } from '@tapedeck/simulator/testing'
import { TestClock } from '../../support/test-clock.ts'
import {
  aClient,
  aSimulator,
  handshakeStatus,
  tradesIn,
  until,
  type FeedClient
} from './feed-client.ts'

const options = { timeout: 60_000 }
const BUSY = { SIMULATOR_RATE: '200', SIMULATOR_PING: '20ms' }
const isPing = (text: string): boolean => text === '{"type":"ping"}'

async function closeCode({ socket }: FeedClient): Promise<number> {
  const [code] = (await once(socket, 'close')) as [number]
  return code
}

describe('the simulator performs faults', () => {
  it('refuses a number of handshakes with a status, or all until accept', options, async (t) => {
    const { url, perform, stats } = await aSimulator(t)
    const status = (): Promise<number> => handshakeStatus(`${url}?token=any`)
    for (const wrong of [401, 429, 200, 524]) {
      perform({ do: 'refuse', status: wrong, times: 2 })
      assert.deepEqual([await status(), await status(), await status()], [wrong, wrong, 101])
    }
    perform({ do: 'refuse', status: 429 })
    for (let i = 0; i < 5; i++) assert.equal(await status(), 429)
    perform({ do: 'accept' })
    assert.equal(await status(), 101)
    assert.deepEqual(
      { connections: stats().connections, refusals: stats().refusals },
      { connections: 5, refusals: 13 }
    )
  })

  it('kills both connections of one key, or refuses the second', options, async (t) => {
    const { url, perform } = await aSimulator(t)
    perform({ do: 'key', rule: 'kill' })
    const first = await aClient(t, url)
    const firstEnd = closeCode(first)
    const second = await aClient(t, url)
    assert.deepEqual(await Promise.all([firstEnd, closeCode(second)]), [1006, 1006])
    perform({ do: 'key', rule: 'refuse' })
    const holder = await aClient(t, url)
    assert.equal(await handshakeStatus(`${url}?token=any`), 429)
    assert.equal(await handshakeStatus(`${url}?token=another`), 101)
    holder.socket.close()
    await once(holder.socket, 'close')
    await until('the key is free', async () => (await handshakeStatus(`${url}?token=any`)) === 101)
  })

  it('closes with a code after a time, and cuts without one', options, async (t) => {
    const clock = new TestClock()
    const { url, play, progress } = await aSimulator(t, {}, clock)
    const steps = [
      { when: { connection: 1 }, do: 'wait' },
      { when: { ms: 200 }, do: 'close', code: 4001, reason: 'deploy' },
      { when: { connection: 2 }, do: 'cut' }
    ] as const
    play({ name: 'closing', about: '', steps })
    const closing = closeCode(await aClient(t, url))
    await clock.advance(199)
    assert.equal(progress()?.stepsDone, 1)
    await clock.advance(1)
    assert.equal(progress()?.stepsDone, 2)
    assert.equal(await closing, 4001)
    assert.equal(await closeCode(await aClient(t, url)), 1006)
  })

  it('mutes trades, then pings as well, and unmutes both', options, async (t) => {
    const { url, perform, stats } = await aSimulator(t, BUSY)
    const client = await aClient(t, url)
    client.subscribe('AAPL')
    await until('trades come', () => tradesIn(client.texts).length > 20)
    perform({ do: 'mute' })
    client.texts.length = 0
    await until('pings come', () => client.texts.filter(isPing).length > 10)
    // Frames sent before the mute arrive before the first of those pings.
    const afterPing = client.texts.slice(client.texts.findIndex(isPing))
    assert.ok(afterPing.every(isPing))
    assert.ok(stats().tradesWithheld > 0)
    perform({ do: 'mute', pings: false })
    const ponged = once(client.socket, 'pong')
    client.socket.ping()
    await ponged
    client.texts.length = 0
    const before = stats().tradesWithheld
    await until('the market goes on', () => stats().tradesWithheld > before + 50)
    assert.deepEqual(client.texts, [])
    perform({ do: 'unmute' })
    await until('trades come again', () => tradesIn(client.texts).length > 20)
  })

  it(
    'leaves a connection half open: no frame, no pong, no end, until thawed',
    options,
    async (t) => {
      const { url, perform, stats } = await aSimulator(t, BUSY)
      const client = await aClient(t, url)
      client.subscribe('AAPL')
      await until('trades come', () => tradesIn(client.texts).length > 20)
      perform({ do: 'freeze' })
      let pongs = 0
      client.socket.on('pong', () => pongs++)
      client.socket.ping()
      client.unsubscribe('AAPL')
      const before = stats().tradesWithheld
      await until('the market goes on', () => stats().tradesWithheld > before + 100)
      const had = client.texts.length
      await until('it goes on more', () => stats().tradesWithheld > before + 200)
      assert.deepEqual(
        { texts: client.texts.length, pongs, readyState: client.socket.readyState },
        { texts: had, pongs: 0, readyState: 1 }
      )
      perform({ do: 'thaw' })
      await until('the ping is answered', () => pongs === 1)
    }
  )

  it('stops although a connection is frozen', options, async (t) => {
    const { url, perform, stop } = await aSimulator(t, BUSY)
    await aClient(t, url)
    perform({ do: 'freeze' })
    assert.equal(await stop(), true)
  })

  it('lowers the number of symbols', options, async (t) => {
    const { url, perform } = await aSimulator(t, { SIMULATOR_RATE: '0.001' })
    perform({ do: 'limit', symbols: 2 })
    const client = await aClient(t, url)
    client.subscribe('A', 'B', 'C')
    await until('it is refused', () => client.texts.some((text) => text.includes('too many')))
  })

  it('sends injected texts, filled in for each client', options, async (t) => {
    const { url, controlUrl, perform } = await aSimulator(t, { SIMULATOR_RATE: '0.001' })
    const [one, two] = [await aClient(t, url), await aClient(t, url)]
    one.subscribe('AAPL')
    two.subscribe('IC MARKETS:1', 'MSFT')
    await until('both are subscribed', async () => {
      const state = (await (await fetch(controlUrl)).json()) as {
        connections: { symbols: string[] }[]
      }
      return state.connections.map(({ symbols }) => symbols.length).join(' ') === '1 2'
    })
    const faults: readonly Fault[] = [
      { do: 'send', text: '{"s":"$symbol","o":"$other"}', times: 2 },
      { do: 'content', content: 'price-infinite' }
    ]
    one.texts.length = 0
    two.texts.length = 0
    faults.forEach(perform)
    await until('all came', () => one.texts.length === 3 && two.texts.length === 3)
    assert.equal(one.texts[1], '{"s":"AAPL","o":"AAPL"}')
    assert.equal(two.texts[0], '{"s":"IC MARKETS:1","o":"MSFT"}')
    assert.match(two.texts[2]!, /"p":1e999,"s":"IC MARKETS:1","t":\d{13},/)
  })

  it('performs each step between two frames, and repeats frames', options, async (t) => {
    const { url, play, stats } = await aSimulator(t, BUSY)
    const client = await aClient(t, url)
    play({
      name: 'exact',
      about: '',
      steps: [
        { when: { frames: 10 }, do: 'send', text: '{"type":"mark"}' },
        { do: 'repeat', times: 3, frames: 2 },
        { when: { frames: 4 }, do: 'close', code: 1001 }
      ]
    })
    client.subscribe('AAPL')
    assert.equal(await closeCode(client), 1001)
    const texts = client.texts.filter((text) => !isPing(text))
    assert.equal(texts.length, 10 + 1 + 2 * 3 + 2)
    assert.equal(texts[10], '{"type":"mark"}')
    const [one, , oneRepeated, other, , otherRepeated] = texts.slice(11)
    assert.equal(one, oneRepeated)
    assert.equal(other, otherRepeated)
    assert.notEqual(one, other)
    assert.deepEqual(
      { framesSent: stats().framesSent, framesInjected: stats().framesInjected },
      { framesSent: 18, framesInjected: 1 }
    )
    assert.equal(stats().tradesSent, tradesIn(texts).length)
  })
})

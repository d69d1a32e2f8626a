import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { createContext, createLogger } from '@tapedeck/service'
import { readConfig, startSimulator } from '@tapedeck/simulator/testing'
import { aClient, aSimulator, handshakeStatus, tradesIn, until } from './feed-client.ts'

const options = { timeout: 60_000 }
const BUSY = { SIMULATOR_RATE: '200' }
const TOO_MANY = '{"type":"error","msg":"Subscribing to too many symbols"}'

describe('the simulator speaks the protocol of the feed', () => {
  it('accepts any token but an empty one, or only the configured token', options, async (t) => {
    const open = await aSimulator(t)
    assert.equal(await handshakeStatus(`${open.url}/?token=any`), 101)
    assert.equal(await handshakeStatus(`${open.url}/`), 401)
    assert.equal(await handshakeStatus(`${open.url}/?token=`), 401)
    assert.equal(await handshakeStatus(`${open.url}/elsewhere?token=any`), 404)
    const guarded = await aSimulator(t, { SIMULATOR_TOKEN: 'right' })
    assert.equal(await handshakeStatus(`${guarded.url}/?token=right`), 101)
    assert.equal(await handshakeStatus(`${guarded.url}/?token=wrong`), 401)
    assert.equal((await fetch(open.url.replace('ws', 'http'))).status, 426)
  })

  it(
    'sends the trades of a subscribed symbol only, and stops when unsubscribed',
    options,
    async (t) => {
      const { url } = await aSimulator(t, BUSY)
      const client = await aClient(t, url)
      const other = await aClient(t, url)
      other.subscribe('MSFT', 'NEW.SYM')
      client.subscribe('AAPL')
      await until('trades come', () => tradesIn(client.texts).length > 100)
      client.unsubscribe('AAPL')
      client.subscribe('BINANCE:BTCUSDT')
      await until('the other symbol comes', () => client.texts.at(-1)?.includes('BTCUSDT') === true)
      const symbols = tradesIn(client.texts).map(({ s }) => s)
      const firstCrypto = symbols.indexOf('BINANCE:BTCUSDT')
      assert.ok(symbols.slice(firstCrypto).every((s) => s === 'BINANCE:BTCUSDT'))
      assert.ok(symbols.slice(0, firstCrypto).every((s) => s === 'AAPL'))
      assert.deepEqual(
        new Set(tradesIn(other.texts).map(({ s }) => s)),
        new Set(['MSFT', 'NEW.SYM'])
      )
      const types = client.texts.map((text) => (JSON.parse(text) as { type: string }).type)
      assert.deepEqual([...new Set(types)], ['trade'])
    }
  )

  it('acknowledges nothing and sends nothing for an invalid symbol', options, async (t) => {
    const { url } = await aSimulator(t, { ...BUSY, SIMULATOR_PING: '50ms' })
    const client = await aClient(t, url)
    client.subscribe('no"symbol')
    client.unsubscribe('NEVER')
    client.socket.send('{"type":"subscribe-news","symbol":"AAPL"}')
    await until('pings come', () => client.texts.length >= 3)
    assert.deepEqual([...new Set(client.texts)], ['{"type":"ping"}'])
  })

  it(
    'answers the 52nd symbol with the error, until an unsubscribe frees a slot',
    options,
    async (t) => {
      const { url } = await aSimulator(t, { SIMULATOR_RATE: '0.001', SIMULATOR_PING: '20ms' })
      const client = await aClient(t, url)
      const answered = async (): Promise<string[]> => {
        const pings = (): number => client.texts.filter((text) => text.includes('ping')).length
        const before = pings()
        // A message is read before the ping after the next is sent.
        await until('two pings came', () => pings() >= before + 2)
        return client.texts.filter((text) => text.includes('error'))
      }
      const symbols = Array.from({ length: 51 }, (_, index) => `SYM${index + 1}`)
      client.subscribe(...symbols, 'SYM1')
      assert.deepEqual(await answered(), [])
      client.subscribe('SYM52')
      assert.deepEqual(await answered(), [TOO_MANY])
      client.unsubscribe('SYM7')
      client.subscribe('SYM52')
      assert.deepEqual(await answered(), [TOO_MANY])
      client.subscribe('SYM7')
      assert.deepEqual(await answered(), [TOO_MANY, TOO_MANY])
      const another = await aClient(t, url)
      another.subscribe('SYM7')
      assert.deepEqual(await answered(), [TOO_MANY, TOO_MANY])
      assert.equal(client.socket.readyState, client.socket.OPEN)
    }
  )

  it('answers an unreadable message with an error frame and stays open', options, async (t) => {
    const { url } = await aSimulator(t)
    const client = await aClient(t, url)
    const wrong: readonly (readonly [string | Buffer, string])[] = [
      ['hello', 'message is not JSON'],
      [Buffer.from('{"type":"subscribe","symbol":"AAPL"}'), 'message is not JSON'],
      ['[1]', 'message is not an object'],
      ['null', 'message is not an object'],
      ['{"symbol":"AAPL"}', 'type is missing'],
      ['{"type":"shout"}', "unknown type 'shout'"],
      ['{"type":"subscribe"}', 'symbol is missing'],
      ['{"type":"unsubscribe","symbol":7}', 'symbol is missing']
    ]
    for (const [message] of wrong) client.socket.send(message)
    await until('all are answered', () => client.texts.length >= wrong.length)
    assert.deepEqual(
      client.texts.map((text) => JSON.parse(text) as unknown),
      wrong.map(([, problem]) => ({ type: 'error', msg: `Invalid message: ${problem}` }))
    )
    assert.equal(client.socket.readyState, client.socket.OPEN)
  })

  it('closes the connection of a client that sends a too long message', options, async (t) => {
    const { url, stats } = await aSimulator(t)
    const client = await aClient(t, url)
    client.socket.send('x'.repeat(5000))
    const [code] = (await once(client.socket, 'close')) as [number]
    assert.equal(code, 1009)
    await until('it is gone', () => stats().clients === 0)
  })

  it('serves health and metrics on a port of their own', options, async (t) => {
    const { url, healthUrl, stats } = await aSimulator(t, BUSY)
    const client = await aClient(t, url)
    client.subscribe('AAPL')
    await until('trades come', () => client.texts.length > 5)
    assert.equal((await fetch(`${healthUrl}/healthz`)).status, 200)
    assert.equal((await fetch(`${healthUrl}/readyz`)).status, 200)
    const metrics = await (await fetch(`${healthUrl}/metrics`)).text()
    const value = (name: string): number =>
      Number(new RegExp(`^tapedeck_simulator_${name} (\\S+)$`, 'm').exec(metrics)?.[1])
    assert.ok(value('trades_sent_total') > 0 && value('frames_sent_total') > 5)
    assert.ok(value('trades_sent_total') <= stats().tradesSent)
    assert.equal(value('tape_ended'), 0)
    assert.equal(value('clients'), 1)
  })

  it('closes its connections properly and frees its port when stopped', options, async (t) => {
    const { url, stop } = await aSimulator(t, BUSY)
    const client = await aClient(t, url)
    client.subscribe('AAPL')
    await until('trades come', () => client.texts.length > 5)
    const closed = once(client.socket, 'close')
    assert.equal(await stop(), true)
    assert.equal(((await closed) as [number])[0], 1001)
    const { port } = new URL(url)
    const second = await aSimulator(t, { SIMULATOR_PORT: port })
    assert.equal(second.url, url)
    const { context } = createContext(createLogger('simulator', 'silent'))
    await assert.rejects(startSimulator(readConfig({ SIMULATOR_PORT: port }), context), (error) =>
      hasCode(error, 'PORT_IN_USE')
    )
  })
})

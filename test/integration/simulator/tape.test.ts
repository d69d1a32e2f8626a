import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { hasCode } from '@tapedeck/core'
import { TestClock } from '../../support/test-clock.ts'
import { aClient, aSimulator, aTapeFile, tradesIn, until } from './feed-client.ts'

const options = { timeout: 120_000 }
const START_MS = 1_700_000_000_000
const SYMBOLS = ['AAPL', 'MSFT', 'SPY']

const aLine = (index: number, atMs = START_MS + index): string =>
  `{"s":"${SYMBOLS[index % 3]}","p":${(100 + (index % 500) / 100).toFixed(2)},"t":${atMs},"v":${index + 1},"c":["1"]}`
const aTape = (count: number): string =>
  Array.from({ length: count }, (_, index) => aLine(index)).join('\n')

describe('the simulator plays a tape', () => {
  it(
    'sends every trade in the recorded order, ten a frame, and then only pings',
    options,
    async (t) => {
      const file = aTapeFile(t, gzipSync(aTape(12_345)))
      const simulator = await aSimulator(t, {
        SIMULATOR_FILE: file,
        SIMULATOR_SPEED: 'max',
        SIMULATOR_PING: '50ms'
      })
      const client = await aClient(t, simulator.url)
      client.subscribe(...SYMBOLS)
      await until('all came', () => tradesIn(client.texts.slice(-9)).at(-1)?.v === 12_345)
      await until('a ping came', () => client.texts.at(-1) === '{"type":"ping"}')
      assert.equal(simulator.stats().tapeEnded, true)
      const sizes = tradesIn(client.texts).map(({ v }) => v)
      assert.deepEqual(
        sizes,
        Array.from({ length: 12_345 }, (_, index) => index + 1)
      )
      const frames = client.texts.filter((text) => text.includes('"data"'))
      assert.equal(frames.length, 1235)
      assert.ok(frames.slice(0, -1).every((text) => tradesIn([text]).length === 10))
      const { framesSent, tradesSent, tradesDropped } = simulator.stats()
      assert.deepEqual(
        { framesSent, tradesSent, tradesDropped },
        {
          framesSent: 1235,
          tradesSent: 12_345,
          tradesDropped: 0
        }
      )
      const metrics = await (await fetch(`${simulator.healthUrl}/metrics`)).text()
      assert.match(metrics, /^tapedeck_simulator_tape_ended 1$/m)
      assert.match(metrics, /^tapedeck_simulator_trades_sent_total 12345$/m)
    }
  )

  it(
    'plays recorded frames byte for byte, and filtered for a partial subscription',
    options,
    async (t) => {
      const lines = [
        '{"data":[{"c":["1","12"],"p":164.0601,"s":"AAPL","t":1700000000100,"v":5},{"c":null,"p":91000.10,"s":"BINANCE:BTCUSDT","t":1700000000076,"v":0.00008}],"type":"trade"}',
        '{"type":"ping"}',
        '{"data":[{"c":[],"p":2,"s":"BINANCE:BTCUSDT","t":1700000000200,"v":8e-05}],"type":"trade"}'
      ]
      const simulator = await aSimulator(t, {
        SIMULATOR_FILE: aTapeFile(t, lines.join('\n')),
        SIMULATOR_START: 'subscribed:3'
      })
      const [whole, part] = [await aClient(t, simulator.url), await aClient(t, simulator.url)]
      part.subscribe('AAPL')
      whole.subscribe('BINANCE:BTCUSDT', 'AAPL', 'SILENT')
      await until('the tape ended', () => simulator.stats().tapeEnded)
      await until('all came', () => whole.texts.length >= 3 && part.texts.length >= 2)
      assert.deepEqual(whole.texts, lines)
      assert.deepEqual(part.texts, [
        '{"data":[{"c":["1","12"],"p":164.0601,"s":"AAPL","t":1700000000100,"v":5}],"type":"trade"}',
        '{"type":"ping"}'
      ])
      assert.deepEqual(simulator.stats(), {
        framesSent: 5,
        tradesSent: 4,
        tradesDropped: 0,
        tradesWithheld: 0,
        framesInjected: 0,
        connections: 2,
        refusals: 0,
        tapeEnded: true,
        clients: 2
      })
    }
  )

  it('waits for the configured number of symbols', options, async (t) => {
    const simulator = await aSimulator(t, {
      SIMULATOR_FILE: aTapeFile(t, aTape(30)),
      SIMULATOR_SPEED: 'max',
      SIMULATOR_START: 'subscribed:3',
      SIMULATOR_PING: '20ms'
    })
    const client = await aClient(t, simulator.url)
    client.subscribe('AAPL', 'MSFT')
    await until('pings came', () => client.texts.length >= 10)
    assert.equal(simulator.stats().framesSent, 0)
    client.subscribe('SPY')
    await until('the tape ended', () => simulator.stats().tapeEnded)
    await until('all came', () => tradesIn(client.texts).length === 30)
  })

  it(
    'keeps the recorded speed, N times, and does not wait for a late trade',
    options,
    async (t) => {
      // A second of tape, a trade each 10 ms, every fifth one recorded late; played at half speed.
      const times = Array.from({ length: 101 }, (_, index) => (index % 5 === 4 ? 0 : index) * 10)
      const tape = times.map((afterMs, index) => aLine(index * 3, START_MS + afterMs)).join('\n')
      const clock = new TestClock()
      const env = { SIMULATOR_FILE: aTapeFile(t, tape), SIMULATOR_SPEED: '0.5' }
      const simulator = await aSimulator(t, env, clock)
      const client = await aClient(t, simulator.url)
      client.subscribe('AAPL')
      await until('the tape waits for quiet', () => clock.waiting === 1)
      await clock.advance(200)
      const newest = times.map((_, index) => Math.max(...times.slice(0, index + 1)))
      // Trades within 20 ms are sent together, when the last one is due; the first 10 ms begin the tape.
      const dueBy = (ms: number): number => newest.filter((at) => (at - 10) * 2 <= ms).length
      for (let playedMs = 0; playedMs <= 2020; playedMs += 20) {
        const sent = (): number => simulator.stats().tradesSent
        await until(`trades of ${playedMs} ms`, () => sent() >= dueBy(playedMs - 20))
        assert.ok(sent() <= dueBy(playedMs), `${sent()} trades too early at ${playedMs} ms`)
        await clock.advance(20)
      }
      await until('all came', () => tradesIn(client.texts).length === times.length)
      assert.deepEqual(
        tradesIn(client.texts).map(({ t: atMs }) => atMs - START_MS),
        times
      )
      assert.ok(client.texts.length > 30, `${client.texts.length} frames, expected many small ones`)
    }
  )

  it(
    'stops while no symbol is subscribed and continues with the next subscription',
    options,
    async (t) => {
      const lines = Array.from({ length: 1000 }, (_, index) => aLine(index * 3))
      const simulator = await aSimulator(t, { SIMULATOR_FILE: aTapeFile(t, lines.join('\n')) })
      const first = await aClient(t, simulator.url)
      first.subscribe('AAPL')
      await until('trades came', () => tradesIn(first.texts).length > 100)
      first.unsubscribe('AAPL')
      const second = await aClient(t, simulator.url)
      second.subscribe('AAPL')
      await until('the last one came', () => tradesIn(second.texts).at(-1)?.v === 2998)
      // Around the change both clients may get the same trades; none is lost.
      const sizes = tradesIn([...first.texts, ...second.texts]).map(({ v }) => v)
      assert.equal(new Set(sizes).size, 1000)
    }
  )

  it(
    'loses nothing when a client does not read for a while, in bounded memory',
    options,
    async (t) => {
      const count = 600_000
      const file = aTapeFile(t, gzipSync(aTape(count), { level: 1 }))
      const simulator = await aSimulator(t, { SIMULATOR_FILE: file, SIMULATOR_SPEED: 'max' })
      const client = await aClient(t, simulator.url)
      let next = 1
      let outOfOrder = 0
      client.socket.removeAllListeners('message')
      client.socket.on('message', (data) => {
        for (const { v } of tradesIn([(data as Buffer).toString()])) if (v !== next++) outOfOrder++
        if (next === 1001) client.socket.pause()
      })
      client.subscribe(...SYMBOLS)
      await until('it paused', () => client.socket.isPaused)
      let [sent, still] = [-1, 0]
      await until('sending has stopped', () => {
        const { tradesSent } = simulator.stats()
        still = tradesSent === sent ? still + 1 : 0
        sent = tradesSent
        return still >= 50
      })
      // Bytes on their way are in the buffers of two sockets and one MiB of the simulator.
      assert.ok(sent < count / 2, `${sent} trades were sent to a client that does not read`)
      client.socket.resume()
      await until('all came', () => next > count, 60_000)
      assert.equal(next, count + 1)
      assert.equal(outOfOrder, 0)
      assert.equal(simulator.stats().tapeEnded, true)
      assert.equal(simulator.stats().tradesSent, count)
    }
  )

  it('continues for the others when a client that does not read is gone', options, async (t) => {
    const count = 400_000
    const simulator = await aSimulator(t, {
      SIMULATOR_FILE: aTapeFile(t, gzipSync(aTape(count), { level: 1 })),
      SIMULATOR_SPEED: 'max'
    })
    const [reader, sleeper] = [await aClient(t, simulator.url), await aClient(t, simulator.url)]
    sleeper.socket.once('message', () => sleeper.socket.pause())
    reader.subscribe(...SYMBOLS)
    sleeper.subscribe(...SYMBOLS)
    await until('one sleeps', () => sleeper.socket.isPaused)
    sleeper.socket.terminate()
    await until('the tape ended', () => simulator.stats().tapeEnded)
    await until('all came', () => reader.texts.length === count / 10)
  })

  it('ends the service at an invalid line, named by its number', options, async (t) => {
    const lines = aTape(5000).split('\n')
    lines[4321] = '{"s":"AAPL","p":'
    const simulator = await aSimulator(t, {
      SIMULATOR_FILE: aTapeFile(t, lines.join('\n')),
      SIMULATOR_SPEED: 'max'
    })
    const client = await aClient(t, simulator.url)
    client.subscribe(...SYMBOLS)
    const failure = await simulator.stopped
    assert.ok(failure !== undefined && hasCode(failure.error, 'TAPE_INVALID'))
    assert.match(failure.error.message, /line 4322: found no JSON/)
    assert.equal(simulator.stats().tapeEnded, false)
  })

  it('does not start without its file', options, async (t) => {
    await assert.rejects(aSimulator(t, { SIMULATOR_FILE: '/does/not/exist' }), (error) =>
      hasCode(error, 'CONFIG_INVALID')
    )
  })
})

describe('the simulator plays a live market', () => {
  it('sends each trade within two slices of its time', options, async (t) => {
    const clock = new TestClock()
    const { url, controlUrl, stats } = await aSimulator(t, { SIMULATOR_RATE: '300' }, clock)
    const client = await aClient(t, url)
    client.subscribe(...SYMBOLS)
    await until('it is subscribed', async () =>
      (await (await fetch(controlUrl)).text()).includes('SPY')
    )
    for (let played = 0; played < 1000;) {
      await clock.advance(20)
      await until('what was sent came', () => tradesIn(client.texts).length === stats().tradesSent)
      const times = tradesIn(client.texts).map(({ t: atMs }) => atMs)
      const lagMs = clock.now() - Math.max(...times.slice(played))
      if (times.length > played) assert.ok(lagMs >= 0 && lagMs <= 40, `${lagMs} ms behind`)
      played = times.length
    }
  })

  it('drops and counts trades for a slow client, while others get all', options, async (t) => {
    const { url, stats } = await aSimulator(t, { SIMULATOR_RATE: '50000' })
    const sleeper = await aClient(t, url)
    sleeper.subscribe('BINANCE:BTCUSDT')
    sleeper.socket.once('message', () => sleeper.socket.pause())
    await until('trades are dropped', () => stats().tradesDropped > 0, 60_000)
    const reader = await aClient(t, url)
    reader.subscribe('AAPL')
    await until('the other one gets trades', () => tradesIn(reader.texts).length > 100)
    assert.ok(stats().tradesDropped > 0)
  })
})

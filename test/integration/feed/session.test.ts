import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { hasCode } from '@tapedeck/core'
import { createFeed, type FeedEvent } from '@tapedeck/feed'
import { eventually } from '../../support/eventually.ts'
import { startScriptedServer, type ServedClient } from '../../support/scripted-server.ts'
import { TestClock } from '../../support/test-clock.ts'
import { finnhubAt, follow, TOKEN } from './followed.ts'

const options = { timeout: 60_000 }
const soon = { everyMs: 2, timeoutMs: 10_000 }
const PING = '{"type":"ping"}'

describe('feed session: frames', () => {
  it(
    'yields each frame once with number and time, and calls the capture first',
    options,
    async (t) => {
      const server = await startScriptedServer(t, {
        onClient(client) {
          for (const text of [PING, 'not json', '{"data":[],"type":"trade"}']) client.send(text)
        }
      })
      const raw: unknown[] = []
      const { of } = follow(t, finnhubAt(server.url), {
        symbols: ['AAPL'],
        onRaw: (text, receivedAt, connection, frame) =>
          raw.push({ text, receivedAt, connection, frame })
      })
      await eventually(() => assert.equal(of('frame').length, 3), soon)
      const frames = of('frame')
      assert.deepEqual(
        frames.map(({ frame, text }) => ({ frame, text })),
        [
          { frame: 1, text: PING },
          { frame: 2, text: 'not json' },
          { frame: 3, text: '{"data":[],"type":"trade"}' }
        ]
      )
      assert.deepEqual(
        raw,
        frames.map(({ text, receivedAt, connection, frame }) => ({
          text,
          receivedAt,
          connection,
          frame
        }))
      )
    }
  )

  it('reads a binary frame as UTF-8, as it does a text one', options, async (t) => {
    const frame = '{"data":[{"p":0.1,"s":"BINANCE:币安人生USDT","t":1,"v":1}],"type":"trade"}'
    const server = await startScriptedServer(t, {
      onClient({ socket }) {
        socket.send(frame)
        socket.send(Buffer.from(frame), { binary: true })
      }
    })
    const { of } = follow(t, finnhubAt(server.url), { symbols: [] })
    await eventually(() => assert.equal(of('frame').length, 2), soon)
    assert.deepEqual(
      of('frame').map(({ text }) => text),
      [frame, frame]
    )
  })

  it('slows the sender down while the reader lags, and drops nothing', options, async (t) => {
    const server = await startScriptedServer(t)
    const stopping = new AbortController()
    t.after(() => stopping.abort())
    let came = 0
    const { events } = createFeed(
      finnhubAt(server.url),
      { symbols: [], queueFrames: 100, onRaw: () => came++ },
      stopping.signal
    )
    let first = await events.next()
    while (first.value?.kind !== 'subscribed') first = await events.next()
    const pad = 'x'.repeat(10_000)
    const total = 3000
    for (let i = 1; i <= total; i++) server.clients[0]?.send({ type: 'news', i, pad })
    await eventually(() => assert.ok(came >= 50), soon)
    let seen = 0
    let most = 0
    while (seen < total) {
      const { value } = await events.next()
      if (value?.kind !== 'frame') continue
      assert.equal(value.frame, ++seen)
      most = Math.max(most, came - seen)
    }
    // Half the queue, and the frames that were decoded when the socket was paused.
    assert.ok(most < 150, `${most} frames were held, expected about 50`)
  })
})

describe('feed session: connecting', () => {
  it('stops at 401 with a clear message and without the token', options, async (t) => {
    const server = await startScriptedServer(t)
    server.upgrade = 401
    const { ended } = follow(t, finnhubAt(server.url), {
      symbols: ['A'],
      credentials: 'FINNHUB_TOKEN'
    })
    const error = await ended
    assert.ok(hasCode(error, 'FEED_REFUSED'))
    assert.equal(
      error.message,
      'Cannot follow finnhub: the server answers 401, expected a valid FINNHUB_TOKEN'
    )
  })

  it(
    'stops when the feed itself refuses the key, after yielding that frame',
    options,
    async (t) => {
      const server = await startScriptedServer(t, {
        onClient: (client) => client.send({ type: 'error', msg: 'Invalid API key' })
      })
      const { ended, of } = follow(t, finnhubAt(server.url), { symbols: ['A'] })
      const error = await ended
      assert.ok(hasCode(error, 'FEED_REFUSED'))
      assert.match(error.message, /the feed says 'Invalid API key', expected a valid key/)
      assert.equal(of('frame').length, 1)
    }
  )

  it(
    'names the status of any other answer, and waits 30 s and more after 429',
    options,
    async (t) => {
      const server = await startScriptedServer(t)
      const clock = new TestClock()
      const { of } = follow(t, finnhubAt(server.url), { symbols: ['A'], clock })
      const statuses = [200, 524, 503, 429, 'cut'] as const
      for (const [index, status] of statuses.entries()) {
        server.upgrade = status
        if (index > 0) await clock.advance(90_000)
        await eventually(() => assert.ok(of('disconnected').length > index), soon)
      }
      const found = of('disconnected')
      for (const [index, status] of statuses.entries()) {
        const { cause, connection, retryInMs } = found[index] ?? assert.fail()
        assert.equal(connection, undefined)
        assert.ok(!cause.includes(TOKEN))
        if (status !== 'cut') assert.match(cause, new RegExp(`answers ${status} instead`))
        assert.equal(retryInMs >= 30_000, status === 429, `${status}: ${retryInMs}`)
      }
    }
  )

  it('gives up on a server that accepts the connection and never answers', options, async (t) => {
    const server = await startScriptedServer(t)
    server.upgrade = 'silence'
    const { of } = follow(t, finnhubAt(server.url), { symbols: ['A'], times: { handshakeMs: 50 } })
    await eventually(() => assert.match(of('disconnected')[0]?.cause ?? '', /handshake/), soon)
  })

  it('detects a half-open connection within a minute', options, async (t) => {
    const server = await startScriptedServer(t, { answersPings: false })
    const clock = new TestClock()
    const { of } = follow(t, finnhubAt(server.url), { symbols: [], clock })
    await eventually(() => assert.equal(of('subscribed').length, 1), soon)
    const startedMs = clock.now()
    await clock.advance(25_000)
    await eventually(() => assert.equal(server.clients[0]?.pings, 1), soon)
    await clock.advance(20_000)
    await eventually(() => assert.equal(of('disconnected').length, 1), soon)
    const [ending] = of('disconnected')
    assert.equal(ending?.cause, 'no answer to a ping within 20000 ms')
    assert.equal((ending?.atMs ?? 0) - startedMs, 45_000)
  })

  it('keeps a connection that answers pings until 150 s without a frame', options, async (t) => {
    const server = await startScriptedServer(t)
    const clock = new TestClock()
    const { of } = follow(t, finnhubAt(server.url), { symbols: [], clock })
    await eventually(() => assert.equal(of('subscribed').length, 1), soon)
    for (let pings = 1; pings <= 5; pings++) {
      await clock.advance(25_000)
      // The pong arrives before the test moves the clock.
      await eventually(() => assert.equal(server.clients[0]?.pings, pings), soon)
      await pongArrived(server.clients[0])
    }
    assert.equal(of('disconnected').length, 0)
    await clock.advance(25_000)
    await eventually(
      () => assert.equal(of('disconnected')[0]?.cause, 'no frame for 150000 ms'),
      soon
    )
  })

  it(
    'survives 1 000 closes in a row with bounded delays, a flat stack and no leak',
    options,
    async (t) => {
      const server = await startScriptedServer(t, { onClient: ({ socket }) => socket.close(1012) })
      const clock = new TestClock()
      const stopping = new AbortController()
      t.after(() => stopping.abort())
      const depths: number[] = []
      const limit = Error.stackTraceLimit
      t.after(() => {
        Error.stackTraceLimit = limit
      })
      Error.stackTraceLimit = 500
      const feed = createFeed(
        finnhubAt(server.url),
        {
          symbols: ['A'],
          clock,
          random: () => {
            depths.push(new Error().stack?.split('\n').length ?? 0)
            return 0.999
          }
        },
        stopping.signal
      )
      const resources = (): number =>
        process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
      const delays: number[] = []
      let timersEarly = 0
      for (let closes = 0; closes < 1000;) {
        const event = await nextWhileTimeGoes(feed.events, clock)
        if (event?.kind !== 'disconnected') continue
        closes++
        delays.push(event.retryInMs)
        if (closes === 10) timersEarly = resources()
      }
      assert.equal(delays[0], 999)
      assert.equal(Math.max(...delays), 59_940)
      assert.ok(delays.slice(6).every((ms) => ms === 59_940))
      assert.equal(Math.min(...depths), Math.max(...depths))
      assert.equal(depths.at(-1), depths[0])
      assert.ok(resources() <= timersEarly + 1)
      assert.equal(clock.waiting, 0)
      assert.equal(getEventListeners(stopping.signal, 'abort').length, 0)
      assert.equal(server.clients.length, 1000)
      stopping.abort()
      assert.equal((await feed.events.next()).done, true)
    }
  )
})

describe('feed session: stopping', () => {
  it('ends after the queued events, without a pending wait or a listener', options, async (t) => {
    const server = await startScriptedServer(t)
    const clock = new TestClock()
    const stopping = new AbortController()
    const { events } = createFeed(
      finnhubAt(server.url),
      { symbols: ['A', 'B'], clock },
      stopping.signal
    )
    assert.equal((await events.next()).value?.kind, 'connected')
    for (let i = 0; i < 3; i++) server.clients[0]?.send(PING)
    const seen: (string | undefined)[] = []
    while (seen.at(-1) !== 'frame') seen.push((await events.next()).value?.kind)
    stopping.abort()
    for await (const { kind } of events) seen.push(kind)
    assert.ok(!seen.includes('disconnected'))
    assert.equal(clock.waiting, 0)
    assert.equal(getEventListeners(stopping.signal, 'abort').length, 0)
    await eventually(() => assert.equal(server.clients[0]?.socket.readyState, 3), soon)
  })

  it('ends at once during the wait to connect again', options, async (t) => {
    const server = await startScriptedServer(t)
    server.upgrade = 503
    const { ended, of, stop } = follow(t, finnhubAt(server.url), {
      symbols: ['A'],
      clock: new TestClock()
    })
    await eventually(() => assert.equal(of('disconnected').length, 1), soon)
    stop()
    assert.equal(await ended, undefined)
  })
})

async function pongArrived(client: ServedClient | undefined): Promise<void> {
  // The answer to a later ping on the same socket shows that the first pong has arrived.
  assert.ok(client !== undefined)
  const { promise, resolve } = Promise.withResolvers<void>()
  client.socket.once('pong', () => resolve())
  client.socket.ping()
  await promise
}

/** The next event; until it comes, the clock moves from wait to wait. */
async function nextWhileTimeGoes(
  events: AsyncGenerator<FeedEvent>,
  clock: TestClock
): Promise<FeedEvent | undefined> {
  let hasCome = false
  const arriving = events.next().finally(() => {
    hasCome = true
  })
  const timeGoes = async (): Promise<void> => {
    // Only the wait for the next connection outlives a connection.
    if (clock.waiting === 1) await clock.advance(60_000)
    await turn()
    if (!hasCome) await timeGoes()
  }
  await timeGoes()
  const { value } = await arriving
  return value as FeedEvent | undefined
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { openReplay, type BarRow, type ForecastRow, type TradeRow } from '@tapedeck/client'
import { startConsumer } from '@tapedeck/consumer'
import { showTape } from '@tapedeck/tools/testing'
import { WebSocket } from 'ws'
import { inService } from '../../support/in-service.ts'
import { freePort } from '../../support/free-port.ts'
import { openMarket } from '../../support/market.ts'
import { aBar, aForecast, aTrade, T0_MS } from '../../support/market-documents.ts'
import { startService } from '../../support/service-process.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'
import { aRecord } from '../../support/trades.ts'
import { until } from '../../support/until.ts'
import { runningApi, untilReady } from './running-api.ts'

// Goal: what is stored comes again, each row once and in order, at the speed that was asked for, to a client that
// pauses, seeks, reads slowly or leaves. Method: a real database, also one that is cut off, and the published client.

const options = { timeout: 240_000 }
const LIMIT_MS = 60_000
/** What four clients that read nothing may add to the resident memory of the api, whose heap is held to 80; their rows have 100. */
const MOST_ADDED_MB = 60
const SECOND_MS = 1000
const MINUTE_MS = 60_000
const SYMBOLS = ['AAPL', 'MSFT'] as const

/** Trades one after another, several a millisecond where they are many; their order is that of their ids. */
function tradesOf(count: number, lengthMs: number) {
  return Array.from({ length: count }, (_, at) => {
    const offsetMs = Math.floor((at * lengthMs) / count)
    return aTrade(SYMBOLS[at % 2] ?? 'AAPL', offsetMs, { _id: `c-${at}-0`, price: 100 + (at % 50) })
  })
}

async function aMarket(t: TestContext) {
  const market = await openMarket(t)
  const { database } = market
  return {
    database,
    market,
    env: market.env,
    async store(count: number, lengthMs: number): Promise<readonly string[]> {
      const trades = tradesOf(count, lengthMs)
      for (let at = 0; at < count; at += 10_000)
        await database.trades.insertMany(trades.slice(at, at + 10_000))
      const tMs = ({ tradedAt }: { tradedAt: Date }): number => tradedAt.getTime()
      return trades
        .map((trade, at) => ({ trade, at }))
        .toSorted(
          (a, b) =>
            tMs(a.trade) - tMs(b.trade) ||
            (a.trade.symbol < b.trade.symbol ? -1 : a.trade.symbol > b.trade.symbol ? 1 : 0) ||
            a.at - b.at
        )
        .map(({ trade }) => trade._id)
    },
    async api(uri = market.env['MONGODB_URI'] ?? '') {
      const name = market.env['MONGODB_DB'] ?? ''
      const api = await runningApi(t, {
        uri,
        database: name,
        more: { ...market.env, MONGODB_URI: uri }
      })
      await untilReady(api.get)
      return api
    }
  }
}

const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id)

describe('a replay', options, () => {
  for (const { speed, lengthMs } of [
    { speed: 1, lengthMs: 3 * SECOND_MS },
    { speed: 60, lengthMs: 3 * MINUTE_MS },
    { speed: 'max', lengthMs: 60 * MINUTE_MS }
  ] as const) {
    it(`sends each trade once, in order and at its time, at speed ${speed}`, async (t) => {
      const { store, api } = await aMarket(t)
      const expected = await store(20_000, lengthMs)
      const { url } = await api()
      const ids: string[] = []
      let latest = -Infinity
      const begunMs = performance.now()
      for await (const { trades = [], time } of openReplay(url, {
        channels: ['trades'],
        symbols: SYMBOLS,
        from: T0_MS,
        to: T0_MS + lengthMs,
        speed
      })) {
        ids.push(...idsOf(trades))
        latest = Math.max(latest, (time - T0_MS) / (speed === 'max' ? Infinity : speed))
        assert.ok(latest <= performance.now() - begunMs, 'a row came before its time')
      }
      assert.deepEqual(ids, expected)
    })
  }

  it('sends the bars of /api/v1/bars as they become final, and forecasts before their outcome', async (t) => {
    const { database, store, api } = await aMarket(t)
    await store(600, 10 * MINUTE_MS)
    const bars = Array.from({ length: 10 }, (_, at) => [
      ...SYMBOLS.map((symbol) => aBar(symbol, '1m', MINUTE_MS, at, { close: 100 + at })),
      ...(at % 5 === 0 ? [aBar('AAPL', '5m', MINUTE_MS * 5, at / 5)] : [])
    ]).flat()
    await database.bars.insertMany(bars)
    await database.forecasts.insertMany([
      aForecast('AAPL', 3, { error: 0.5, naiveError: 1 }),
      aForecast('AAPL', 12, { error: 0.5, naiveError: 1 }),
      aForecast('AAPL', 4, undefined)
    ])
    const { url, get } = await api()
    const got: { bars: BarRow[]; forecasts: ForecastRow[]; trades: TradeRow[] } = {
      bars: [],
      forecasts: [],
      trades: []
    }
    const order: string[] = []
    for await (const batch of openReplay(url, {
      channels: ['trades', 'bars', 'forecasts'],
      symbols: '*',
      timeframes: ['1m', '5m'],
      from: T0_MS,
      to: T0_MS + 10 * MINUTE_MS + 1,
      speed: 'max'
    })) {
      got.bars.push(...(batch.bars ?? []))
      got.forecasts.push(...(batch.forecasts ?? []))
      got.trades.push(...(batch.trades ?? []))
      for (const { symbol, timeframe, end } of batch.bars ?? [])
        order.push(`${end - T0_MS} bar ${timeframe} ${symbol}`)
      for (const { status, time } of batch.forecasts ?? [])
        order.push(`${status} forecast of ${(time - T0_MS) / MINUTE_MS}`)
      for (const { time } of batch.trades ?? []) order.push(`${time - T0_MS} trade`)
    }
    assert.equal(got.trades.length, 600)
    for (const timeframe of ['1m', '5m']) {
      const range = `from=${T0_MS}&to=${T0_MS + 10 * MINUTE_MS}`
      const { body } = await get(`/api/v1/bars?symbol=*&timeframe=${timeframe}&${range}`)
      const own = got.bars.filter((bar) => bar.timeframe === timeframe)
      const stored = body['bars'] as readonly Record<string, unknown>[]
      assert.ok(stored.length > 0)
      assert.deepEqual(
        own.map((bar) => ({ ...bar })),
        stored.map((bar, at) =>
          Object.fromEntries(Object.keys(own[at] ?? {}).map((name) => [name, barField(bar, name)]))
        )
      )
    }
    const at = (entry: string): number => order.indexOf(entry)
    assert.ok(at('59000 trade') < at('60000 bar 1m AAPL'))
    assert.ok(at('60000 bar 1m AAPL') < at('60000 trade'))
    assert.deepEqual(
      order.filter((entry) => entry.includes('forecast')),
      ['open forecast of 3', 'scored forecast of 3', 'open forecast of 4']
    )
    assert.ok(at('180000 bar 1m AAPL') < at('open forecast of 3'))
    assert.ok(at('open forecast of 3') < at('180000 trade'))
    assert.ok(
      got.forecasts.every(({ status, actual }) => (status === 'open') === (actual === null))
    )
  })

  it('pauses, and goes on from any time of its range', async (t) => {
    const { store, api } = await aMarket(t)
    const expected = await store(6000, 10 * MINUTE_MS)
    const { url } = await api()
    const states: string[] = []
    const after: string[][] = []
    const replay = openReplay(url, {
      channels: ['trades'],
      symbols: SYMBOLS,
      from: T0_MS,
      to: T0_MS + 10 * MINUTE_MS,
      speed: 100,
      onProgress({ state }) {
        states.push(state)
        if (state !== 'paused' || after.length > 0) return
        replay.seek(T0_MS + 8 * MINUTE_MS)
        replay.play()
        after.push([])
      }
    })
    for await (const { trades = [], time } of replay) {
      after.at(-1)?.push(...idsOf(trades))
      if (after.length === 0 && time > T0_MS + MINUTE_MS) replay.pause()
      else if (after.length === 1 && (after[0]?.length ?? 0) > 100) {
        replay.seek(new Date(T0_MS + 2 * MINUTE_MS).toISOString())
        after.push([])
      } else if (after.length === 2 && (after[1]?.length ?? 0) > 100) {
        replay.setSpeed('max')
        replay.seek(T0_MS + 9 * MINUTE_MS)
        after.push([])
      }
    }
    const [first = [], second = [], third = []] = after
    assert.deepEqual(first, expected.slice(4800, 4800 + first.length))
    assert.deepEqual(second, expected.slice(1200, 1200 + second.length))
    assert.deepEqual(third, expected.slice(5400))
    assert.ok(states.includes('paused'))
    assert.equal(states.at(-1), 'ended')
  })

  it('plays several beside a live subscription, and refuses what it does not understand', async (t) => {
    const { store, api, market } = await aMarket(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    await store(100, MINUTE_MS)
    const { url } = await api()
    const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/stream`)
    t.after(() => socket.terminate())
    const messages: Record<string, unknown>[] = []
    socket.on('message', (data) =>
      messages.push(JSON.parse((data as Buffer).toString()) as Record<string, unknown>)
    )
    await new Promise<void>((resolve) => socket.once('open', resolve))
    const say = (message: object): void => socket.send(JSON.stringify(message))
    const errors = (): string[] =>
      messages.filter(({ type }) => type === 'error').map((one) => JSON.stringify(one['error']))
    say({ type: 'replay', channels: ['feed'], symbols: 'AAPL', from: 'today', speed: 0, sped: 1 })
    await until('it is refused', () => errors().length === 1, LIMIT_MS)
    for (const expected of [
      /sped is no field of replay.*did you mean speed/,
      /id is null, expected a number or a text/,
      /channels has 'feed', expected bars, forecasts, trades/,
      /from is .*today.*, expected epoch/,
      /speed is 0, expected a number from 0.1 to 1000, or max/
    ])
      assert.match(errors()[0] ?? '', expected)
    const ask = {
      type: 'replay',
      channels: ['trades'],
      symbols: '*',
      from: T0_MS,
      to: T0_MS + MINUTE_MS
    }
    for (let id = 0; id < 6; id++) say({ ...ask, id })
    say({ ...ask, id: 1 })
    say({ type: 'seek', id: 1, time: T0_MS - 1 })
    say({ type: 'pause', id: 'none' })
    await until('more are refused', () => errors().length === 6, LIMIT_MS)
    assert.match(errors()[1] ?? '', /TOO_MANY_REPLAYS.*4 of one client play already/)
    assert.match(errors()[3] ?? '', /a replay 1 plays already/)
    assert.match(errors()[4] ?? '', /time is .*, expected from/)
    assert.match(errors()[5] ?? '', /REPLAY_OVER.*expected one of 0, 1, 2, 3/)
    say({ type: 'subscribe', channels: 'trades', symbols: '*' })
    await until('it is live', () => messages.some(({ type }) => type === 'live'), LIMIT_MS)
    const trades = [{ p: 231.47, t: Date.now(), v: 10, c: ['1'] }]
    await market.publish([aRecord({ symbol: 'AAPL', frame: 1, receivedAt: Date.now(), trades })])
    await until('a live trade comes', () => messages.some(({ type }) => type === 'data'), LIMIT_MS)
    say({ type: 'stop', id: 0 })
    for (let id = 1; id < 4; id++) say({ type: 'speed', id, speed: 'max' })
    const ended = (): number => messages.filter(({ type }) => type === 'replayed').length
    await until('all have ended', () => ended() === 4, LIMIT_MS)
    const sentOf = (id: number): unknown[] =>
      messages.flatMap((one) =>
        one['type'] === 'replay' && one['id'] === id ? (one['trades'] as unknown[]) : []
      )
    assert.deepEqual(
      [1, 2, 3].map((id) => sentOf(id).length),
      [100, 100, 100]
    )
    const reasons = messages.flatMap(({ type, reason }) => (type === 'replayed' ? [reason] : []))
    assert.deepEqual(reasons, ['stopped', 'end', 'end', 'end'])
  })

  it('is the tape of the terminal, and ends with the range', async (t) => {
    const { store, api } = await aMarket(t)
    const expected = await store(500, 10 * MINUTE_MS)
    const { url } = await api()
    const replay = { fromMs: T0_MS, toMs: T0_MS + 10 * MINUTE_MS, speed: 600 } as const
    const args = { symbols: ['AAPL', 'MSFT'], timeframe: '1m', api: undefined, replay }
    for (const isTerminal of [true, false]) {
      let text = ''
      const write = (part: string): void => void (text += part)
      const display = { columns: 80, rows: 24, isTerminal, write }
      await showTape(args, url, display, t.signal)
      if (isTerminal) {
        assert.match(text, /replay, 600 times as fast \(simulated\)/)
        assert.match(text, /15:0\d:\d\d UTC/)
      } else
        assert.deepEqual(
          idsOf(
            text
              .trim()
              .split('\n')
              .map((row) => JSON.parse(row) as TradeRow)
          ),
          expected
        )
    }
  })

  it('waits for a database that is away, each trade once', async (t) => {
    const { store, api, env } = await aMarket(t)
    const expected = await store(20_000, 10 * MINUTE_MS)
    const proxy = await openTcpProxy(t, env['MONGODB_URI'] ?? '')
    const { url } = await api(proxy.uri)
    const reasons = new Set<string>()
    const ids: string[] = []
    let isCut = false
    const replay = openReplay(url, {
      channels: ['trades'],
      symbols: SYMBOLS,
      from: T0_MS,
      to: T0_MS + 10 * MINUTE_MS,
      speed: 100,
      onProgress: ({ reason }) => void reasons.add(reason)
    })
    for await (const { trades = [] } of replay) {
      ids.push(...idsOf(trades))
      if (isCut || ids.length < 1000) continue
      isCut = true
      await proxy.close()
      replay.setSpeed(1000)
      const back = async (): Promise<void> => {
        await until(
          'it waits',
          () => [...reasons].some((one) => one.includes('does not answer')),
          LIMIT_MS
        )
        await proxy.reopen()
      }
      void back()
    }
    assert.deepEqual(ids, expected)
    assert.ok([...reasons].some((one) => one.includes('does not answer')))
  })

  it('goes on at its place when the api is killed, each trade once', async (t) => {
    const { store, env } = await aMarket(t)
    const expected = await store(20_000, MINUTE_MS)
    const port = await freePort()
    const own = { ...env, API_PORT: String(port), SYMBOLS: SYMBOLS.join(',') }
    let api = await startService('api', own)
    t.after(() => api.stop())
    const ids: string[] = []
    let kills = 0
    for await (const { trades = [] } of openReplay(`http://127.0.0.1:${port}`, {
      channels: ['trades'],
      symbols: SYMBOLS,
      from: T0_MS,
      to: T0_MS + MINUTE_MS,
      speed: 20
    })) {
      ids.push(...idsOf(trades))
      if (ids.length < (kills + 1) * 5000 || kills === 2) continue
      kills++
      process.kill(api.pid, 'SIGKILL')
      await api.exited
      api = await startService('api', own)
    }
    assert.equal(kills, 2)
    assert.deepEqual(ids, expected)
  })

  it('holds little for a client that reads slowly, and nothing for one that has left', async (t) => {
    const { database, store, env } = await aMarket(t)
    const count = 60_000
    await store(count, 60 * MINUTE_MS)
    const port = await freePort()
    const api = await startService('api', {
      ...env,
      API_PORT: String(port),
      SYMBOLS: SYMBOLS.join(','),
      // Where there is more, V8 takes it.
      NODE_OPTIONS: '--max-old-space-size=80'
    })
    t.after(() => api.stop())
    const memoryMb = (): number => {
      const status = readFileSync(`/proc/${api.pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
    }
    const openCursors = async (): Promise<number> => {
      const { metrics } = (await database.db.admin().serverStatus()) as unknown as {
        metrics: { cursor: { open: { total: number } } }
      }
      return metrics.cursor.open.total
    }
    const connect = async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/stream`)
      t.after(() => socket.terminate())
      let rows = 0
      let end = ''
      socket.on('message', (data) => {
        const text = (data as Buffer).toString()
        if (text.startsWith('{"type":"replay"')) rows += text.split('"tradedAt"').length - 1
        if (text.startsWith('{"type":"replayed"')) end = text
      })
      await new Promise<void>((resolve) => socket.once('open', resolve))
      const range = { from: T0_MS, to: T0_MS + 60 * MINUTE_MS }
      socket.send(
        JSON.stringify({
          type: 'replay',
          id: 1,
          channels: 'trades',
          symbols: SYMBOLS,
          speed: 'max',
          ...range
        })
      )
      return { socket, rows: () => rows, end: () => end }
    }
    const cursorsBefore = await openCursors()
    const warm = await connect()
    await until('a first replay has ended', () => warm.end() !== '', LIMIT_MS)
    assert.equal(warm.rows(), count)
    const beforeMb = memoryMb()
    let mostMb = 0
    const slow = await Promise.all([connect(), connect(), connect(), connect()])
    for (const { socket } of slow) socket.pause()
    for (let looks = 0; looks < 40; looks++) {
      mostMb = Math.max(mostMb, memoryMb())
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const [first, ...others] = slow
    for (const { socket } of others) socket.terminate()
    await until('no cursor is open', async () => (await openCursors()) <= cursorsBefore, LIMIT_MS)
    first?.socket.resume()
    await until('the slow one has all', () => first?.end() !== '', LIMIT_MS)
    mostMb = Math.max(mostMb, memoryMb())
    t.diagnostic(`memory before ${beforeMb.toFixed(0)} MB, at most ${mostMb.toFixed(0)} MB`)
    assert.equal(first?.rows(), count)
    assert.ok(mostMb < beforeMb + MOST_ADDED_MB, `${mostMb} MB after ${beforeMb}`)
  })
})

/** A field of a row of /api/v1/bars by its name in the stream. */
function barField(bar: Readonly<Record<string, unknown>>, name: string): unknown {
  return name === 'end' ? (bar['end'] ?? bar['timeEnd']) : bar[name]
}

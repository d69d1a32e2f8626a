import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { showTape } from '@tapedeck/tools/testing'
import { WebSocket } from 'ws'
import { inService } from '../../support/in-service.ts'
import { openMarket, recreateTopic } from '../../support/market.ts'
import { aRecord, aTrade } from '../../support/trades.ts'
import { until } from '../../support/until.ts'
import { runningApi, untilReady } from './running-api.ts'

const options = { timeout: 120_000 }
const TOKEN = 'a-token-of-sixteen-or-more'
const LIMIT_MS = 60_000

async function aStream(t: TestContext, more: Readonly<Record<string, string>> = {}) {
  const market = await openMarket(t)
  await inService(t, (context) => startConsumer(market.consumer(), context))
  const api = await runningApi(t, {
    uri: market.env['MONGODB_URI'] ?? '',
    database: market.env['MONGODB_DB'] ?? '',
    more: { ...market.env, ...more }
  })
  await untilReady(api.get)
  return { market, ...api }
}

/** Every text that a socket receives; `say` sends JSON. */
async function talk(t: TestContext, url: string) {
  const socket = new WebSocket(url.replace('http', 'ws'))
  t.after(() => socket.terminate())
  const texts: string[] = []
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  socket.on('message', (data) => texts.push((data as Buffer).toString()))
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  return { texts, closed, say: (request: object) => socket.send(JSON.stringify(request)) }
}

type Talk = Awaited<ReturnType<typeof talk>>

/** The first message of a type, once it is there. */
async function message(of: Talk, type: string): Promise<Record<string, unknown>> {
  const find = (): Record<string, unknown> | undefined =>
    of.texts
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .find((one) => one['type'] === type)
  await until(`a message ${type} comes`, () => find() !== undefined, LIMIT_MS)
  return find() ?? {}
}

const nowRecord = (frame: number, price: number, symbol = 'AAPL') =>
  aRecord({
    symbol,
    frame,
    receivedAt: Date.now(),
    trades: [aTrade({ p: price, t: Date.now(), c: ['1', '12'] })]
  })

describe('the stream, spoken', options, () => {
  it('sends bars and forecasts of every version, and outages', async (t) => {
    const { market, url } = await aStream(t)
    const client = await talk(t, `${url}/api/v1/stream`)
    const channels = ['bars', 'feed']
    client.say({ type: 'subscribe', id: 'mine', channels, symbols: 'AAPL', timeframes: '1s' })
    assert.equal((await message(client, 'live'))['id'], 'mine')
    await market.publish([nowRecord(1, 100)])
    await market.publishGap({ id: 'out', fromMs: 1000, toMs: 2000 })
    const rows = (channel: string): Record<string, unknown>[] =>
      client.texts.flatMap(
        (text) =>
          ((JSON.parse(text) as Record<string, unknown[]>)[channel] ?? []) as Record<
            string,
            unknown
          >[]
      )
    await until(
      'the bar is final',
      () => rows('bars').some(({ status }) => status === 'final'),
      LIMIT_MS
    )
    const [bar] = rows('bars').filter(({ status }) => status === 'final')
    const stored = await market.database.bars.findOne({ _id: String(bar?.['id']) })
    assert.equal(bar?.['close'], stored?.close)
    assert.deepEqual(
      rows('feed').map(({ id, from, to }) => ({ id, from, to })),
      [{ id: 'out', from: 1000, to: 2000 }]
    )
  })

  it('sends a client that did not ask for it nothing from before the api was started', async (t) => {
    const market = await openMarket(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    await market.publish([nowRecord(1, 101), nowRecord(2, 102, 'MSFT')])
    const { url, get } = await runningApi(t, {
      uri: market.env['MONGODB_URI'] ?? '',
      database: market.env['MONGODB_DB'] ?? '',
      more: market.env
    })
    await untilReady(get)
    const finnhub = await talk(t, `${url}/finnhub`)
    for (const symbol of ['AAPL', 'MSFT']) finnhub.say({ type: 'subscribe', symbol })
    const client = await talk(t, `${url}/api/v1/stream`)
    client.say({ type: 'subscribe', channels: 'trades', symbols: '*' })
    await message(client, 'live')
    await market.publish([nowRecord(3, 103), nowRecord(4, 104, 'MSFT')])
    for (const { texts } of [finnhub, client]) {
      const has = (price: number): boolean => texts.some((text) => text.includes(`:${price},`))
      await until('both trades come', () => has(103) && has(104), LIMIT_MS)
      assert.deepEqual([has(101), has(102)], [false, false])
    }
  })

  it('refuses what it does not understand, and says what it expected', async (t) => {
    const { url, get } = await aStream(t)
    const client = await talk(t, `${url}/api/v1/stream`)
    client.say({ type: 'subscribe', id: 3, channels: ['trades'], symbol: 'AAPL' })
    const error = await message(client, 'error')
    assert.equal(error['id'], 3)
    assert.match(JSON.stringify(error), /symbol is no field of subscribe.*did you mean symbols/)
    client.say({ type: 'subscribe', channels: 'trades', symbols: '*', resume: '00.1..' })
    await until(
      'the token is refused',
      () => client.texts.some((text) => text.includes('RESUME_TOO_OLD')),
      LIMIT_MS
    )
    const plain = await get('/api/v1/stream')
    assert.equal(plain.status, 426)
    assert.match(plain.body.error?.message ?? '', /speaks WebSocket/)
    const large = await talk(t, `${url}/api/v1/stream`)
    large.say({ type: 'ping', id: 'x'.repeat(70_000) })
    assert.equal(await large.closed, 1009)
  })

  it('streams the same as server-sent events, and goes on after the last id', async (t) => {
    const { market, url } = await aStream(t)
    const read = async (
      headers: Record<string, string>,
      holds: (text: string) => boolean
    ): Promise<string> => {
      const stop = new AbortController()
      const address = `${url}/api/v1/events?channels=trades&symbols=AAPL`
      const response = await fetch(address, { headers, signal: stop.signal })
      assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
      let text = ''
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk as Uint8Array, { stream: true })
        if (
          text.includes('"live"') &&
          headers['last-event-id'] === undefined &&
          !text.includes('"data"')
        ) {
          await market.publish([nowRecord(1, 101)])
        }
        if (holds(text)) break
      }
      stop.abort()
      return text
    }
    const first = await read({}, (text) => text.includes('"price":101') && text.endsWith('\n\n'))
    const lastId = [...first.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? ''
    await market.publish([nowRecord(2, 102)])
    const second = await read({ 'last-event-id': lastId }, (text) => text.includes('"price":102'))
    assert.doesNotMatch(second, /"price":101/)
    const wrong = await fetch(`${url}/api/v1/events?channels=trade&symbols=*`)
    assert.equal(wrong.status, 400)
  })

  it("speaks Finnhub's protocol to programs that were written for it", async (t) => {
    const { market, url } = await aStream(t, {
      API_TOKEN: TOKEN,
      FINNHUB_MAX_SYMBOLS: '2',
      SYMBOLS: 'AAPL'
    })
    await assert.rejects(talk(t, `${url}/finnhub?token=wrong`), /401/)
    const client = await talk(t, `${url}/finnhub?token=${TOKEN}`)
    for (const symbol of ['AAPL', 'MSFT', 'NVDA']) client.say({ type: 'subscribe', symbol })
    await until('the third is refused', () => client.texts.length > 0, LIMIT_MS)
    const record = nowRecord(1, 231.47)
    await market.publish([record, nowRecord(2, 5, 'NVDA')])
    await until('a frame comes', () => client.texts.length > 1, LIMIT_MS)
    const t0 = record.trades[0]?.t
    assert.deepEqual(client.texts, [
      '{"msg":"Subscribing to too many symbols","type":"error"}',
      `{"data":[{"c":["1","12"],"p":231.47,"s":"AAPL","t":${t0},"v":10}],"type":"trade"}`
    ])
    const again = await talk(t, `${url}/finnhub?token=${TOKEN}`)
    again.say({ type: 'subscribe', symbol: 'AAPL', since: record.receivedAt })
    await until('what was missed comes', () => again.texts.length > 0, LIMIT_MS)
    assert.deepEqual(again.texts, [client.texts[1]])
  })

  it('moves in a terminal, and is lines of JSON in a pipe', async (t) => {
    const { market, url } = await aStream(t)
    const shown = async (
      isTerminal: boolean,
      holds: (text: string) => boolean
    ): Promise<string> => {
      let text = ''
      const ended = new AbortController()
      const write = (part: string): void => void (text += part)
      const display = { columns: 80, rows: 24, isTerminal, write }
      const args = { symbols: ['AAPL'], timeframe: '1s', api: undefined }
      const showing = showTape(args, url, display, ended.signal)
      try {
        let frame = 0
        await until(
          'the trade is shown',
          async () => {
            frame++
            const connection = isTerminal ? 'terminal' : 'pipe'
            await market.publish([{ ...nowRecord(frame, 123.25), connection }])
            return holds(text)
          },
          LIMIT_MS,
          500
        )
      } finally {
        ended.abort()
        await showing
      }
      return text
    }
    const piped = await shown(false, (text) => text.includes('\n'))
    assert.equal((JSON.parse(piped.split('\n')[0] ?? '') as { price: number }).price, 123.25)
    const drawn = await shown(true, (text) => text.includes('live') && text.includes('123.25'))
    assert.match(drawn, /AAPL.*123\.25/)
  })

  it('sends its clients away when the topic is created again, and knows no earlier position', async (t) => {
    const { market, url } = await aStream(t)
    const ask = { type: 'subscribe', channels: 'trades', symbols: 'AAPL' }
    const before = await talk(t, `${url}/api/v1/stream`)
    before.say(ask)
    const { resume } = await message(before, 'live')
    await market.publish([nowRecord(1, 101)])
    await until(
      'the trade comes',
      () => before.texts.some((text) => text.includes('"price":101')),
      LIMIT_MS
    )
    await recreateTopic(t, market)
    assert.equal(await before.closed, 1012)
    const after = await talk(t, `${url}/api/v1/stream`)
    after.say({ ...ask, resume })
    assert.match(JSON.stringify(await message(after, 'error')), /RESUME_TOO_OLD.*another topic/)
    after.say(ask)
    await message(after, 'live')
    await market.publish([nowRecord(2, 102)])
    await until(
      'the new trade comes',
      () => after.texts.some((text) => text.includes('"price":102')),
      LIMIT_MS
    )
    assert.ok(!after.texts.some((text) => text.includes('"price":101')))
  })

  it('says that it is off where the api was started without a broker', async (t) => {
    const market = await openMarket(t)
    const { get } = await runningApi(t, {
      uri: market.env['MONGODB_URI'] ?? '',
      database: market.env['MONGODB_DB'] ?? ''
    })
    const { status, body } = await get('/api/v1/stream')
    assert.equal(status, 503)
    assert.match(body.error?.message ?? '', /expected KAFKA_BROKERS/)
  })
})

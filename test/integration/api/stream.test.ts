import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startConsumer } from '@tapedeck/consumer'
import { WebSocket } from 'ws'
import { freePort } from '../../support/free-port.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { wholeNumbers } from '../../support/random-numbers.ts'
import { startService, type RunningService } from '../../support/service-process.ts'
import { aRecord, aTrade } from '../../support/trades.ts'
import { until } from '../../support/until.ts'

const options = { timeout: 240_000 }
const SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'BINANCE:BTCUSDT'] as const

interface Row {
  readonly id: string
  readonly symbol: string
  readonly status?: string
  readonly tradeCount?: number
}

interface Message {
  readonly type: string
  readonly id?: string | number
  readonly trades?: readonly Row[]
  readonly bars?: readonly Row[]
  readonly resume?: string
  readonly error?: { readonly code: string; readonly message: string }
}

/** Publishes records of trades that happen now, at a rate, until told to stop; returns the ids so far. */
function publishing(t: TestContext, market: Market, perSecond: number) {
  const next = wholeNumbers(5)
  const ids: string[] = []
  let frame = 0
  const ended = new AbortController()
  const run = async (): Promise<void> => {
    const startedMs = performance.now()
    while (!ended.signal.aborted) {
      const due = ((performance.now() - startedMs) / 1000) * perSecond
      const records = []
      while (ids.length < due) {
        frame++
        const trades = Array.from({ length: 1 + next(9) }, () =>
          aTrade({ p: 100 + next(1000) / 100, v: 1 + next(300), t: Date.now() })
        )
        const symbol = SYMBOLS[next(SYMBOLS.length)] ?? 'AAPL'
        records.push(aRecord({ symbol, frame, receivedAt: Date.now(), trades }))
        trades.forEach((_, index) => ids.push(`0mwv6bn8sff46-${frame}-${index}`))
      }
      await market.publish(records)
      await sleep(10)
    }
  }
  const running = run().catch(() => undefined)
  t.after(async () => {
    ended.abort()
    await running
  })
  return {
    ids,
    async stop() {
      ended.abort()
      await running
    }
  }
}

/** A client that keeps what it was sent, and comes back with its token when the connection breaks. */
class Client {
  readonly messages: Message[] = []
  readonly trades: Row[] = []
  resumes = 0
  #resume: string | undefined
  #isOpen = true
  #socket: WebSocket | undefined
  readonly #url: string
  readonly #first: object

  constructor(t: TestContext, url: string, first: object) {
    this.#url = url
    this.#first = first
    t.after(() => {
      this.#isOpen = false
      this.#socket?.terminate()
    })
    void this.#run()
  }

  async #run(): Promise<void> {
    while (this.#isOpen) {
      const socket = new WebSocket(this.#url)
      this.#socket = socket
      socket.on('error', (error) => {
        if (process.env['SHOW'] !== undefined) console.log(error.message)
      })
      socket.on('open', () => {
        const resume = this.#resume
        if (resume !== undefined) this.resumes++
        const { since: _since, ...selection } = this.#first as { since?: unknown }
        socket.send(JSON.stringify(resume === undefined ? this.#first : { ...selection, resume }))
      })
      socket.on('message', (data) => this.#take(JSON.parse((data as Buffer).toString()) as Message))
      await new Promise((resolve) => socket.once('close', resolve))
      await sleep(50)
    }
  }

  #take(message: Message): void {
    if (process.env['SHOW'] !== undefined) console.log(JSON.stringify(message).slice(0, 60))
    this.messages.push(message)
    this.trades.push(...(message.trades ?? []))
    if (message.resume !== undefined && message.type !== 'welcome') this.#resume = message.resume
  }
}

async function aStream(t: TestContext): Promise<{
  market: Market
  url: string
  kill(): Promise<void>
}> {
  const market = await openMarket(t)
  await inService(t, (context) => startConsumer(market.consumer(), context))
  const port = await freePort()
  const env = { ...market.env, API_PORT: String(port), SYMBOLS: SYMBOLS.join(',') }
  let api: RunningService = await startService('api', env)
  t.after(() => {
    if (process.env['SHOW'] !== undefined) console.log(api.lastLines())
    return api.stop()
  })
  return {
    market,
    url: `ws://127.0.0.1:${port}/api/v1/stream`,
    async kill() {
      process.kill(api.pid, 'SIGKILL')
      await api.exited
      api = await startService('api', env)
    }
  }
}

describe('the stream', options, () => {
  it('joins what is stored and what comes without a hole and without a repeat', async (t) => {
    const { market, url } = await aStream(t)
    const since = Date.now()
    const tape = publishing(t, market, 2000)
    await until(
      'some trades are stored',
      async () => (await market.database.trades.countDocuments()) > 1000
    )
    const request = { type: 'subscribe', channels: ['trades'], symbols: SYMBOLS, since }
    const clients = Array.from({ length: 5 }, () => new Client(t, url, request))
    for (const client of clients) {
      await until('a client is live', () => client.messages.some(({ type }) => type === 'live'))
    }
    await sleep(500)
    await tape.stop()
    for (const client of clients) {
      await until('a client has all trades', () => client.trades.length >= tape.ids.length)
      assert.deepEqual(client.trades.map(({ id }) => id).toSorted(), tape.ids.toSorted())
      assert.deepEqual(
        client.messages.flatMap(({ error }) => error ?? []),
        []
      )
    }
  })

  it('goes on where it stopped when the api is killed, each trade once', async (t) => {
    const { market, url, kill } = await aStream(t)
    const tape = publishing(t, market, 5000)
    const request = { type: 'subscribe', channels: ['trades'], symbols: '*', since: 0 }
    const client = new Client(t, url, request)
    await until('the client is live', () => client.messages.some(({ type }) => type === 'live'), 60_000)
    for (let kills = 0; kills < 4; kills++) {
      const before = client.trades.length
      await until('trades come', () => client.trades.length > before + 500)
      await kill()
    }
    const before = client.trades.length
    await until('trades come', () => client.trades.length > before + 500)
    await tape.stop()
    await until('the client has all trades', () => client.trades.length >= tape.ids.length)
    assert.deepEqual(client.trades.map(({ id }) => id).toSorted(), tape.ids.toSorted())
    assert.ok(client.resumes >= 4)
  })
})

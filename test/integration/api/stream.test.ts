import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStream, type StreamBatch, type StreamOptions } from '@tapedeck/client'
import { startConsumer } from '@tapedeck/consumer'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { wholeNumbers } from '../../support/random-numbers.ts'
import { startService, type RunningService } from '../../support/service-process.ts'
import { aRecord, aTrade } from '../../support/trades.ts'
import { until } from '../../support/until.ts'

const options = { timeout: 800_000 }
/** A machine with other work takes long to start a process. */
const LIMIT_MS = 150_000
const MOST_LATE_MS = 100
const MOST_AHEAD = 50_000
const SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'BINANCE:BTCUSDT'] as const

/**
 * Publishes records of trades that happen now, at a rate, until told to stop; returns the ids so far. A machine that is
 * too slow for the rate publishes less: it must not collect a debt that it pays at once, nor be so far ahead of the
 * reader that the api no longer keeps what comes next.
 */
function publishing(
  t: TestContext,
  market: Market,
  { perSecond, readSoFar = () => Infinity }: { perSecond: number; readSoFar?: () => number }
) {
  const next = wholeNumbers(5)
  const ids: string[] = []
  let frame = 0
  const ended = new AbortController()
  const run = async (): Promise<void> => {
    let lastMs = performance.now()
    let due = 0
    while (!ended.signal.aborted) {
      const nowMs = performance.now()
      if (ids.length - readSoFar() < MOST_AHEAD) {
        due += (Math.min(nowMs - lastMs, MOST_LATE_MS) / 1000) * perSecond
      }
      lastMs = nowMs
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

/** A program that reads the stream for as long as the test runs. */
function reading(t: TestContext, api: string, asked: StreamOptions) {
  const ids: string[] = []
  const statuses: string[] = []
  const dropped: StreamBatch['dropped'][] = []
  const ended = new AbortController()
  const read = async (): Promise<void> => {
    const onStatus = (isConnected: boolean, reason: string): void =>
      void statuses.push(isConnected ? 'connected' : reason)
    for await (const batch of openStream(api, { ...asked, onStatus, signal: ended.signal })) {
      ids.push(...(batch.trades ?? []).map(({ id }) => id))
      if (batch.dropped !== undefined) dropped.push(batch.dropped)
    }
  }
  const running = read()
  t.after(async () => {
    ended.abort()
    await running
  })
  return { ids, statuses, dropped }
}

/**
 * The ids of the trades that the notices name: the process of this test reads, publishes and stores, and on a slow machine
 * it reads too slowly for a moment.
 */
async function askFor(api: string, dropped: readonly StreamBatch['dropped'][]): Promise<string[]> {
  const ids: string[] = []
  for (const ask of dropped.flatMap((one) => one?.ask ?? [])) {
    const url = new URL(ask, api)
    url.searchParams.set('order', 'asc')
    url.searchParams.set('limit', '10000')
    for (;;) {
      const answer = await fetch(url)
      assert.equal(answer.status, 200, ask)
      const { trades, next } = (await answer.json()) as {
        trades: readonly { readonly id: string }[]
        next: string | null
      }
      ids.push(...trades.map(({ id }) => id))
      if (next === null) break
      url.searchParams.set('after', next)
    }
  }
  return ids
}

/** Waits until a client has every trade that was published, sent or named to it; none was sent twice. */
async function hasEachOnce(
  api: string,
  { ids, statuses, dropped }: ReturnType<typeof reading>,
  published: readonly string[]
): Promise<void> {
  await eventually(
    async () => {
      const asked = await askFor(api, dropped)
      const has = new Set([...ids, ...asked])
      const missing = published.filter((id) => !has.has(id))
      const counts = `${missing.length} of ${published.length} missing, ${asked.length} asked for`
      assert.equal(missing.length, 0, `${counts}; ${statuses.join('; ')}`)
    },
    { timeoutMs: LIMIT_MS, everyMs: 500 }
  )
  assert.equal(new Set(ids).size, ids.length)
  const all = new Set(published)
  assert.ok(ids.every((id) => all.has(id)))
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
  t.after(() => api.stop())
  return {
    market,
    url: `http://127.0.0.1:${port}`,
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
    const tape = publishing(t, market, { perSecond: 2000 })
    const { trades } = market.database
    await until('trades are stored', async () => (await trades.countDocuments()) > 1000, LIMIT_MS)
    const asked = { channels: ['trades'], symbols: SYMBOLS, since } as const
    const clients = Array.from({ length: 5 }, () => reading(t, url, asked))
    for (const { statuses } of clients) {
      await until('a client is live', () => statuses.includes('connected'), LIMIT_MS)
    }
    const before = tape.ids.length
    await until('more trades come', () => tape.ids.length > before + 1000, LIMIT_MS)
    await tape.stop()
    for (const client of clients) {
      await hasEachOnce(url, client, tape.ids)
      assert.deepEqual(client.dropped, [])
    }
  })

  it('goes on where it stopped when the api is killed, each trade once', async (t) => {
    const { market, url, kill } = await aStream(t)
    const asked = { channels: ['trades'], symbols: '*', since: 0 } as const
    const client = reading(t, url, asked)
    const { ids, statuses } = client
    const tape = publishing(t, market, { perSecond: 5000, readSoFar: () => ids.length })
    const isLive = (): boolean => statuses.at(-1) === 'connected'
    for (let kills = 0; ; kills++) {
      // Every other time it is killed while the client is still sent what came before.
      if (kills % 2 === 0) await until('the client is live', isLive, LIMIT_MS)
      const before = ids.length
      await until('trades come', () => ids.length > before + 500, LIMIT_MS)
      if (kills === 4) break
      await kill()
    }
    await tape.stop()
    await hasEachOnce(url, client, tape.ids)
  })
})

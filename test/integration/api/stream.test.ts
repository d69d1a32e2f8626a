import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStream, type StreamBatch, type StreamOptions } from '@tapedeck/client'
import { startConsumer } from '@tapedeck/consumer'
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
    for (const { ids, dropped } of clients) {
      await until('a client has all trades', () => ids.length >= tape.ids.length, LIMIT_MS)
      assert.deepEqual(ids.toSorted(), tape.ids.toSorted())
      assert.deepEqual(dropped, [])
    }
  })

  it('goes on where it stopped when the api is killed, each trade once', async (t) => {
    const { market, url, kill } = await aStream(t)
    const client = reading(t, url, { channels: ['trades'], symbols: '*', since: 0 })
    const { ids, statuses, dropped } = client
    const tape = publishing(t, market, { perSecond: 5000, readSoFar: () => ids.length })
    const isLive = (times: number): boolean =>
      statuses.filter((status) => status === 'connected').length >= times
    for (let kills = 0; ; kills++) {
      await until('the client is live', () => isLive(kills + 1), LIMIT_MS)
      const before = ids.length
      await until('trades come', () => ids.length > before + 500, LIMIT_MS)
      if (kills === 4) break
      await kill()
    }
    await tape.stop()
    const hasAll = (): boolean => ids.length >= tape.ids.length || dropped.length > 0
    await until('the client has all trades', hasAll, LIMIT_MS).catch((error: unknown) => {
      const counts = `${ids.length} of ${tape.ids.length} read, ${statuses.join('; ')}`
      throw new Error(`The client does not have all trades: ${counts}`, { cause: error })
    })
    assert.deepEqual(dropped, [])
    assert.deepEqual(ids.toSorted(), tape.ids.toSorted())
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '@tapedeck/core'
import type { BarFields } from '@tapedeck/domain'
import type { ForecastQuery, SymbolDocument, WindowQuery } from '@tapedeck/mongo'
import { apiOn } from './reader-double.ts'

const NOW_MS = Date.UTC(2025, 0, 31, 15, 0, 30)
const clock: Clock = { now: () => NOW_MS, delay: () => Promise.reject(new Error('not used')) }

/** The query that an endpoint hands to the reader. */
async function askedBy(path: string): Promise<WindowQuery> {
  let asked: WindowQuery | undefined
  const note = async (query: WindowQuery): Promise<[]> => {
    asked = query
    return []
  }
  const parts = { bars: note, forecasts: note, trades: note as never }
  const answer = await apiOn(parts, clock).inject(path)
  assert.equal(answer.statusCode, 200, answer.body)
  assert.ok(asked !== undefined)
  return asked
}

async function modeOf(feeds: readonly string[]): Promise<unknown> {
  const at = new Date(NOW_MS)
  const seen = feeds.map((feed, index): SymbolDocument => {
    const [firstSeenAt, lastTradeAt, lastReceivedAt] = [at, at, at]
    return { _id: `S${index}`, feed, firstSeenAt, lastPrice: 1, lastTradeAt, lastReceivedAt }
  })
  const answer = await apiOn({ symbols: async () => seen }).inject('/api/v1/symbols')
  return answer.json<{ mode: string }>().mode
}

/** The rate of a bar of 10 trades that began `ageMs` ago. */
async function rateOf(
  status: BarFields['status'],
  ageMs: number,
  spanMs: number
): Promise<unknown> {
  const start = new Date(NOW_MS - ageMs)
  const bar = { symbol: 'AAPL', start, status, tradeCount: 10 } as BarFields
  const url = `/api/v1/trade-rate?from=${NOW_MS - spanMs}&to=${NOW_MS}`
  const answer = await apiOn({ bars: async () => [bar] }, clock).inject(url)
  return answer.json<{ rates: { tradesPerSecond: number }[] }>().rates[0]?.tradesPerSecond
}

describe('data routes', () => {
  it('read the last 500 windows up to now by default, on the grid of the windows', async () => {
    const asked = await askedBy('/api/v1/bars?timeframe=1m')
    const end = Date.UTC(2025, 0, 31, 15, 1)
    assert.deepEqual(
      { toMs: asked.toMs, fromMs: asked.fromMs },
      { toMs: end, fromMs: end - 500 * 60_000 }
    )
    assert.equal(asked.symbols, undefined)
  })

  it('keep the bounds of a trading day on the hour, where it begins', async () => {
    const from = Date.UTC(2025, 0, 30, 1)
    const asked = await askedBy(`/api/v1/bars?timeframe=1d&from=${from}&to=${NOW_MS}`)
    assert.deepEqual(
      { fromMs: asked.fromMs, toMs: asked.toMs },
      { fromMs: from, toMs: Date.UTC(2025, 0, 31, 16) }
    )
  })

  it('return a forecast whose window begins later, however far ahead it looks', async () => {
    const next = await askedBy('/api/v1/forecasts?timeframe=1m')
    assert.ok(next.toMs > NOW_MS + 5 * 60_000)
    const far = await askedBy('/api/v1/forecasts?timeframe=1m&horizon=60')
    assert.ok(far.toMs > NOW_MS + 60 * 60_000)
  })

  it('read a range of forecasts by when they were made, however far ahead they look', async () => {
    const to = Date.UTC(2025, 0, 31, 15)
    const url = `/api/v1/forecasts?timeframe=1m&horizon=5&from=${to - 60_000}&to=${to}&over=made`
    const asked = (await askedBy(url)) as ForecastQuery
    assert.equal(asked.madeBeforeMs, to)
    assert.ok(asked.toMs >= to + 5 * 60_000)
  })

  it('treat a future from as an empty range, not as a mistake', async () => {
    const asked = await askedBy(`/api/v1/bars?from=${NOW_MS + 60_000}`)
    assert.equal(asked.fromMs, asked.toMs)
  })

  it('treat only the feed of Finnhub as live', async () => {
    assert.equal(await modeOf([]), 'none')
    assert.equal(await modeOf(['finnhub']), 'live')
    assert.equal(await modeOf(['simulated', 'recorded']), 'simulated')
    assert.equal(await modeOf(['finnhub', 'recorded']), 'mixed')
  })

  it('count the seconds since the start of an open window, at least one', async () => {
    const hour = 3_600_000
    assert.equal(await rateOf('final', 40_000, hour), 10 / 60)
    assert.equal(await rateOf('provisional', 40_000, hour), 10 / 40)
    assert.equal(await rateOf('provisional', 500_000, hour), 10 / 60)
    assert.equal(await rateOf('provisional', 200, 60_000), 10)
  })
})

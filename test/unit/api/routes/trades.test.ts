import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock, type Clock } from '@tapedeck/core'
import type { BarFields } from '@tapedeck/domain'
import type { RangeQuery, TradeDocument } from '@tapedeck/mongo'
import { apiOn } from '../reader-double.ts'

const NOW_MS = Date.UTC(2025, 0, 31, 15, 0, 30)
const clock: Clock = { now: () => NOW_MS, delay: () => Promise.reject(new Error('not used')) }

/** Time stands still, so that requests of one test are of one moment on any machine. */
const stillClock: Clock = { ...systemClock, now: () => 1_738_335_600_000 }

function aTrade(ms: number, index: number): TradeDocument {
  const at = new Date(ms)
  return {
    _id: `c-1-${index}`,
    symbol: 'AAPL',
    price: 1,
    size: 1,
    tradedAt: at,
    receivedAt: at,
    conditions: null,
    session: 'regular',
    tradeDate: '2025-01-31',
    eligible: 'price and volume',
    feed: 'simulated'
  }
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

describe('GET /api/v1/trades', () => {
  it('cuts trades of a shared read to the range of each viewer, to the millisecond', async () => {
    const stored = Array.from({ length: 40 }, (_, index) => aTrade(10_000 + index * 50, index))
    let reads = 0
    const app = apiOn(
      {
        async trades({ fromMs, toMs, limit }: RangeQuery) {
          reads++
          const inRange = stored.filter(({ tradedAt }) => +tradedAt >= fromMs && +tradedAt < toMs)
          return inRange.slice(-limit)
        }
      },
      stillClock
    )
    const timesOf = async (query: string): Promise<number[]> => {
      const answer = await app.inject(`/api/v1/trades?${query}`)
      return answer.json<{ trades: { time: number }[] }>().trades.map(({ time }) => time)
    }
    assert.deepEqual(
      await Promise.all([
        timesOf('from=10050&to=11000&limit=2'),
        timesOf('from=10001&to=10101&limit=2'),
        timesOf('from=10000&to=10001&limit=2')
      ]),
      [[10_900, 10_950], [10_050, 10_100], [10_000]]
    )
    assert.equal(reads, 1)
  })

  it('reads the exact range when more trades than the spare ones follow its end', async () => {
    const stored = Array.from({ length: 500 }, (_, index) => aTrade(10_000 + index, index))
    const app = apiOn({
      async trades({ fromMs, toMs, limit }: RangeQuery) {
        const inRange = stored.filter(({ tradedAt }) => +tradedAt >= fromMs && +tradedAt < toMs)
        return inRange.slice(-limit)
      }
    })
    const answer = await app.inject('/api/v1/trades?from=10000&to=10010&limit=3')
    const times = answer.json<{ trades: { time: number }[] }>().trades.map(({ time }) => time)
    assert.deepEqual(times, [10_007, 10_008, 10_009])
  })
})

describe('GET /api/v1/trade-rate', () => {
  it('counts the seconds since the start of an open window, at least one', async () => {
    const hour = 3_600_000
    assert.equal(await rateOf('final', 40_000, hour), 10 / 60)
    assert.equal(await rateOf('provisional', 40_000, hour), 10 / 40)
    assert.equal(await rateOf('provisional', 500_000, hour), 10 / 60)
    assert.equal(await rateOf('provisional', 200, 60_000), 10)
  })
})

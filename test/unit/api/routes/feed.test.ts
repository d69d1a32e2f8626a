import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '@tapedeck/core'
import type {
  FeedGapDocument,
  FeedStatusDocument,
  GapQuery,
  SubscriptionDocument
} from '@tapedeck/mongo'
import { aFeedStatus, aGap, T0_MS } from '../../../support/market-documents.ts'
import { apiOn } from '../reader-double.ts'

const NOW_MS = T0_MS + 600_000
const clock: Clock = { now: () => NOW_MS, delay: () => Promise.reject(new Error('not used')) }

function saidAgo(ageMs: number, parts: Partial<FeedStatusDocument> = {}): FeedStatusDocument {
  return aFeedStatus({ updatedAt: new Date(NOW_MS - ageMs), ...parts })
}

async function feedOf(
  status: FeedStatusDocument,
  storedMs: number | undefined = Infinity
): Promise<Record<string, unknown>> {
  const parts = { feeds: async () => [status], storedUntil: async () => storedMs }
  const answer = await apiOn(parts, clock).inject('/api/v1/feed')
  assert.equal(answer.statusCode, 200, answer.body)
  return answer.json<{ feeds: Record<string, unknown>[] }>().feeds[0]!
}

describe('GET /api/v1/feed', () => {
  it('returns the report of the producer unchanged while it reports', async () => {
    const row = await feedOf(saidAgo(900, { lastError: 'Subscribing to too many symbols' }))
    assert.equal(row['isStale'], false)
    assert.equal(row['explanation'], 'connected, 1 symbol receiving')
    assert.equal(row['lastError'], 'Subscribing to too many symbols')
  })

  it('reports a silent producer and its last report after five seconds', async () => {
    const row = await feedOf(saidAgo(12_000))
    assert.equal(row['isStale'], true)
    assert.equal(
      row['explanation'],
      'no report from the producer for 12 s: is it running? Its last report: connected, 1 symbol receiving'
    )
  })

  it('does not treat a stopped producer as silent', async () => {
    const row = await feedOf(saidAgo(3_600_000, { state: 'stopped', explanation: 'stopped' }))
    assert.deepEqual(
      { isStale: row['isStale'], explanation: row['explanation'] },
      { isStale: false, explanation: 'stopped' }
    )
  })

  it('never says that symbols receive trades without saying that none of them is stored', async () => {
    const lastTradeAt = new Date(NOW_MS - 500)
    const said = saidAgo(900, { lastTradeAt, connectedAt: new Date(NOW_MS - 60_000) })
    assert.deepEqual((await feedOf(said, NOW_MS - 10_500))['warnings'], [])
    const row = await feedOf(said, NOW_MS - 25_500)
    assert.equal(
      row['explanation'],
      'connected, 1 symbol receiving, but its trades of the last 25 s are not stored: is the consumer running?'
    )
    assert.equal((row['warnings'] as string[]).length, 1)
  })

  it('says that nothing is stored at all once that takes too long', async () => {
    const nothing = async (connectedMs: number): Promise<unknown> => {
      const status = aFeedStatus({
        updatedAt: new Date(NOW_MS),
        connectedAt: new Date(NOW_MS - connectedMs)
      })
      const app = apiOn({ feeds: async () => [status], storedUntil: async () => undefined }, clock)
      return (await app.inject('/api/v1/feed')).json<{ feeds: { warnings: unknown }[] }>().feeds[0]
        ?.warnings
    }
    assert.deepEqual(await nothing(9000), [])
    assert.match(String(await nothing(11_000)), /no trade of it is stored yet/)
  })

  it('repeats the warnings of the producer behind its explanation', async () => {
    const row = await feedOf(saidAgo(900, { warnings: ['the clock is wrong', 'no broker'] }))
    assert.equal(
      row['explanation'],
      'connected, 1 symbol receiving, but the clock is wrong; no broker'
    )
  })

  it('lists outages with their length, up to now while they are open', async () => {
    const gaps = [aGap('a', null, 5000), aGap('b', 10_000, 12_500), aGap('c', 540_000, null)]
    const app = apiOn({ gaps: async () => gaps }, clock)
    const rows = (await app.inject('/api/v1/feed')).json<{
      gaps: { id: string; seconds: number | null; isOpen: boolean }[]
    }>().gaps
    assert.deepEqual(
      rows.map(({ id, seconds, isOpen }) => ({ id, seconds, isOpen })),
      [
        { id: 'a', seconds: null, isOpen: false },
        { id: 'b', seconds: 2.5, isOpen: false },
        { id: 'c', seconds: 60, isOpen: true }
      ]
    )
  })
})

describe('GET /api/v1/gaps', () => {
  it('returns spans for a time axis, with a text', async () => {
    let asked: GapQuery | undefined
    const app = apiOn(
      {
        async gaps(query) {
          asked = query
          return [aGap('c', 540_000, null, { symbols: ['AAPL'] }), aGap('a', null, 5000)]
        }
      },
      clock
    )
    const answer = await app.inject(`/api/v1/gaps?from=${T0_MS}&limit=7`)
    assert.deepEqual(asked, { fromMs: T0_MS, toMs: NOW_MS, limit: 7 })
    const rows = answer.json<{ gaps: { time: number; timeEnd: number; text: string }[] }>().gaps
    assert.deepEqual(
      rows.map(({ time, timeEnd }) => ({ afterMs: time - T0_MS, untilMs: timeEnd - T0_MS })),
      [
        { afterMs: 5000, untilMs: 5000 },
        { afterMs: 540_000, untilMs: 600_000 }
      ]
    )
    assert.match(rows[0]?.text ?? '', /^no feed \(all symbols\), until here: the feed closed/)
    assert.match(rows[1]?.text ?? '', /^no feed \(AAPL\), 60 s so far: the feed closed/)
    assert.equal((await app.inject('/api/v1/gaps?symbol=AAPL')).statusCode, 400)
  })
})

describe('gaps without a begin, or of one partition', () => {
  async function textsOf(gaps: readonly FeedGapDocument[]): Promise<unknown[]> {
    const answer = await apiOn({ gaps: async () => gaps }, clock).inject('/api/v1/gaps')
    return answer
      .json<{ gaps: { time: number; timeEnd: number; text: string; log: string | null }[] }>()
      .gaps.map(({ time, timeEnd, text, log }) => ({
        afterMs: time - T0_MS,
        untilMs: timeEnd - T0_MS,
        text,
        log
      }))
  }
  const cause = 'the feed was not followed before'

  it('are shown at their end, so that earlier recordings are not covered', async () => {
    assert.deepEqual(await textsOf([aGap('a', null, 5000, { cause })]), [
      {
        afterMs: 5000,
        untilMs: 5000,
        text: `no feed (all symbols), until here: ${cause}`,
        log: null
      }
    ])
  })

  it('reach from their report to now while there is no frame yet', async () => {
    const updatedAt = new Date(T0_MS + 300_000)
    assert.deepEqual(await textsOf([aGap('a', null, null, { cause, updatedAt })]), [
      {
        afterMs: 300_000,
        untilMs: 600_000,
        text: `no feed (all symbols), since before the first frame so far: ${cause}`,
        log: null
      }
    ])
  })

  it('name the partition whose symbols they concern', async () => {
    assert.deepEqual(await textsOf([aGap('a', 0, 5000, { cause: 'x', log: 'raw_data/3' })]), [
      {
        afterMs: 0,
        untilMs: 5000,
        text: 'no feed (symbols of partition raw_data/3), 5.0 s: x',
        log: 'raw_data/3'
      }
    ])
  })
})

describe('standings in GET /api/v1/symbols', () => {
  async function standingsOf(
    feeds: readonly FeedStatusDocument[],
    subscriptions: readonly SubscriptionDocument[] = [],
    env: Readonly<Record<string, string>> = {}
  ): Promise<unknown[]> {
    const parts = { feeds: async () => feeds, subscriptions: async () => subscriptions }
    const answer = await apiOn(parts, clock, env).inject('/api/v1/symbols')
    return answer
      .json<{ symbols: { symbol: string; standing: string | null; reason: string | null }[] }>()
      .symbols.map(({ symbol, standing, reason }) => ({ symbol, standing, reason }))
  }

  it('come from a producer that reports; symbols it does not follow yet are marked', async () => {
    assert.deepEqual(await standingsOf([saidAgo(100)]), [
      { symbol: 'AAPL', standing: 'receiving', reason: null },
      { symbol: 'MSFT', standing: null, reason: 'not followed by the producer yet' }
    ])
  })

  it('are not those of a silent producer', async () => {
    assert.deepEqual(await standingsOf([saidAgo(60_000)]), [
      { symbol: 'AAPL', standing: null, reason: 'no report from the producer' },
      { symbol: 'MSFT', standing: null, reason: 'no report from the producer' }
    ])
    assert.deepEqual(await standingsOf([]), [
      { symbol: 'AAPL', standing: null, reason: null },
      { symbol: 'MSFT', standing: null, reason: null }
    ])
  })

  it('are over the limit for symbols beyond the plan', async () => {
    const added = { _id: 'TSLA', wanted: true, by: 'test', at: new Date(0) }
    const rows = await standingsOf([], [added], { FINNHUB_MAX_SYMBOLS: '2' })
    assert.deepEqual(rows[2], { symbol: 'TSLA', standing: 'over the limit', reason: null })
  })
})

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { TradeRecord } from '@tapedeck/domain'
import fc from 'fast-check'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { aRecord, aTrade, records, START_MS } from '../../support/trades.ts'
import { runningApi, untilReady, type Answer } from './running-api.ts'

const options = { timeout: 120_000 }
/** The trading day of START_MS begins at 20:00 New York of the day before, by summer time. */
const DAY_START_MS = Date.UTC(2026, 2, 10)

interface TradeOfBar {
  readonly id: string
  readonly time: number
  readonly price: number
  readonly session: string
  readonly isIn: boolean
  readonly counts: string
  readonly roles: readonly string[]
  readonly rules: readonly {
    readonly code: string
    readonly name: string
    readonly hinders: string
  }[]
  readonly reason: string | null
  readonly byMs: number | null
}

interface BarTrades {
  readonly bar: Readonly<Record<string, unknown>>
  readonly window: { readonly text: string }
  readonly summary: {
    readonly trades: number
    readonly in: number
    readonly out: number
    readonly unhindered: number
    readonly rules: readonly { readonly code: string; readonly trades: number }[]
    readonly leftOut: readonly { readonly reason: string; readonly trades: number }[]
  }
  readonly check: { readonly isEqual: boolean; readonly text: string }
  readonly trades: readonly TradeOfBar[]
  readonly next: string | null
}

type Get = (path: string) => Promise<Answer>

/** A consumer that has taken all of these records, and an api beside it. */
async function consumed(
  t: TestContext,
  { published, env = {} }: { published: readonly TradeRecord[]; env?: Record<string, string> }
): Promise<{ market: Market; get: Get; why(id: string, query?: string): Promise<BarTrades> }> {
  const market = await openMarket(t)
  await market.publish(published)
  await inService(t, (context) => startConsumer(market.consumer(env), context))
  const tradeCount = published.reduce((sum, { trades }) => sum + trades.length, 0)
  await eventually(async () => {
    const { trades, lateTrades, checkpoints } = market.database
    const twice = await lateTrades.countDocuments({ reason: 'too late' })
    const stored = (await trades.countDocuments()) + (await lateTrades.countDocuments()) - twice
    assert.equal(stored, tradeCount)
    const marks = await checkpoints.find().toArray()
    // The bars of a flush are complete when its checkpoint stands.
    assert.equal(
      marks.reduce((sum, { nextOffset }) => sum + nextOffset, 0),
      published.length
    )
  })
  const uri = String(market.env['MONGODB_URI'])
  const api = await runningApi(t, { uri, database: String(market.env['MONGODB_DB']) })
  await untilReady(api.get)
  const why = async (id: string, query = ''): Promise<BarTrades> => {
    const { status, body } = await api.get(`/api/v1/bars/${encodeURIComponent(id)}/trades?${query}`)
    assert.equal(status, 200, JSON.stringify(body))
    return body as unknown as BarTrades
  }
  return { market, get: api.get, why }
}

describe('GET /api/v1/bars/{id}/trades', () => {
  // Goal: a person can see what made a bar, and what did not, trade by trade.
  it(
    'reports for each trade what it set, which rule restricts it, and why it is excluded',
    options,
    async (t) => {
      const hour = 3_600_000
      const receivedAt = START_MS + 2 * hour
      const { why } = await consumed(t, {
        env: { LATENESS_LIMIT: '1h', TIMEFRAMES: '1m' },
        published: [
          aRecord({
            frame: 1,
            receivedAt,
            trades: [
              aTrade({ p: 101, t: START_MS + 1000, v: 5, i: 'a' }),
              aTrade({ p: 103, t: START_MS + 2000, v: 7, i: 'b' }),
              // Of two equal highs the first set it.
              aTrade({ p: 103, t: START_MS + 3000, v: 1, i: 'c' }),
              // Average price trades count as volume only; official closes as nothing.
              aTrade({ p: 90, t: START_MS + 4000, v: 2, c: ['1', '3'], i: 'd' }),
              aTrade({ p: 120, t: START_MS + 5000, v: 3, c: ['16'], i: 'e' }),
              aTrade({ p: 110, t: START_MS + 6000, v: 4, c: ['77'], i: 'f' }),
              aTrade({ p: 99, t: START_MS + 7000, v: 6, i: 'g' })
            ]
          }),
          aRecord({
            frame: 2,
            receivedAt,
            trades: [aTrade({ p: 103, t: START_MS + 2000, v: 7, i: 'b' })]
          }),
          // Two hours on, so that the window is closed for good.
          aRecord({ frame: 3, receivedAt, trades: [aTrade({ t: START_MS + 2 * hour })] }),
          aRecord({ frame: 4, receivedAt, trades: [aTrade({ p: 1, t: START_MS + 8000, i: 'h' })] }),
          aRecord({
            frame: 5,
            receivedAt: START_MS - hour,
            trades: [aTrade({ p: 2, t: START_MS + 9000, i: 'i' })]
          })
        ]
      })
      const { bar, summary, check, trades, next } = await why(`AAPL|1m|${START_MS}`)
      assert.equal(bar['close'], 99)
      assert.deepEqual(check.text, 'these 6 trades give exactly this bar')
      assert.equal(check.isEqual, true)
      assert.equal(next, null)
      assert.deepEqual(
        trades.map(({ price, isIn, counts, roles, reason }) => ({
          price,
          isIn,
          counts,
          roles,
          reason
        })),
        [
          { price: 101, isIn: true, counts: 'price and volume', roles: ['open'], reason: null },
          { price: 103, isIn: true, counts: 'price and volume', roles: ['high'], reason: null },
          { price: 103, isIn: false, counts: 'nothing', roles: [], reason: 'redelivered' },
          { price: 103, isIn: true, counts: 'price and volume', roles: [], reason: null },
          { price: 90, isIn: true, counts: 'volume', roles: [], reason: null },
          { price: 120, isIn: false, counts: 'nothing', roles: [], reason: 'conditions' },
          { price: 110, isIn: true, counts: 'volume', roles: [], reason: null },
          {
            price: 99,
            isIn: true,
            counts: 'price and volume',
            roles: ['low', 'close'],
            reason: null
          },
          { price: 1, isIn: false, counts: 'nothing', roles: [], reason: 'too late' },
          { price: 2, isIn: false, counts: 'nothing', roles: [], reason: 'from the future' }
        ]
      )
      assert.deepEqual(
        trades.filter(({ byMs }) => byMs !== null).map(({ price, byMs }) => ({ price, byMs })),
        [
          // The watermark was two seconds behind the newest trade.
          { price: 103, byMs: 3000 },
          { price: 1, byMs: 2 * hour - 2000 - 8000 },
          { price: 2, byMs: hour + 9000 }
        ]
      )
      assert.deepEqual(trades.find(({ price }) => price === 110)?.rules, [
        { code: '77', name: 'unknown code', hinders: 'high and low, open and close' }
      ])
      assert.deepEqual(
        {
          trades: summary.trades,
          in: summary.in,
          out: summary.out,
          unhindered: summary.unhindered
        },
        { trades: 10, in: 6, out: 4, unhindered: 4 }
      )
      assert.deepEqual(
        new Map(summary.leftOut.map(({ reason, trades: count }) => [reason, count])),
        new Map([
          ['redelivered', 1],
          ['conditions', 1],
          ['too late', 1],
          ['from the future', 1]
        ])
      )
    }
  )

  // Goal: the explanation is true of every bar there can be.
  // Method: a disordered tape of three symbols through the real consumer; each stored bar of each kind
  // of window is recomputed from the trades that the api lists.
  for (const policy of ['feed', 'sip'] as const) {
    it(
      `gives exactly the stored bar for every kind of window under ${policy}`,
      options,
      async (t) => {
        const seed = 20_260_310
        const tapes = fc.sample(records(80), { numRuns: 20, seed })
        const [published = []] = tapes.toSorted((a, b) => b.length - a.length)
        const TIMEFRAMES = '1s,1m,5m/1m,1d,regular,7t,900v,50000usd'
        const { market, why } = await consumed(t, {
          published,
          env: { TIMEFRAMES, CONDITION_POLICY: policy }
        })
        const bars = await market.database.bars.find().toArray()
        const kinds = new Set(bars.map(({ timeframe }) => timeframe))
        assert.deepEqual([...kinds].toSorted(), TIMEFRAMES.split(',').toSorted())
        const listed = new Map<string, string[]>()
        for (const { _id, symbol, timeframe, tradeCount } of bars) {
          const { check, trades, summary } = await why(_id, 'limit=10000')
          assert.ok(check.isEqual, `${_id}: ${check.text}`)
          const ids = trades.filter(({ isIn }) => isIn).map(({ id }) => id)
          assert.equal(ids.length, tradeCount)
          assert.equal(summary.trades, trades.length)
          const key = `${symbol} ${timeframe}`
          listed.set(key, [...(listed.get(key) ?? []), ...ids])
        }
        // Every trade stands in one bar of each timeframe that parts the tape.
        for (const [key, ids] of listed) {
          if (key.includes('/')) continue
          assert.equal(new Set(ids).size, ids.length, key)
          const [symbol = ''] = key.split(' ')
          const stored = { symbol, eligible: { $ne: 'nothing' } }
          assert.equal(ids.length, await market.database.trades.countDocuments(stored), key)
        }
        t.diagnostic(`${bars.length} bars`)
      }
    )
  }

  it(
    'puts closing prints into the regular session, and no other trade after the bell',
    options,
    async (t) => {
      const closeMs = Date.UTC(2026, 2, 10, 20)
      const openMs = Date.UTC(2026, 2, 10, 13, 30)
      const { why } = await consumed(t, {
        env: { TIMEFRAMES: 'regular', CONDITION_POLICY: 'sip' },
        published: [
          aRecord({
            receivedAt: closeMs + 3_600_000,
            trades: [
              aTrade({ p: 99, t: openMs - 1, c: ['1', '24'] }),
              aTrade({ p: 100, t: openMs }),
              aTrade({ p: 101, t: closeMs - 1 }),
              aTrade({ p: 102, t: closeMs + 1000, c: ['1', '24'] }),
              aTrade({ p: 103, t: closeMs + 2000, c: ['1', '35'] }),
              aTrade({ p: 104, t: closeMs + 600_000, c: ['1', '35'] })
            ]
          })
        ]
      })
      const { check, trades } = await why(`AAPL|regular|${openMs}`)
      assert.deepEqual(
        trades.map(({ price }) => price),
        [100, 101, 103]
      )
      assert.ok(check.isEqual, check.text)
    }
  )

  it('answers large bars page by page, counting all of it each time', options, async (t) => {
    const published = Array.from({ length: 30 }, (_, frame) =>
      aRecord({
        frame: frame + 1,
        // Many of one millisecond, so that pages end within it.
        trades: Array.from({ length: 10 }, (_none, index) =>
          aTrade({ p: 100 + index, t: START_MS + Math.floor(frame / 6) })
        )
      })
    )
    const { why } = await consumed(t, { env: { TIMEFRAMES: '1d' }, published })
    const id = `AAPL|1d|${DAY_START_MS}`
    const found = await why(id)
    assert.equal(found.trades.length, 300)
    const paged: TradeOfBar[] = []
    let after = ''
    let pages = 0
    do {
      const page = await why(id, `limit=7&after=${encodeURIComponent(after)}`)
      assert.equal(page.summary.trades, 300)
      assert.ok(page.check.isEqual)
      paged.push(...page.trades)
      after = page.next ?? ''
      pages++
    } while (after !== '' && pages < 100)
    assert.equal(pages, 43)
    assert.deepEqual(paged, found.trades)
  })

  it('reports that trades of the bar were removed', options, async (t) => {
    const { market, why } = await consumed(t, {
      env: { TIMEFRAMES: '1m' },
      published: [
        aRecord({ trades: [aTrade(), aTrade({ p: 101 }), aTrade({ p: 102 })] }),
        aRecord({ frame: 2, trades: [aTrade({ t: START_MS + 3_600_000 })] })
      ]
    })
    const id = `AAPL|1m|${START_MS}`
    await eventually(async () => {
      assert.equal((await market.database.bars.findOne({ _id: id }))?.status, 'final')
    })
    await market.database.trades.deleteOne({ price: 101 })
    const { check } = await why(id)
    assert.equal(check.isEqual, false)
    assert.match(check.text, /^only 2 of the bar's 3 trades are stored/)
  })

  it('answers 404 for a bar that is not stored, 400 for an id that is none', options, async (t) => {
    const { get } = await consumed(t, { published: [aRecord()] })
    const bad = async (path: string): Promise<object> => {
      const { status, body } = await get(`/api/v1/bars/${path}`)
      return { status, code: body.error?.code, field: body.error?.field }
    }
    const missing = encodeURIComponent('BINANCE:BTCUSDT|5m/1m|1741615200000')
    assert.deepEqual(await bad(`${missing}/trades`), {
      status: 404,
      code: 'REQUEST_INVALID',
      field: 'id'
    })
    assert.deepEqual(await bad('AAPL/trades'), {
      status: 400,
      code: 'REQUEST_INVALID',
      field: 'id'
    })
    assert.deepEqual(await bad('AAPL%7C7m%7C1/trades'), {
      status: 400,
      code: 'REQUEST_INVALID',
      field: 'id'
    })
    assert.deepEqual(await bad(`${missing}/trades?after=soon`), {
      status: 400,
      code: 'REQUEST_INVALID',
      field: 'after'
    })
    assert.deepEqual(await bad(`${missing}/trades?limit=0`), {
      status: 400,
      code: 'REQUEST_INVALID',
      field: 'limit'
    })
  })
})

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { setWanted } from '@tapedeck/mongo'
import { startProducer } from '@tapedeck/producer'
import { readConfig } from '@tapedeck/producer/testing'
import { eventually } from '../../support/eventually.ts'
import { inService, type InService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { startScriptedFeed, type ScriptedFeed } from '../../support/scripted-feed.ts'

const options = { timeout: 120_000 }
const FEED = 'scripted'
const QUICK = { backoffBaseMs: 20, backoffCapMs: 50, paceMs: 1, rejectedMs: 3000 }

function produce(
  t: TestContext,
  market: Market,
  feed: ScriptedFeed,
  symbols = 'AAPL,MSFT'
): Promise<InService<{ healthUrl: string }>> {
  const config = readConfig({
    ...market.env,
    SYMBOLS: symbols,
    FINNHUB_TOKEN: 'k',
    FINNHUB_URL: feed.url,
    FEED_NAME: FEED
  })
  return inService(t, (context) =>
    startProducer({ ...config, feedTimes: QUICK, leaseTtlMs: 1500 }, context)
  )
}

function subscribed(feed: ScriptedFeed, symbols: readonly string[]): Promise<void> {
  return eventually(() => assert.deepEqual(feed.connections.at(-1)?.symbols, symbols))
}

const frame = (s: string, p: number): string =>
  JSON.stringify({ data: [{ c: ['1'], p, s, t: Date.now(), v: 1 }], type: 'trade' })

/** Leaves out the gap before the first frame ever, of which nothing is known. */
const OUTAGE = { from: { $ne: null } }

describe('the producer with a database', () => {
  it(
    'stores one document for an outage, from the last frame before to the first after',
    options,
    async (t) => {
      const market = await openMarket(t)
      const feed = await startScriptedFeed(t)
      await inService(t, (context) => startConsumer(market.consumer(), context))
      await produce(t, market, feed)
      await subscribed(feed, ['AAPL', 'MSFT'])
      feed.send(frame('AAPL', 1))
      await eventually(async () => assert.equal(await market.database.trades.countDocuments(), 1))
      feed.refuse(524)
      feed.connections[0]?.socket.terminate()
      await eventually(async () => {
        const gap = await market.database.feedGaps.findOne(OUTAGE)
        assert.deepEqual(
          { to: gap?.to, symbols: gap?.symbols },
          { to: null, symbols: ['AAPL', 'MSFT'] }
        )
        assert.ok(gap?.from instanceof Date)
      })
      feed.refuse(undefined)
      await eventually(() => assert.equal(feed.connections.length, 2))
      await subscribed(feed, ['AAPL', 'MSFT'])
      feed.send(frame('AAPL', 2))
      await eventually(async () => {
        const gaps = await market.database.feedGaps.find(OUTAGE).toArray()
        assert.equal(gaps.length, 1)
        assert.ok((gaps[0]?.to?.getTime() ?? 0) > (gaps[0]?.from?.getTime() ?? Infinity))
      })
      // The gap is on every partition: another one may have stored it before the trade.
      await eventually(async () =>
        assert.equal(await market.database.trades.countDocuments({ price: 2 }), 1)
      )
    }
  )

  it('continues an outage over its own restart', options, async (t) => {
    const market = await openMarket(t)
    const feed = await startScriptedFeed(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    const first = await produce(t, market, feed)
    await subscribed(feed, ['AAPL', 'MSFT'])
    feed.send(frame('AAPL', 1))
    await eventually(async () => assert.equal(await market.database.trades.countDocuments(), 1))
    assert.equal(await first.stop(), true)
    await eventually(async () => {
      const gap = await market.database.feedGaps.findOne(OUTAGE)
      assert.deepEqual(
        { cause: gap?.cause, to: gap?.to },
        { cause: 'the producer was stopped', to: null }
      )
    })
    assert.equal((await market.database.feedStatus.findOne({ _id: FEED }))?.state, 'stopped')
    await produce(t, market, feed)
    await eventually(() => assert.equal(feed.connections.length, 2))
    await subscribed(feed, ['AAPL', 'MSFT'])
    feed.send(frame('AAPL', 2))
    await eventually(async () => {
      const gaps = await market.database.feedGaps.find(OUTAGE).toArray()
      assert.equal(gaps.length, 1)
      assert.ok(gaps[0]?.to !== null)
    })
  })

  it('waits while another producer uses the key, names it, and takes over', options, async (t) => {
    const market = await openMarket(t)
    const feed = await startScriptedFeed(t)
    const first = await produce(t, market, feed)
    await subscribed(feed, ['AAPL', 'MSFT'])
    // Both producers of one process would have the same owner, so the test writes another one.
    await market.database.leases.updateOne(
      {},
      { $set: { owner: 'other:1', expiresAt: new Date(8e12) } }
    )
    await eventually(async () => {
      const text = await (await fetch(`${first.result.healthUrl}/readyz`)).text()
      assert.match(text, /waiting: other:1 uses this key/)
    })
    const before = feed.connections.length
    await market.database.leases.updateOne({}, { $set: { expiresAt: new Date(0) } })
    await eventually(() => assert.equal(feed.connections.length, before + 1))
    await subscribed(feed, ['AAPL', 'MSFT'])
  })

  it(
    'follows symbols that are added and removed while it runs, also after a reconnect',
    options,
    async (t) => {
      const market = await openMarket(t)
      const feed = await startScriptedFeed(t)
      await produce(t, market, feed)
      await subscribed(feed, ['AAPL', 'MSFT'])
      await setWanted(market.database, ['TSLA'], true, 'test')
      await setWanted(market.database, ['MSFT'], false, 'test')
      await eventually(() => {
        assert.deepEqual(feed.connections[0]?.symbols, ['AAPL', 'MSFT', 'TSLA'])
        assert.deepEqual(feed.connections[0]?.unsubscribed, ['MSFT'])
      })
      feed.connections[0]?.socket.terminate()
      await eventually(() => assert.equal(feed.connections.length, 2))
      await subscribed(feed, ['AAPL', 'TSLA'])
      await eventually(async () => {
        const status = await market.database.feedStatus.findOne({ _id: FEED })
        assert.deepEqual(
          status?.symbols.map(({ symbol }) => symbol),
          ['AAPL', 'TSLA']
        )
        assert.equal(status?.state, 'connected')
      })
    }
  )

  it(
    'shows a symbol that the feed rejects with its words, and follows it once it is taken',
    options,
    async (t) => {
      const market = await openMarket(t)
      const feed = await startScriptedFeed(t)
      await produce(t, market, feed, 'AAPL,OANDA:EUR_USD')
      await subscribed(feed, ['AAPL', 'OANDA:EUR_USD'])
      const error = (msg: string): void => feed.send(JSON.stringify({ type: 'error', msg }))
      const rowOf = async () => {
        const status = await market.database.feedStatus.findOne({ _id: FEED })
        return { status, row: status?.symbols.find(({ symbol }) => symbol === 'OANDA:EUR_USD') }
      }
      error('Invalid symbol OANDA:EUR_USD')
      error('Something else')
      await eventually(async () => {
        const { status, row } = await rowOf()
        assert.equal(row?.standing, 'rejected')
        assert.match(
          row.reason ?? '',
          /^the feed says 'Invalid symbol OANDA:EUR_USD'; asked for again in \d s$/
        )
        assert.ok((row.askedAgainAt?.getTime() ?? 0) > Date.now() - 3000)
        assert.equal(status?.lastError, 'Something else')
      })
      // Asked for again, and this time it is taken.
      await subscribed(feed, ['AAPL', 'OANDA:EUR_USD', 'OANDA:EUR_USD'])
      await eventually(async () => {
        const { row } = await rowOf()
        assert.deepEqual(
          { standing: row?.standing, askedAgainAt: row?.askedAgainAt },
          { standing: 'asked for', askedAgainAt: null }
        )
      })
      feed.send(frame('OANDA:EUR_USD', 1))
      await eventually(async () => assert.equal((await rowOf()).row?.standing, 'receiving'))
    }
  )

  it('tells that the clock is behind the trades, and loses none of them', options, async (t) => {
    const market = await openMarket(t)
    const feed = await startScriptedFeed(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    const { result } = await produce(t, market, feed, 'AAPL')
    await subscribed(feed, ['AAPL'])
    let sent = 0
    const timer = setInterval(() => {
      const trade = { c: ['1'], p: 100, s: 'AAPL', t: Date.now() + 90_000, v: 1 }
      feed.send(JSON.stringify({ data: [trade], type: 'trade' }))
      sent++
    }, 200)
    t.after(() => clearInterval(timer))
    const words = /the trades of the last minute are (89|90) s ahead of this machine's clock/
    await eventually(async () => {
      const ready = await fetch(`${result.healthUrl}/readyz`)
      assert.equal(ready.status, 200)
      assert.match(String(((await ready.json()) as { warnings: string[] }).warnings), words)
      const status = await market.database.feedStatus.findOne({ _id: FEED })
      assert.match(String(status?.warnings), words)
    })
    clearInterval(timer)
    const metrics = await (await fetch(`${result.healthUrl}/metrics`)).text()
    const ahead = Number(/^tapedeck_feed_clock_ahead_seconds (\S+)$/m.exec(metrics)?.[1])
    assert.ok(ahead > 85 && ahead <= 90, String(ahead))
    await eventually(async () => {
      assert.equal(
        await market.database.lateTrades.countDocuments({ reason: 'from the future' }),
        sent
      )
    })
  })

  it('gives an added symbol a gap until the feed has read so', options, async (t) => {
    const market = await openMarket(t)
    const { database } = market
    const feed = await startScriptedFeed(t)
    await inService(t, (context) => startConsumer(market.consumer(), context))
    await produce(t, market, feed)
    await subscribed(feed, ['AAPL', 'MSFT'])
    const trade = async (price: number): Promise<void> => {
      feed.send(frame('AAPL', price))
      await eventually(async () => assert.equal(await database.trades.countDocuments({ price }), 1))
    }
    await trade(1)
    const socket = feed.connections[0]?.socket
    socket?.pause() // the request is on its way
    await setWanted(database, ['TSLA'], true, 'test')
    await eventually(async () => {
      const status = await database.feedStatus.findOne({ _id: FEED })
      assert.ok(status?.symbols.some(({ symbol }) => symbol === 'TSLA'))
    })
    await trade(2)
    await trade(3)
    // The gap stands before the trade on every partition.
    assert.equal(await database.feedGaps.countDocuments({ symbols: 'TSLA' }), 0)
    const readAt = Date.now()
    socket?.resume()
    await subscribed(feed, ['AAPL', 'MSFT', 'TSLA'])
    await trade(4)
    const gap = await database.feedGaps.findOne({ symbols: 'TSLA' })
    assert.ok((gap?.to?.getTime() ?? 0) >= readAt, gap?.to?.toISOString())
  })
})

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { FeedGapDocument } from '@tapedeck/mongo'
import { startProducer } from '@tapedeck/producer'
import { readConfig } from '@tapedeck/producer/testing'
import { eventually } from '../../support/eventually.ts'
import { inService, type InService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { startScriptedFeed, type ScriptedFeed } from '../../support/scripted-feed.ts'
import { startProducerProcess } from './killed-producer.ts'

const options = { timeout: 120_000 }
const QUICK = { backoffBaseMs: 20, backoffCapMs: 50, paceMs: 1 }
const HOUR_MS = 3_600_000

interface Scene {
  readonly market: Market
  readonly feed: ScriptedFeed
  env(symbols: readonly string[]): Record<string, string>
  live(symbols: readonly string[]): Promise<InService<unknown>>
  /** Waits until the newest of `count` connections has subscribed to all of these. */
  subscribed(count: number, symbols: readonly string[]): Promise<void>
  /** Sends one frame with a trade and waits until it is stored. */
  trade(symbol: string, tMs?: number): Promise<void>
  gaps(): Promise<FeedGapDocument[]>
}

async function openScene(t: TestContext): Promise<Scene> {
  const market = await openMarket(t)
  const feed = await startScriptedFeed(t)
  await inService(t, (context) => startConsumer(market.consumer({ TIMEFRAMES: '1s,1h' }), context))
  const { database } = market
  let price = 0
  const env = (symbols: readonly string[]): Record<string, string> => ({
    ...market.env,
    SYMBOLS: symbols.join(','),
    FINNHUB_TOKEN: 'k',
    FINNHUB_URL: feed.url,
    FEED_NAME: 'scripted'
  })
  return {
    market,
    feed,
    env,
    live: (symbols) =>
      inService(t, (context) =>
        startProducer({ ...readConfig(env(symbols)), feedTimes: QUICK, leaseTtlMs: 1500 }, context)
      ),
    subscribed: (count, symbols) =>
      eventually(() => {
        assert.equal(feed.connections.length, count)
        assert.deepEqual(feed.connections.at(-1)?.symbols, symbols)
      }),
    async trade(symbol, tMs = Date.now()) {
      const p = ++price
      feed.send(JSON.stringify({ data: [{ c: ['1'], p, s: symbol, t: tMs, v: 1 }], type: 'trade' }))
      await eventually(async () =>
        assert.equal(await database.trades.countDocuments({ symbol, price: p }), 1)
      )
    },
    gaps: () => database.feedGaps.find().sort({ to: 1, from: 1 }).toArray()
  }
}

describe('symbols over several runs of a producer', () => {
  it('a new symbol has no coverage from before, the others keep theirs', options, async (t) => {
    const { market, live, subscribed, trade, gaps } = await openScene(t)
    const { bars } = market.database
    const first = await live(['AAPL', 'MSFT'])
    await subscribed(1, ['AAPL', 'MSFT'])
    await trade('AAPL')
    assert.equal(await first.stop(), true)
    const second = await live(['AAPL', 'MSFT', 'TSLA'])
    await subscribed(2, ['AAPL', 'MSFT', 'TSLA'])
    await trade('AAPL')
    await trade('TSLA')
    await trade('TSLA', Date.now() - 5 * HOUR_MS)
    await trade('AAPL')

    await eventually(async () => assert.ok((await gaps()).every(({ to }) => to !== null)))
    const [beginning, ...later] = await gaps()
    const outage = later.find(({ from }) => from !== null)
    const unfollowed = later.find(({ from }) => from === null)
    assert.equal(later.length, 2)
    assert.deepEqual(
      { from: beginning?.from, symbols: beginning?.symbols },
      { from: null, symbols: [] }
    )
    assert.deepEqual(outage?.symbols, ['AAPL', 'MSFT'])
    assert.deepEqual(unfollowed?.symbols, ['TSLA'])
    assert.deepEqual(unfollowed?.to, outage?.to)

    await eventually(async () => {
      const [before, now] = await bars
        .find({ symbol: 'TSLA', timeframe: '1h' })
        .sort({ start: 1 })
        .toArray()
      assert.equal(before?.coverage, null)
      assert.ok(now?.coverage !== null && now?.coverage !== undefined)
      assert.ok(now.coverage > 0 && now.coverage < 1, String(now.coverage))
      assert.ok(now.gapIds.includes(unfollowed?._id ?? ''))
      assert.ok(!now.gapIds.includes(outage?._id ?? ''))
    })
    const own = await bars.find({ symbol: 'AAPL' }).toArray()
    assert.ok(own.every(({ gapIds }) => !gapIds.includes(unfollowed?._id ?? '')))
    const hour = own.find(({ timeframe }) => timeframe === '1h')
    assert.deepEqual(hour?.gapIds.toSorted(), [beginning?._id ?? '', outage?._id ?? ''].toSorted())
    await second.stop()
  })

  it('a symbol that comes back has a gap from when it was last followed', options, async (t) => {
    const { live, subscribed, trade, gaps } = await openScene(t)
    let stop: (() => Promise<boolean>) | undefined
    for (const [index, symbols] of [['AAPL', 'MSFT'], ['AAPL'], ['AAPL', 'MSFT']].entries()) {
      await stop?.()
      ;({ stop } = await live(symbols))
      await subscribed(index + 1, symbols)
      await trade('AAPL')
    }
    await eventually(async () => {
      const all = await gaps()
      const [first, second] = all.filter(({ cause }) => cause === 'the producer was stopped')
      const back = all.find(({ cause }) => cause === 'the symbol was not followed')
      assert.deepEqual(back?.symbols, ['MSFT'])
      assert.deepEqual({ from: back?.from, to: back?.to }, { from: first?.from, to: second?.to })
      assert.equal(all.length, 4)
    })
  })

  it(
    'a symbol has one gap, also when the producer is killed before the lease stores it',
    options,
    async (t) => {
      const { market, env, live, subscribed, trade, gaps } = await openScene(t)
      const { leases } = market.database
      const first = await live(['AAPL'])
      await subscribed(1, ['AAPL'])
      await trade('AAPL')
      await first.stop()
      const left = await leases.findOne()
      assert.ok(left !== null)
      const second = startProducerProcess(t, env(['AAPL', 'TSLA']))
      await subscribed(2, ['AAPL', 'TSLA'])
      await trade('TSLA')
      await second.kill()
      // On any machine the kill comes before the lease is renewed.
      await leases.replaceOne({ _id: left._id }, { ...left, expiresAt: new Date(0) })
      await live(['AAPL', 'TSLA'])
      await subscribed(3, ['AAPL', 'TSLA'])
      await trade('TSLA')
      await eventually(async () => {
        const all = await gaps()
        assert.ok(all.every(({ to }) => to !== null))
        assert.deepEqual(
          all.map(({ from, symbols }) => ({ isStartKnown: from !== null, symbols })),
          [
            { isStartKnown: false, symbols: [] },
            { isStartKnown: false, symbols: ['TSLA'] },
            { isStartKnown: true, symbols: ['AAPL'] }
          ]
        )
      })
    }
  )

  it('a stop is one closed gap although the database was emptied meanwhile', options, async (t) => {
    const { market, live, subscribed, trade, gaps } = await openScene(t)
    const { leases, feedGaps } = market.database
    const first = await live(['AAPL'])
    await subscribed(1, ['AAPL'])
    await trade('AAPL')
    assert.equal(await first.stop(), true)
    await eventually(async () => assert.ok((await gaps()).some(({ to }) => to === null)))
    await leases.deleteMany({})
    await feedGaps.deleteMany({})
    await live(['AAPL'])
    await subscribed(2, ['AAPL'])
    await trade('AAPL')
    await eventually(async () => {
      assert.deepEqual(
        (await gaps()).map(({ from, to, cause }) => ({
          isClosed: from !== null && to !== null,
          cause
        })),
        [{ isClosed: true, cause: 'the producer was stopped' }]
      )
    })
  })
})

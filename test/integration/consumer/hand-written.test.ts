import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { partitionOf } from '@tapedeck/kafka'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

const MINUTE_MS = 60_000

/** Puts documents with fields that do not fit where the consumer finds them. */
async function writeByHand({ database, kafka }: Market): Promise<void> {
  const { db } = database
  const log = `${kafka.topic}/${partitionOf('AAPL', 6)}`
  const ofLog = { log, epoch: 1, offset: 0 }
  const insert = (name: string, documents: object[]): Promise<unknown> =>
    db.collection(name).insertMany(documents)
  const bar = { symbol: 'AAPL', timeframe: '1m', start: new Date(START_MS) }
  await insert('bars', [
    { _id: `AAPL|1m|${START_MS}`, ...bar, close: '100', status: 'provisional' },
    { _id: 'AAPL|1m|hand', ...bar, status: 'provisional', source: ofLog, exact: null },
    { _id: 'AAPL|1s|hand', ...bar, timeframe: '1s', gapIds: ['x'], status: 'final', source: ofLog },
    { symbol: 5, timeframe: null, start: 'yesterday' },
    { symbol: 'AAPL', timeframe: '1m', start: '2026', status: 'final', close: NaN }
  ] as object[])
  await insert('feed_gaps', [
    { _id: 'hand', feed: 'simulated', from: 'noon', to: null, symbols: 'AAPL' },
    { feed: null, from: null, to: null }
  ] as object[])
  await insert('symbols', [{ _id: 'HAND', lastPrice: '3' }, { feed: 7 }] as object[])
  await insert('trades', [
    { symbol: 'AAPL', price: NaN, tradedAt: new Date(START_MS), vendorId: 5 }
  ])
  const series = { symbol: 'AAPL', timeframe: '1m', horizon: 1, model: 'linear-regression' }
  const target = new Date(START_MS + MINUTE_MS)
  await insert('forecasts', [
    { ...series, target, status: 'scored', error: 'much' },
    { ...series, target, status: 'open', forecast: null },
    { ...series, target: '2027', status: 'scored' }
  ])
}

async function daysCount({ database }: Market, count: number): Promise<void> {
  await eventually(async () => {
    const [bar] = await database.bars
      .find({ _id: `AAPL|1m|${START_MS}`, source: { $exists: true } })
      .toArray()
    assert.equal(bar?.tradeCount, count)
  })
}

// Goal: what somebody has written into the database by hand stops no consumer and changes no result.
it(
  'the consumer reads past documents that were written by hand, also after a restart',
  { timeout: 120_000 },
  async (t) => {
    const market = await openMarket(t)
    const record = (frame: number, fromMs: number) =>
      aRecord({ frame, trades: [aTrade({ t: START_MS + fromMs, p: 100 + frame })] })
    await writeByHand(market)
    const rules = { TIMEFRAMES: '1s,1m,1d', FORECASTS: '1m:3:1', SCORE_PAST: 'true' }
    const first = await inService(t, (context) => startConsumer(market.consumer(rules), context))
    await market.publish([1, 2, 3].map((frame) => record(frame, frame * 1000)))
    await daysCount(market, 3)
    await first.stop()

    await market.publish([4, 5].map((frame) => record(frame, frame * 1000)))
    const second = await inService(t, (context) => startConsumer(market.consumer(rules), context))
    await daysCount(market, 5)
    await market.publish([6, 7, 8, 9, 10].map((frame) => record(frame, (frame - 5) * MINUTE_MS)))
    await eventually(async () => {
      const made = await market.database.forecasts.countDocuments({ feed: 'simulated' })
      assert.ok(made > 0)
    })
    const metrics = await (await fetch(`${second.result.healthUrl}/metrics`)).text()
    assert.match(metrics, /tapedeck_documents_unreadable_total\{collection="bars"\} [1-9]/)
  }
)

import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { encodeGapRecord, type TradeRecord } from '@tapedeck/domain'
import { Publisher } from '@tapedeck/kafka'
import type { ForecastDocument } from '@tapedeck/mongo'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { wholeNumbers } from '../../support/random-numbers.ts'
import { readTopic } from '../../support/read-topic.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

const options = { timeout: 120_000 }
const main = path.resolve(import.meta.dirname, '../../../services/consumer/src/main.ts')
const MINUTE = 60_000
const RULES = { FORECASTS: '1m:20:1,1m:60:5', TIMEFRAMES: '1m' } as const

const SECONDS = [5, 45]
/** Records of a minute: two of each of two symbols. */
const PER_MINUTE = 4

/** Two trades a minute of two symbols, the price on a walk. */
function tape(minutes: number, seed = 1): TradeRecord[] {
  const next = wholeNumbers(seed)
  const prices = new Map([
    ['AAPL', 10_000],
    ['BINANCE:BTCUSDT', 6_000_000]
  ])
  return Array.from({ length: minutes * PER_MINUTE }, (_, index) => {
    const symbol = index % 2 === 0 ? 'AAPL' : 'BINANCE:BTCUSDT'
    const cents = (prices.get(symbol) ?? 0) + next(21) - 10
    prices.set(symbol, cents)
    const second = SECONDS[Math.floor(index / 2) % 2] ?? 0
    const t = START_MS + minuteOf(index + 1) * MINUTE + second * 1000
    return aRecord({ symbol, frame: index + 1, trades: [aTrade({ p: cents / 100, t })] })
  })
}

function minuteOf(frame: number): number {
  return Math.floor((frame - 1) / PER_MINUTE)
}

/** What the ledger says, without when and by which epoch it was written. */
async function ledger({ database }: Market): Promise<Partial<ForecastDocument>[]> {
  const found = await database.forecasts.find().sort({ _id: 1 }).toArray()
  return found.map(
    ({ createdAt: _c, scoredAt: _s, source: _o, madeAtOffset: _m, ...content }) => content
  )
}

async function scored(market: Market, count: number): Promise<void> {
  await eventually(
    async () => {
      assert.equal(await market.database.forecasts.countDocuments({ status: 'scored' }), count)
    },
    { timeoutMs: 60_000 }
  )
}

/** Scored of one symbol: 10 and 30 closes are needed, h bars end the tape without an outcome. */
function expectedScores(minutes: number): number {
  const finals = minutes - 1
  return 2 * 3 * (finals - 10 + (finals - 5 - 29))
}

async function undisturbed(t: TestContext, records: readonly TradeRecord[], minutes: number) {
  const market = await openMarket(t)
  await market.publish(records)
  const service = await inService(t, (context) => startConsumer(market.consumer(RULES), context))
  await scored(market, expectedScores(minutes))
  await service.stop()
  return market
}

describe('the ledger of forecasts', () => {
  it(
    'is written before the outcome and resolved when the target bar is final',
    options,
    async (t) => {
      const minutes = 36
      const records = tape(minutes)
      const market = await openMarket(t)
      await inService(t, (context) => startConsumer(market.consumer(RULES), context))
      // Bar by bar as if it were live: a forecast is stored before the trades of its target come.
      for (let i = 0; i < records.length; i += 2) {
        await market.publish(records.slice(i, i + 2))
        await eventually(async () => {
          const [read] = await market.database.checkpoints
            .aggregate<{ n: number }>([{ $group: { _id: null, n: { $sum: '$nextOffset' } } }])
            .toArray()
          assert.equal(read?.n, i + 2)
        })
      }
      await scored(market, expectedScores(minutes))
      const resolved = await market.database.forecasts.find({ status: 'scored' }).toArray()
      for (const one of resolved) {
        const minute = (one.target.getTime() - START_MS) / MINUTE
        const target = records[minute * PER_MINUTE + (one.symbol === 'AAPL' ? 2 : 3)]
        assert.equal(one.actual, target?.trades[0]?.p)
        assert.equal(one.error, (one.actual ?? NaN) - one.forecast)
        assert.equal(one.naive, one.lastClose)
        // A symbol has two records a minute on its partition: the last one of the target was not read.
        assert.ok(one.madeAtOffset < minute * 2 + 2, `${one._id} was made at ${one.madeAtOffset}`)
        assert.ok(one.createdAt < (one.scoredAt ?? one.createdAt))
      }
      await eventually(async () => {
        const [score] = await market.database.forecastScores
          .find({ symbol: 'AAPL', horizon: 1, model: 'linear-regression' })
          .toArray()
        assert.equal(score?.total['n'], minutes - 1 - 10)
      })
    }
  )

  it('is the same after kills in the middle of it', options, async (t) => {
    const minutes = 60
    const records = tape(minutes, 7)
    const calm = await undisturbed(t, records, minutes)
    const market = await openMarket(t)
    let child: ChildProcess | undefined
    t.after(() => child?.kill('SIGKILL'))
    const start = (): ChildProcess =>
      fork(main, [], {
        env: {
          ...process.env,
          ...market.env,
          ...RULES,
          FLUSH_INTERVAL: '20ms',
          LOG_LEVEL: 'silent'
        },
        stdio: 'ignore'
      })
    const kills = 3
    for (let kill = 0; kill < kills; kill++) {
      const before = await market.database.forecasts.countDocuments()
      child = start()
      await market.publish(records.slice(kill * 60, (kill + 1) * 60))
      await eventually(async () => {
        const now = await market.database.forecasts.countDocuments()
        assert.ok(kill === 0 ? (await market.database.trades.countDocuments()) > 0 : now > before)
      })
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await market.publish(records.slice(kills * 60))
    child = start()
    await scored(market, expectedScores(minutes))
    child.kill('SIGTERM')
    await once(child, 'exit')
    assert.deepEqual(await ledger(market), await ledger(calm))
    const scoresOf = async ({ database }: Market) =>
      (await database.forecastScores.find().sort({ _id: 1 }).toArray()).map(
        ({ updatedAt: _u, source: _s, ...scores }) => scores
      )
    assert.deepEqual(await scoresOf(market), await scoresOf(calm))
  })

  it(
    'rewrites the score of a target that a late trade revises, with a revision',
    options,
    async (t) => {
      const minutes = 20
      const market = await openMarket(t)
      const records = tape(minutes)
      await market.publish(records)
      await inService(t, (context) => startConsumer(market.consumer(RULES), context))
      const id = `AAPL|1m|${START_MS + 15 * MINUTE}|1|linear-regression`
      const before = await eventually(async () => {
        const found = await market.database.forecasts.findOne({ _id: id })
        assert.equal(found?.status, 'scored')
        return found
      })
      const late = aTrade({ p: 321, t: START_MS + 15 * MINUTE + 59_000 })
      await market.publish([aRecord({ frame: 1000, trades: [late] })])
      await eventually(async () => {
        const after = await market.database.forecasts.findOne({ _id: id })
        assert.deepEqual(
          {
            actual: after?.actual,
            scoreRevision: after?.scoreRevision,
            forecast: after?.forecast,
            createdAt: after?.createdAt
          },
          { actual: 321, scoreRevision: 1, forecast: before.forecast, createdAt: before.createdAt }
        )
      })
    }
  )

  it(
    'makes none across a feed gap and stores the reason; a target without trades is void',
    options,
    async (t) => {
      const market = await openMarket(t)
      const records = tape(50).filter(
        ({ symbol, frame }) => symbol === 'AAPL' && minuteOf(frame) !== 45
      )
      const at = (minute: number) => records.findIndex(({ frame }) => minuteOf(frame) === minute)
      const publisher = new Publisher(market.kafka, { clientId: 'test', topic: market.kafka.topic })
      t.after(() => publisher.close())
      const gap = {
        version: 1,
        kind: 'gap',
        id: 'outage',
        feed: 'simulated',
        fromMs: START_MS + 20 * MINUTE + 10_000,
        toMs: START_MS + 20 * MINUTE + 40_000,
        cause: 'closed',
        symbols: [],
        at: 0
      } as const
      await market.publish(records.slice(0, at(20)))
      await publisher.send(
        [0, 1, 2, 3, 4, 5].map((partition) => ({ ...encodeGapRecord(gap), partition }))
      )
      await market.publish(records.slice(at(20)))
      await inService(t, (context) => startConsumer(market.consumer(RULES), context))
      const forecastOf = (minute: number) =>
        market.database.forecasts.findOne({
          _id: `AAPL|1m|${START_MS + minute * MINUTE}|1|linear-regression`
        })
      await eventually(async () => {
        const [inGap, after, again, quiet] = await Promise.all([20, 21, 31, 45].map(forecastOf))
        // Minute 20 was half covered: its forecast has no outcome, and no line goes on over it.
        assert.deepEqual(
          { status: inGap?.status, reason: inGap?.reason },
          { status: 'void', reason: 'target bar not covered by the feed' }
        )
        assert.equal(after, null)
        assert.equal(again?.status, 'scored')
        assert.deepEqual(
          { status: quiet?.status, reason: quiet?.reason },
          { status: 'void', reason: 'no trade in the target bar' }
        )
      })
      await eventually(async () => {
        const absences = await market.database.forecastAbsences.find({ horizon: 1 }).toArray()
        assert.deepEqual(absences.map(({ reason }) => reason).toSorted(), [
          'feed gap',
          'too few points'
        ])
        const [bar] = await market.database.bars
          .find({ start: new Date(gap.fromMs - 10_000) })
          .toArray()
        assert.deepEqual(
          { coverage: bar?.coverage, gapIds: bar?.gapIds },
          { coverage: 0.5, gapIds: ['outage'] }
        )
      })
    }
  )

  it('goes to its own topic as well, open first and then scored', options, async (t) => {
    const market = await openMarket(t)
    await market.publish(tape(14))
    await inService(t, (context) => startConsumer(market.consumer(RULES), context))
    await eventually(async () => {
      assert.ok((await market.database.forecasts.countDocuments({ status: 'scored' })) >= 6)
    })
    const records = await readTopic(t, market.kafka, `${market.kafka.topic}.forecasts`, 6)
    const key = 'AAPL|1m|1|linear-regression'
    const said = records
      .filter((record) => record.key === key)
      .flatMap(({ value }) => (JSON.parse(value) as { forecasts: { status: string }[] }).forecasts)
    assert.ok(said.length >= 3)
    assert.ok(said.some(({ status }) => status === 'scored'))
  })
})

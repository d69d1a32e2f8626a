import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { TradeRecord } from '@tapedeck/domain'
import {
  announceFlush,
  storeGaps,
  type BarDocument,
  type CheckpointDocument
} from '@tapedeck/mongo'
import { createContext, createLogger } from '@tapedeck/service'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { wholeNumbers } from '../../support/random-numbers.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

const options = { timeout: 240_000 }
const main = path.resolve(import.meta.dirname, '../../../services/consumer/src/main.ts')
const SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'BINANCE:BTCUSDT'] as const

/** A tape with prices and sizes from a small generator, partly disordered. */
function tape(count: number, seed: number): TradeRecord[] {
  const next = wholeNumbers(seed)
  return Array.from({ length: count }, (_, i) =>
    aRecord({
      symbol: SYMBOLS[next(4)] ?? 'AAPL',
      frame: i + 1,
      trades: Array.from({ length: 1 + next(5) }, () =>
        aTrade({
          p: 100 + next(1000) / 100,
          v: next(300),
          t: START_MS + i * 20 - (next(10) === 0 ? next(30_000) : 0),
          c: [['1'], ['1', '12'], null][next(3)] ?? null
        })
      )
    })
  )
}

type Content = Omit<
  BarDocument,
  'source' | 'updatedAt' | 'status' | 'revision' | 'lateCount' | 'versions'
>

/** Everything a bar says of its trades; when and how often it was written is not compared. */
async function contents({ database }: Market): Promise<Content[]> {
  const bars = await database.bars.find().sort({ _id: 1 }).toArray()
  return bars.map(
    ({
      source: _s,
      updatedAt: _u,
      status: _st,
      revision: _r,
      lateCount: _l,
      versions: _v,
      ...content
    }) => content
  )
}

function countTrades(records: readonly TradeRecord[]): number {
  return records.reduce((sum, { trades }) => sum + trades.length, 0)
}

/** The bars of the same records from a consumer that nobody disturbed. */
async function undisturbed(t: TestContext, records: readonly TradeRecord[]): Promise<Content[]> {
  const market = await openMarket(t)
  await market.publish(records)
  const service = await inService(t, (context) => startConsumer(market.consumer(), context))
  await allStored(market, countTrades(records))
  await service.stop()
  return contents(market)
}

async function allStored(market: Market, trades: number): Promise<void> {
  await eventually(
    async () => {
      assert.equal(await market.database.trades.countDocuments(), trades)
      const [sum] = await market.database.bars
        .aggregate<{ n: number }>([
          { $match: { timeframe: '1d' } },
          { $group: { _id: null, n: { $sum: '$tradeCount' } } }
        ])
        .toArray()
      assert.equal(sum?.n, trades)
    },
    { timeoutMs: 60_000 }
  )
}

const MINUTE = `AAPL|1m|${START_MS}`

/**
 * A minute with a trade, provisional, of which a consumer that the clock moved on announces the end and is killed before it
 * writes it. Returns the checkpoint as it was before.
 */
async function announcedMinute(t: TestContext, market: Market): Promise<CheckpointDocument> {
  const { database } = market
  await market.publish([aRecord({ trades: [aTrade({ t: START_MS + 1000 })] })])
  const first = await inService(t, (context) => startConsumer(market.consumer(), context))
  await eventually(async () => {
    assert.equal((await database.bars.findOne({ _id: MINUTE }))?.status, 'provisional')
  })
  await first.stop()
  const found = await database.checkpoints.findOne({ 'state.receivedAtMs': { $gt: 0 } })
  const { _id: log, epoch, nextOffset: flushingTo } = found!
  await announceFlush(
    database,
    { log, epoch },
    { flushingTo, storedUntilMs: -Infinity, watermarkMs: START_MS + 60_000 }
  )
  return found!
}

describe('exactly once', () => {
  it(
    'loses and repeats nothing when the consumer is killed again and again',
    options,
    async (t) => {
      const records = tape(6000, 7)
      const expected = await undisturbed(t, records)
      const market = await openMarket(t)
      let child: ChildProcess | undefined
      t.after(() => child?.kill('SIGKILL'))
      const start = (): ChildProcess =>
        fork(main, [], {
          env: { ...process.env, ...market.env, FLUSH_INTERVAL: '20ms', LOG_LEVEL: 'silent' },
          stdio: 'ignore'
        })
      const KILLS = 5
      for (let kill = 0; kill < KILLS; kill++) {
        const part = records.slice(kill * 1000, (kill + 1) * 1000)
        const before = await market.database.trades.countDocuments()
        child = start()
        const publishing = market.publish(part)
        // Killed while it writes: some trades of this part are stored, perhaps half of a flush.
        await eventually(async () => {
          assert.ok((await market.database.trades.countDocuments()) > before)
        })
        child.kill('SIGKILL')
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
        await publishing
      }
      await market.publish(records.slice(KILLS * 1000))
      child = start()
      await allStored(market, countTrades(records))
      child.kill('SIGTERM')
      const [code] = (await once(child, 'exit')) as [number]
      assert.equal(code, 0)
      assert.deepEqual(await contents(market), expected)
    }
  )

  it('continues at once after a kill: the group does not wait for the dead', options, async (t) => {
    const market = await openMarket(t)
    const records = tape(200, 13)
    await market.publish(records.slice(0, 100))
    const first = fork(main, [], {
      env: { ...process.env, ...market.env, LOG_LEVEL: 'silent' },
      stdio: 'ignore'
    })
    t.after(() => first.kill('SIGKILL'))
    await allStored(market, countTrades(records.slice(0, 100)))
    first.kill('SIGKILL')
    await once(first, 'exit')
    // In this process, which has its modules: a new one would begin when the session of the dead one has ended, if the
    // machine is slow.
    const log = createLogger('consumer', 'silent')
    const said: unknown[] = []
    log.info = (...line: unknown[]) => void said.push(line)
    const { context, stop } = createContext(log)
    t.after(async () => {
      stop()
      await context.close()
    })
    await startConsumer(market.consumer(), context)
    await market.publish(records.slice(100))
    await allStored(market, countTrades(records))
    assert.match(JSON.stringify(said), /"members":1.*members whose process is dead left the group/)
  })

  it('counts a record once that the producer published twice', options, async (t) => {
    const market = await openMarket(t)
    const records = tape(200, 3)
    await market.publish(records)
    await market.publish(records.slice(150))
    await inService(t, (context) => startConsumer(market.consumer(), context))
    await allStored(market, countTrades(records))
  })

  it(
    'makes the same bars final as an announced flush, whatever the clock of its successor',
    options,
    async (t) => {
      const market = await openMarket(t)
      const { database } = market
      await announcedMinute(t, market)
      await market.publish([aRecord({ frame: 2, trades: [aTrade({ t: START_MS + 10_000 })] })])
      await inService(t, (context) => startConsumer(market.consumer(), context))
      await eventually(async () => {
        const { status, lateCount, tradeCount } = (await database.bars.findOne({ _id: MINUTE }))!
        assert.deepEqual(
          { status, lateCount, tradeCount },
          { status: 'revised', lateCount: 1, tradeCount: 2 }
        )
      })
    }
  )

  it(
    'repeats an announced flush without a gap that only another partition had read, then revises its bars',
    options,
    async (t) => {
      const market = await openMarket(t)
      const { database } = market
      await market.publishGap({ id: 'first', fromMs: null, toMs: START_MS, at: START_MS })
      const { _id: log, flushingGapsMs } = await announcedMinute(t, market)
      assert.equal(flushingGapsMs, START_MS)
      await storeGaps(database, [
        {
          version: 1,
          kind: 'gap',
          id: 'second',
          feed: 'simulated',
          fromMs: START_MS + 30_000,
          toMs: START_MS + 90_000,
          cause: 'the producer was down',
          symbols: [],
          at: START_MS + 90_000
        }
      ])
      await inService(t, (context) => startConsumer(market.consumer(), context))
      await eventually(async () => {
        const { status, revision, revisionCause, coverage, gapIds } = (await database.bars.findOne({
          _id: MINUTE
        }))!
        assert.deepEqual(
          { status, revision, revisionCause, coverage, gapIds },
          {
            status: 'revised',
            revision: 1,
            revisionCause: 'feed gap',
            coverage: 0.5,
            gapIds: ['second']
          }
        )
      })
      const { flushingGapsMs: known } = (await database.checkpoints.findOne({ _id: log }))!
      assert.equal(known, START_MS + 90_000)
    }
  )

  it('fences a consumer whose partitions another one took over', options, async (t) => {
    const market = await openMarket(t)
    const records = tape(400, 5)
    await market.publish(records.slice(0, 200))
    const first = await inService(t, (context) =>
      startConsumer(market.consumer({ FLUSH_INTERVAL: '30s' }), context)
    )
    await eventually(async () => {
      const text = await (await fetch(`${first.result.healthUrl}/metrics`)).text()
      assert.match(text, /tapedeck_records_read_total 200/)
    })
    // A group of its own: both believe that they own every partition.
    const second = await inService(t, (context) =>
      startConsumer(market.consumer({ KAFKA_GROUP: `${market.kafka.topic}-b` }), context)
    )
    await market.publish(records.slice(200))
    await allStored(market, countTrades(records))
    await first.stop()
    await second.stop()
    await allStored(market, countTrades(records))
    const owners = await market.database.checkpoints.find().toArray()
    assert.ok(owners.every(({ epoch }) => epoch >= 2))
  })

  it(
    'rebuilds everything when the database was emptied, although the group has committed all offsets',
    options,
    async (t) => {
      const market = await openMarket(t)
      const records = tape(300, 9)
      await market.publish(records)
      const first = await inService(t, (context) => startConsumer(market.consumer(), context))
      await allStored(market, countTrades(records))
      await first.stop()
      const before = await contents(market)
      await market.database.db.dropDatabase()
      await inService(t, (context) => startConsumer(market.consumer(), context))
      await allStored(market, countTrades(records))
      assert.deepEqual(await contents(market), before)
    }
  )
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { TradeRecord } from '@tapedeck/domain'
import type { BarDocument } from '@tapedeck/mongo'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

const options = { timeout: 120_000 }
const SYMBOLS = Array.from({ length: 24 }, (_, index) => `SYM${index}`)
const TRADES = 3

/** Records of many symbols, so that every partition has some; a tenth of the trades is late. */
function tape(count: number): TradeRecord[] {
  return Array.from({ length: count }, (_, index) =>
    aRecord({
      symbol: SYMBOLS[(index * 7) % SYMBOLS.length] ?? 'SYM0',
      frame: index + 1,
      trades: Array.from({ length: TRADES }, (_one, place) =>
        aTrade({
          p: 100 + ((index * 13 + place) % 50) / 100,
          v: 1 + (index % 9),
          t: START_MS + index * 40 + place - (index % 10 === 0 ? 9000 : 0)
        })
      )
    })
  )
}

/**
 * Everything a bar says; revisions too, for they follow the records and not the flushes. Which versions of a bar were
 * stored before them does depend on the flushes.
 */
async function contents({ database }: Market): Promise<unknown[]> {
  const bars = await database.bars.find().sort({ _id: 1 }).toArray()
  return bars.map(
    ({ source: _s, updatedAt: _u, status: _st, versions: _v, ...bar }: BarDocument) => bar
  )
}

async function allStored(market: Market, records: number): Promise<void> {
  await eventually(
    async () => {
      const [sum] = await market.database.bars
        .aggregate<{ n: number }>([
          { $match: { timeframe: '1d' } },
          { $group: { _id: null, n: { $sum: '$tradeCount' } } }
        ])
        .toArray()
      assert.equal(sum?.n, records * TRADES)
      assert.equal(await market.database.trades.countDocuments(), records * TRADES)
    },
    { timeoutMs: 60_000 }
  )
}

async function owners({ database }: Market): Promise<number> {
  const found = await database.checkpoints.distinct('owner.memberId')
  return found.length
}

/** While an outage lasts the clock makes no bar final, however long a busy machine takes to rebalance. */
const LASTING = { id: 'g', fromMs: START_MS - 60_000, toMs: null } as const

const start = (t: TestContext, market: Market) =>
  inService(t, (context) =>
    startConsumer(market.consumer({ TIMEFRAMES: '1s,1m,1d,50t', BARS_TOPIC: 'off' }), context)
  )

describe('several consumers in one group', () => {
  it('give the same bars as one', options, async (t) => {
    const records = tape(1500)
    const all: unknown[][] = []
    for (const count of [1, 2, 3]) {
      const market = await openMarket(t)
      const consumers = []
      for (let i = 0; i < count; i++) consumers.push(await start(t, market))
      await eventually(async () => assert.equal(await owners(market), count))
      await market.publish(records)
      await allStored(market, records.length)
      for (const consumer of consumers) await consumer.stop()
      all.push(await contents(market))
    }
    assert.deepEqual(all[1], all[0])
    assert.deepEqual(all[2], all[0])
  })

  it('pass partitions on with their state when one joins and one leaves', options, async (t) => {
    const records = tape(1500)
    const calm = await openMarket(t)
    await calm.publishGap(LASTING)
    await calm.publish(records)
    const one = await start(t, calm)
    await allStored(calm, records.length)
    await one.stop()

    const market = await openMarket(t)
    await market.publishGap(LASTING)
    const first = await start(t, market)
    await market.publish(records.slice(0, 500))
    const joining = start(t, market)
    await market.publish(records.slice(500, 1000))
    const second = await joining
    await eventually(async () => assert.equal(await owners(market), 2))
    const leaving = first.stop()
    await market.publish(records.slice(1000))
    assert.equal(await leaving, true)
    await allStored(market, records.length)
    await second.stop()
    assert.deepEqual(await contents(market), await contents(calm))
  })

  it('keep what the group leaves to them when another one comes', options, async (t) => {
    const records = tape(900)
    const market = await openMarket(t)
    const { checkpoints } = market.database
    const { result } = await start(t, market)
    await market.publish(records.slice(0, 300))
    await allStored(market, 300)
    const before = new Map((await checkpoints.find().toArray()).map((one) => [one._id, one]))
    await start(t, market)
    await eventually(async () => assert.equal(await owners(market), 2))
    await market.publish(records.slice(300))
    await allStored(market, records.length)
    const after = await checkpoints.find().toArray()
    const kept = after.filter(({ _id, epoch }) => epoch === before.get(_id)?.epoch)
    const moved = after.filter(({ _id, epoch }) => epoch !== before.get(_id)?.epoch)
    assert.deepEqual([kept.length, moved.length], [3, 3])
    const first = after.length > 0 ? before.get(after[0]!._id)?.owner.memberId : undefined
    assert.ok(kept.every(({ owner }) => owner.memberId === first))
    assert.ok(moved.every(({ owner }) => owner.memberId !== first))
    const text = await (await fetch(`${result.healthUrl}/metrics`)).text()
    const shown = text.match(/(?<=^tapedeck_consumer_lag_records\{partition=")\d+/gm) ?? []
    const its = kept.map(({ _id }) => _id.split('/').at(-1) ?? '')
    assert.deepEqual(shown.toSorted(), its.toSorted(), 'a partition that moved is shown no more')
  })

  it('do not evict one of an equal host name in another pid namespace', options, async (t) => {
    const market = await openMarket(t)
    const { checkpoints } = market.database
    await start(t, market)
    await market.publish(tape(30))
    await allStored(market, 30)
    const member = (await checkpoints.findOne({}))?.owner.memberId
    // What a consumer in a container of the same host name would have written: its pid is not one here.
    const gone = spawn('true')
    await once(gone, 'exit')
    await checkpoints.updateMany(
      {},
      { $set: { 'owner.space': 'elsewhere', 'owner.pid': gone.pid!, 'owner.started': '1' } }
    )
    await start(t, market)
    await eventually(async () => assert.equal(await owners(market), 2))
    const members = await checkpoints.distinct('owner.memberId')
    assert.ok(members.includes(member))
  })
})

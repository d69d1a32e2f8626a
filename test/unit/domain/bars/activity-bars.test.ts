import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  closeBatch,
  knownGap,
  MemoryBars,
  PartitionFold,
  type FoldOptions,
  type StoredActivityBar,
  type TradeRecord
} from '@tapedeck/domain'
import { flush } from '../../../support/folding.ts'
import { aGap, aRecord, aTrade, records, START_MS } from '../../../support/trades.ts'

const OPTIONS: FoldOptions = {
  timeframes: ['3t', '700v', '20000usd'],
  policy: 'all',
  allowedDelayMs: 2000,
  latenessLimitMs: 1e9,
  futureLimitMs: 1e9,
  redelivered: 'drop'
}

function contents(store: MemoryBars): StoredActivityBar[] {
  return [...store.activity.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

async function run(
  list: readonly TradeRecord[],
  flushAfter: (index: number) => boolean
): Promise<StoredActivityBar[]> {
  const store = new MemoryBars()
  const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
  for (const [index, record] of list.entries()) {
    fold.take(record, index)
    if (flushAfter(index)) await flush(fold, store)
  }
  await flush(fold, store)
  return contents(store)
}

describe('ActivityBarAggregator', () => {
  it('closes a bar by the trade that fills it, and never splits one', async () => {
    const trades = [400, 500, 100, 700, 50].map((v) => aTrade({ v, p: 10 }))
    const bars = await run([aRecord({ trades })], () => false)
    const volumes = bars
      .filter(({ timeframe }) => timeframe === '700v')
      .map(({ accumulator, status }) => ({ volume: accumulator.sums[0], status }))
    assert.deepEqual(volumes, [
      { volume: 900e8, status: 'final' },
      { volume: 800e8, status: 'final' },
      { volume: 50e8, status: 'provisional' }
    ])
    const counts = bars.filter(({ timeframe }) => timeframe === '3t')
    assert.deepEqual(
      counts.map(({ accumulator }) => accumulator.tradeCount),
      [3, 2]
    )
    assert.equal(counts[0]?.id, 'AAPL|3t|0mwv6bn8sff46-1-0')
  })

  it('begins a new bar with each trading date, but not for a late print of the day before', async () => {
    const next = START_MS + 86_400_000
    const all = await run(
      [START_MS, next, START_MS + 1, next + 1].map((t, index) =>
        aRecord({ frame: index + 1, trades: [aTrade({ t })] })
      ),
      () => false
    )
    const bars = all.filter(({ timeframe }) => timeframe === '3t')
    assert.deepEqual(
      bars.map(({ accumulator, status, tradeDate }) => ({
        tradeCount: accumulator.tradeCount,
        status,
        tradeDate
      })),
      [
        { tradeCount: 1, status: 'final', tradeDate: '2026-03-10' },
        { tradeCount: 3, status: 'final', tradeDate: '2026-03-11' }
      ]
    )
  })

  it('measures a bar by its trades, its volume or its notional', async () => {
    const trades = [40, 20, 10].map((v) => aTrade({ v, p: 500 }))
    const bars = await run([aRecord({ trades })], () => false)
    const byTimeframe = (timeframe: string) =>
      bars
        .filter((bar) => bar.timeframe === timeframe)
        .map(({ accumulator, status }) => ({ trades: accumulator.tradeCount, status }))
    // 20 000 in the first trade, less in the other two.
    assert.deepEqual(byTimeframe('20000usd'), [
      { trades: 1, status: 'final' },
      { trades: 2, status: 'provisional' }
    ])
    assert.deepEqual(byTimeframe('3t'), [{ trades: 3, status: 'final' }])
    assert.deepEqual(byTimeframe('700v'), [{ trades: 3, status: 'provisional' }])
  })

  it('stores the end of a bar that a later batch closes by a new trading date', async () => {
    const next = START_MS + 86_400_000
    const list = [START_MS, next].map((t, index) =>
      aRecord({ frame: index + 1, trades: [aTrade({ t })] })
    )
    const bars = await run(list, () => true)
    assert.deepEqual(
      bars.filter(({ timeframe }) => timeframe === '3t').map(({ status }) => status),
      ['final', 'provisional']
    )
  })

  it('is named by its first trade and says from where to where on the tape it goes', async () => {
    const at = (ms: number) => aTrade({ t: START_MS + ms })
    const bars = await run(
      [
        aRecord({ frame: 1, trades: [at(5), at(2)], indexes: [4, 7] }),
        aRecord({ frame: 2, trades: [at(9), at(3)], indexes: [0, 1] })
      ],
      () => false
    )
    const spans = bars
      .filter(({ timeframe }) => timeframe === '3t')
      .map(({ id, startMs, endMs, from, through, offset, revision, lateCount }) => ({
        id,
        startMs,
        endMs,
        from,
        through,
        offset,
        revision,
        lateCount
      }))
    assert.deepEqual(spans, [
      {
        id: 'AAPL|3t|0mwv6bn8sff46-1-4',
        startMs: START_MS + 5,
        endMs: START_MS + 9,
        from: [0, 4],
        through: [1, 0],
        offset: 2,
        revision: 0,
        lateCount: 0
      },
      {
        id: 'AAPL|3t|0mwv6bn8sff46-2-1',
        // No later bar starts before an earlier one, though its first trade is older.
        startMs: START_MS + 5,
        endMs: START_MS + 5,
        from: [1, 1],
        through: [1, 1],
        offset: 2,
        revision: 0,
        lateCount: 0
      }
    ])
  })

  it('has the gaps of its time', async () => {
    const store = new MemoryBars()
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    fold.gaps.add(knownGap(aGap(START_MS + 1000, START_MS + 2000, { id: 'inside' })))
    fold.gaps.add(knownGap(aGap(START_MS + 5000, START_MS + 6000, { id: 'after' })))
    const trades = [0, 3000].map((ms) => aTrade({ t: START_MS + ms }))
    fold.take(aRecord({ trades }), 0)
    await flush(fold, store)
    const [bar] = contents(store)
    assert.deepEqual(bar?.gaps, [{ id: 'inside', fromMs: START_MS + 1000, toMs: START_MS + 2000 }])
  })

  it('asks once for the newest stored bar of each symbol and timeframe, if it makes any', async () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    const asked = () =>
      fold.activity.missing().map(({ symbol, timeframe }) => `${symbol} ${timeframe}`)
    fold.take(aRecord({ frame: 1, trades: [aTrade(), aTrade()] }), 0)
    assert.deepEqual(asked(), [])
    fold.activity.closeBatch()
    assert.deepEqual(asked(), ['AAPL 3t', 'AAPL 700v', 'AAPL 20000usd'])
    for (const request of fold.activity.missing()) fold.activity.adopt(request, undefined)
    assert.deepEqual(asked(), [])
    fold.activity.mergeBatch()
    assert.equal(fold.activity.isEmpty, false)
    const without = new PartitionFold({ ...OPTIONS, timeframes: ['1m'] }, undefined, -Infinity)
    without.take(aRecord(), 0)
    without.activity.closeBatch()
    assert.deepEqual([without.activity.isEmpty, without.activity.missing()], [true, []])
  })

  it('goes on with a stored bar that is open and takes no trade that it has', async () => {
    const store = new MemoryBars()
    const record = (frame: number, count: number) =>
      aRecord({ frame, trades: Array.from({ length: count }, () => aTrade()) })
    const before = new PartitionFold(OPTIONS, undefined, -Infinity)
    before.take(record(1, 2), 0)
    await flush(before, store)
    const after = new PartitionFold(OPTIONS, undefined, Infinity)
    after.take(record(1, 2), 0)
    after.take(record(2, 2), 1)
    const { activity } = await flush(after, store)
    assert.deepEqual(
      [activity.fresh, activity.changed].map((bars) =>
        bars.map(({ bar }) => bar.id).filter((id) => id.includes('3t'))
      ),
      [['AAPL|3t|0mwv6bn8sff46-2-1'], ['AAPL|3t|0mwv6bn8sff46-1-0']]
    )
    const counts = contents(store)
      .filter(({ timeframe }) => timeframe === '3t')
      .map(({ accumulator }) => accumulator.tradeCount)
    assert.deepEqual(counts, [3, 1])
    // A full bar is not opened again.
    const last = new PartitionFold(OPTIONS, undefined, Infinity)
    store.checkpoint = 1
    last.take(record(2, 2), 1)
    const repeated = await flush(last, store)
    assert.deepEqual(repeated.activity.fresh.filter(({ bar }) => bar.timeframe === '3t').length, 1)
    const unchanged = await flush(last, store)
    assert.deepEqual(unchanged.activity, { fresh: [], changed: [] })
  })

  it('gives the same bars whatever the batch boundaries', async () => {
    await fc.assert(
      fc.asyncProperty(records(), fc.infiniteStream(fc.boolean()), async (list, flags) => {
        const once = await run(list, () => false)
        assert.deepEqual(await run(list, () => flags.next().value === true), once)
        assert.deepEqual(await run(list, () => true), once)
      })
    )
  })

  it('gives the same bars after a crash that left any part of a flush stored', async () => {
    await fc.assert(
      fc.asyncProperty(
        records(),
        fc.nat(40),
        fc.nat(40),
        fc.infiniteStream(fc.boolean()),
        async (list, a, b, flags) => {
          const [checkpoint, crash] = [a % list.length, b % list.length].toSorted(
            (x, y) => x - y
          ) as [number, number]
          const store = new MemoryBars()
          const before = new PartitionFold(OPTIONS, undefined, -Infinity)
          for (const [index, record] of list.slice(0, checkpoint).entries()) {
            before.take(record, index)
          }
          await flush(before, store)
          const state = before.toState()
          for (const [index, record] of list.slice(checkpoint, crash).entries()) {
            before.take(record, checkpoint + index)
          }
          // The crash: of the last flush any part may be missing.
          const { activity } = await closeBatch(before, store, [], {
            nextOffset: crash,
            now: () => 0
          })
          const cutOff = [...activity.fresh, ...activity.changed]
          store.write(
            [],
            cutOff.filter(() => flags.next().value === true)
          )
          store.checkpoint = checkpoint
          const after = new PartitionFold(OPTIONS, state, Infinity)
          for (const [index, record] of list.slice(checkpoint).entries()) {
            after.take(record, checkpoint + index)
          }
          await flush(after, store)
          assert.deepEqual(contents(store), await run(list, () => false))
        }
      )
    )
  })
})

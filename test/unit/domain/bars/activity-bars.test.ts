import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  closeBatch,
  MemoryBars,
  PartitionFold,
  type FoldOptions,
  type StoredActivityBar,
  type TradeRecord
} from '@tapedeck/domain'
import { flush } from '../../../support/folding.ts'
import { aRecord, aTrade, records, START_MS } from '../../../support/trades.ts'

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

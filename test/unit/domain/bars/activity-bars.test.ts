import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  PartitionFold,
  type FoldOptions,
  type HeadRequest,
  type StoredActivityBar,
  type TradeRecord
} from '@tapedeck/domain'
import { aRecord, aTrade, records, START_MS } from '../../../support/trades.ts'

const OPTIONS: FoldOptions = {
  timeframes: ['3t', '700v', '20000usd'],
  policy: 'all',
  allowedDelayMs: 2000,
  latenessLimitMs: 1e9,
  futureLimitMs: 1e9,
  redelivered: 'drop'
}

/** A store in memory that knows the newest bar of each symbol and timeframe in tape order. */
class BarStore {
  readonly bars = new Map<string, StoredActivityBar>()

  /** `checkpoint`: where the fold took over; `only`: which of the bars reach the store. */
  flush({ activity }: PartitionFold, checkpoint = 0, only?: (index: number) => boolean): void {
    activity.closeBatch()
    for (const request of activity.missing()) {
      activity.adopt(request, this.#head(request, checkpoint))
    }
    activity.mergeBatch()
    const { fresh, changed } = activity.drainChanged()
    ;[...fresh, ...changed].forEach((one, index) => {
      if (only?.(index) ?? true) this.bars.set(one.bar.id, { ...one, ...one.bar.toStored() })
    })
  }

  #head({ symbol, timeframe }: HeadRequest, checkpoint: number): StoredActivityBar | undefined {
    return [...this.bars.values()]
      .filter((bar) => bar.symbol === symbol && bar.timeframe === timeframe)
      .filter(({ from }) => from[0] < checkpoint)
      .toSorted((a, b) => a.through[0] - b.through[0] || a.through[1] - b.through[1])
      .at(-1)
  }

  contents(): StoredActivityBar[] {
    return [...this.bars.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }
}

function run(list: readonly TradeRecord[], flushAfter: (index: number) => boolean): BarStore {
  const store = new BarStore()
  const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
  list.forEach((record, index) => {
    fold.take(record, index, START_MS)
    if (flushAfter(index)) store.flush(fold)
  })
  store.flush(fold)
  return store
}

describe('ActivityBarAggregator', () => {
  it('closes a bar by the trade that fills it, and never splits one', () => {
    const trades = [400, 500, 100, 700, 50].map((v) => aTrade({ v, p: 10 }))
    const bars = run([aRecord({ trades })], () => false).contents()
    const volumes = bars
      .filter(({ timeframe }) => timeframe === '700v')
      .map(({ accumulator, status }) => [accumulator.sums[0], status])
    assert.deepEqual(volumes, [
      [900e8, 'final'],
      [800e8, 'final'],
      [50e8, 'provisional']
    ])
    const counts = bars.filter(({ timeframe }) => timeframe === '3t')
    assert.deepEqual(
      counts.map(({ accumulator }) => accumulator.tradeCount),
      [3, 2]
    )
    assert.equal(counts[0]?.id, 'AAPL|3t|0mwv6bn8sff46-1-0')
  })

  it('begins a new bar with each trading date, and not for a late print of the day before', () => {
    const next = START_MS + 86_400_000
    const bars = run(
      [START_MS, next, START_MS + 1, next + 1].map((t, index) =>
        aRecord({ frame: index + 1, trades: [aTrade({ t })] })
      ),
      () => false
    )
      .contents()
      .filter(({ timeframe }) => timeframe === '3t')
    assert.deepEqual(
      bars.map(({ accumulator, status, tradeDate }) => [accumulator.tradeCount, status, tradeDate]),
      [
        [1, 'final', '2026-03-10'],
        [3, 'final', '2026-03-11']
      ]
    )
  })

  it('gives the same bars whatever the batch boundaries', () => {
    fc.assert(
      fc.property(records(), fc.infiniteStream(fc.boolean()), (list, flags) => {
        const once = run(list, () => false).contents()
        assert.deepEqual(run(list, () => flags.next().value === true).contents(), once)
        assert.deepEqual(run(list, () => true).contents(), once)
      })
    )
  })

  it('gives the same bars after a crash that left any part of a flush stored', () => {
    fc.assert(
      fc.property(
        records(),
        fc.nat(40),
        fc.nat(40),
        fc.infiniteStream(fc.boolean()),
        (list, a, b, flags) => {
          const [checkpoint, crash] = [a % list.length, b % list.length].toSorted(
            (x, y) => x - y
          ) as [number, number]
          const store = new BarStore()
          const before = new PartitionFold(OPTIONS, undefined, -Infinity)
          list.slice(0, checkpoint).forEach((record, index) => {
            before.take(record, index, START_MS)
          })
          store.flush(before)
          const state = before.toState()
          list.slice(checkpoint, crash).forEach((record, index) => {
            before.take(record, checkpoint + index, START_MS)
          })
          // The crash: of the last flush any part may be missing.
          store.flush(before, 0, () => flags.next().value === true)
          const after = new PartitionFold(OPTIONS, state, Infinity)
          list.slice(checkpoint).forEach((record, index) => {
            after.take(record, checkpoint + index, START_MS)
          })
          store.flush(after, checkpoint)
          assert.deepEqual(store.contents(), run(list, () => false).contents())
        }
      )
    )
  })
})

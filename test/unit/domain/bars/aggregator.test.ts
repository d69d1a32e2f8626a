import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  ExactSum,
  MemoryBars,
  PartitionFold,
  type FoldOptions,
  type StoredBar,
  type TradeRecord
} from '@tapedeck/domain'
import { changedBars, flush } from '../../../support/folding.ts'
import { aRecord, aTrade, records, START_MS } from '../../../support/trades.ts'

const OPTIONS: FoldOptions = {
  timeframes: ['1s', '5s', '1m', '5m', '1h', '1d'],
  policy: 'feed',
  allowedDelayMs: 2000,
  latenessLimitMs: 1e9,
  futureLimitMs: 60_000,
  redelivered: 'drop'
}

function newFold(storedUntilMs = -Infinity): PartitionFold {
  return new PartitionFold(OPTIONS, undefined, storedUntilMs)
}

/** What a bar says, its revisions included; only how far its reader was is left out. */
function content({ offset: _offset, ...bar }: StoredBar): unknown {
  return bar
}

/** What of a bar does not depend on the order of the tape: all but late trades and the tick rule. */
function orderless(bar: StoredBar): unknown {
  const {
    status: _s,
    revision: _r,
    revisionCause: _c,
    lateCount: _n,
    lateVolume: _v,
    ...rest
  } = bar
  const { sums, ...accumulator } = rest.accumulator
  const untouched = sums.slice(0, 5)
  const tickVolume = new ExactSum()
  for (const sum of sums.slice(6)) {
    const part = new ExactSum()
    part.set(sum)
    tickVolume.merge(part)
  }
  return {
    ...rest,
    offset: 0,
    accumulator: { ...accumulator, untouched, tickVolume: tickVolume.toStored() }
  }
}

function contents(store: MemoryBars, what = content): Map<string, unknown> {
  return new Map(
    [...store.bars].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([id, bar]) => [id, what(bar)])
  )
}

async function run(
  list: readonly TradeRecord[],
  flushAfter: (index: number) => boolean
): Promise<MemoryBars> {
  const store = new MemoryBars()
  const fold = newFold()
  for (const [index, record] of list.entries()) {
    fold.take(record, index)
    if (!flushAfter(index)) continue
    const closed = await flush(fold, store, index + 1)
    for (const bar of changedBars(closed)) assert.ok(bar.offset <= index + 1)
  }
  await flush(fold, store)
  return store
}

describe('BarAggregator', () => {
  it('gives the same bars and revisions whatever the batch boundaries', async () => {
    await fc.assert(
      fc.asyncProperty(records(), fc.infiniteStream(fc.boolean()), async (list, flags) => {
        const once = await run(list, () => false)
        const often = await run(list, () => flags.next().value === true)
        const always = await run(list, () => true)
        assert.deepEqual(contents(often), contents(once))
        assert.deepEqual(contents(always), contents(once))
      })
    )
  })

  it('gives the same bars whatever the order of arrival', async () => {
    await fc.assert(
      fc.asyncProperty(
        records(20).chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))
        ),
        async ([list, shuffled]) => {
          // Each record is a connection of its own here: the order of arrival is free.
          const named = new Map(
            list.map((record, index) => [record, `c${String(index).padStart(3, '0')}`])
          )
          const of = (record: TradeRecord): TradeRecord => ({
            ...record,
            connection: named.get(record) ?? ''
          })
          assert.deepEqual(
            contents(await run(shuffled.map(of), () => true), orderless),
            contents(await run(list.map(of), () => false), orderless)
          )
        }
      )
    )
  })

  it('changes nothing when records are replayed onto stored bars after a crash', async () => {
    await fc.assert(
      fc.asyncProperty(records(), fc.nat(40), fc.nat(40), async (list, a, b) => {
        const [checkpoint, crash] = [
          Math.min(a, b) % list.length,
          Math.max(a, b) % list.length
        ].toSorted((x, y) => x - y) as [number, number]
        // Before the crash: flushed to the store beyond the checkpoint.
        const store = new MemoryBars()
        const before = newFold()
        let state = before.toState()
        for (const [index, record] of list.slice(0, crash).entries()) {
          if (index === checkpoint) state = before.toState()
          before.take(record, index)
          if (index % 3 === 0) await flush(before, store)
        }
        await flush(before, store)
        if (crash === checkpoint) state = before.toState()
        // After: from the checkpoint, record by record while documents may be ahead.
        const after = new PartitionFold(OPTIONS, state, Infinity)
        after.bars.adopt([...store.bars.values()].filter(({ status }) => status === 'provisional'))
        for (const [index, record] of list.entries()) {
          if (index < checkpoint) continue
          after.take(record, index)
          if (index < crash) await flush(after, store)
        }
        await flush(after, store)
        assert.deepEqual(contents(store), contents(await run(list, () => false)))
      })
    )
  })

  it('revises a final bar once for each record with late trades, and says why and by how much', async () => {
    const store = new MemoryBars()
    const fold = newFold()
    const take = (offset: number, t: number, p: number): void => {
      fold.take(aRecord({ frame: offset + 1, trades: [aTrade({ t, p })] }), offset)
    }
    take(0, START_MS, 100)
    take(1, START_MS + 120_000, 105)
    await flush(fold, store)
    const id = `AAPL|1m|${START_MS}`
    assert.equal(store.bars.get(id)?.status, 'final')
    take(2, START_MS + 1000, 90)
    take(3, START_MS + 2000, 110)
    await flush(fold, store)
    const bar = store.bars.get(id)
    assert.partialDeepStrictEqual(bar, {
      status: 'revised',
      revision: 2,
      revisionCause: 'late trades',
      lateCount: 2,
      lateVolume: 20 * 1e8,
      accumulator: { high: 110, low: 90 }
    })
  })

  it('restores a bar that left memory from the store', async () => {
    const store = new MemoryBars()
    const fold = newFold()
    const take = async (offset: number, t: number): Promise<void> => {
      fold.take(aRecord({ frame: offset + 1, trades: [aTrade({ t })] }), offset)
      await flush(fold, store)
    }
    await take(0, START_MS)
    await take(1, START_MS + 3_600_000)
    await take(2, START_MS + 7_200_000)
    await take(3, START_MS + 500)
    assert.equal(store.bars.get(`AAPL|1s|${START_MS}`)?.accumulator.tradeCount, 2)
    assert.equal(store.bars.get(`AAPL|1h|${START_MS}`)?.accumulator.tradeCount, 2)
  })

  it('keeps memory bounded over a long tape', async () => {
    const store = new MemoryBars()
    const fold = newFold()
    for (let i = 0; i < 5000; i++) {
      fold.take(aRecord({ frame: i + 1, trades: [aTrade({ t: START_MS + i * 1000 })] }), i)
      if (i % 50 === 0) await flush(fold, store)
    }
    assert.ok(fold.bars.size < 250, `${fold.bars.size} bars in memory`)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  ExactSum,
  PartitionFold,
  type FoldOptions,
  type StoredBar,
  type TradeRecord
} from '@tapedeck/domain'
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

/** A store in memory that bars go to and come back from. */
class BarStore {
  readonly bars = new Map<string, StoredBar>()

  flush(fold: PartitionFold, nextOffset?: number): void {
    fold.bars.closeBatch()
    const wanted = fold.bars.missing()
    fold.bars.adopt(wanted.map((id) => this.bars.get(id)).filter((bar) => bar !== undefined))
    fold.bars.mergeBatch()
    fold.bars.finalise(fold.watermark.ms)
    const { fresh, changed } = fold.bars.drainChanged(fold.watermark.ms)
    for (const bar of [...fresh, ...changed]) {
      assert.ok(nextOffset === undefined || bar.offset <= nextOffset)
      this.bars.set(bar.id, bar.toStored())
    }
  }

  contents(what = content): Map<string, unknown> {
    return new Map(
      [...this.bars].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([id, bar]) => [id, what(bar)])
    )
  }
}

function run(list: readonly TradeRecord[], flushAfter: (index: number) => boolean): BarStore {
  const store = new BarStore()
  const fold = newFold()
  list.forEach((record, index) => {
    fold.take(record, index, START_MS)
    if (flushAfter(index)) store.flush(fold, index + 1)
  })
  store.flush(fold)
  return store
}

describe('BarAggregator', () => {
  it('gives the same bars and revisions whatever the batch boundaries', () => {
    fc.assert(
      fc.property(records(), fc.infiniteStream(fc.boolean()), (list, flags) => {
        const once = run(list, () => false)
        const often = run(list, () => flags.next().value === true)
        const always = run(list, () => true)
        assert.deepEqual(often.contents(), once.contents())
        assert.deepEqual(always.contents(), once.contents())
      })
    )
  })

  it('gives the same bars whatever the order of arrival', () => {
    fc.assert(
      fc.property(
        records(20).chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))
        ),
        ([list, shuffled]) => {
          // Each record is a connection of its own here: the order of arrival is free.
          const named = new Map(
            list.map((record, index) => [record, `c${String(index).padStart(3, '0')}`])
          )
          const of = (record: TradeRecord): TradeRecord => ({
            ...record,
            connection: named.get(record) ?? ''
          })
          assert.deepEqual(
            run(shuffled.map(of), () => true).contents(orderless),
            run(list.map(of), () => false).contents(orderless)
          )
        }
      )
    )
  })

  it('changes nothing when records are replayed onto stored bars after a crash', () => {
    fc.assert(
      fc.property(records(), fc.nat(40), fc.nat(40), (list, a, b) => {
        const [checkpoint, crash] = [
          Math.min(a, b) % list.length,
          Math.max(a, b) % list.length
        ].toSorted((x, y) => x - y) as [number, number]
        // Before the crash: flushed to the store beyond the checkpoint.
        const store = new BarStore()
        const before = newFold()
        let state = before.toState()
        list.slice(0, crash).forEach((record, index) => {
          if (index === checkpoint) state = before.toState()
          before.take(record, index, START_MS)
          if (index % 3 === 0) store.flush(before)
        })
        store.flush(before)
        if (crash === checkpoint) state = before.toState()
        // After: from the checkpoint, record by record while documents may be ahead.
        const after = new PartitionFold(OPTIONS, state, Infinity)
        after.bars.adopt([...store.bars.values()].filter(({ status }) => status === 'provisional'))
        list.forEach((record, index) => {
          if (index < checkpoint) return
          after.take(record, index, START_MS)
          if (index < crash) {
            after.bars.closeBatch()
            after.bars.adopt(
              after.bars
                .missing()
                .map((id) => store.bars.get(id))
                .filter((bar) => bar !== undefined)
            )
            after.bars.mergeBatch()
          }
        })
        store.flush(after)
        assert.deepEqual(store.contents(), run(list, () => false).contents())
      })
    )
  })

  it('revises a final bar once for each record with late trades, and says why and by how much', () => {
    const store = new BarStore()
    const fold = newFold()
    const take = (offset: number, t: number, p: number): void => {
      fold.take(aRecord({ frame: offset + 1, trades: [aTrade({ t, p })] }), offset, START_MS)
    }
    take(0, START_MS, 100)
    take(1, START_MS + 120_000, 105)
    store.flush(fold)
    const id = `AAPL|1m|${START_MS}`
    assert.equal(store.bars.get(id)?.status, 'final')
    take(2, START_MS + 1000, 90)
    take(3, START_MS + 2000, 110)
    store.flush(fold)
    const bar = store.bars.get(id)
    assert.deepEqual(
      [bar?.status, bar?.revision, bar?.revisionCause, bar?.lateCount, bar?.lateVolume],
      ['revised', 2, 'late trades', 2, 20 * 1e8]
    )
    assert.deepEqual([bar?.accumulator.high, bar?.accumulator.low], [110, 90])
  })

  it('takes a bar that left memory up again from the store', () => {
    const store = new BarStore()
    const fold = newFold()
    const take = (offset: number, t: number): void => {
      fold.take(aRecord({ frame: offset + 1, trades: [aTrade({ t })] }), offset, START_MS)
      store.flush(fold)
    }
    take(0, START_MS)
    take(1, START_MS + 3_600_000)
    take(2, START_MS + 7_200_000)
    take(3, START_MS + 500)
    assert.equal(store.bars.get(`AAPL|1s|${START_MS}`)?.accumulator.tradeCount, 2)
    assert.equal(store.bars.get(`AAPL|1h|${START_MS}`)?.accumulator.tradeCount, 2)
  })

  it('keeps memory bounded over a long tape', () => {
    const store = new BarStore()
    const fold = newFold()
    for (let i = 0; i < 5000; i++) {
      fold.take(
        aRecord({ frame: i + 1, trades: [aTrade({ t: START_MS + i * 1000 })] }),
        i,
        START_MS
      )
      if (i % 50 === 0) store.flush(fold)
    }
    assert.ok(fold.bars.size < 250, `${fold.bars.size} bars in memory`)
  })
})

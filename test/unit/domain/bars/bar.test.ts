import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  knownGap,
  MemoryBars,
  PartitionFold,
  type FeedTrade,
  type FoldOptions,
  type FoldState,
  type StoredBar
} from '@tapedeck/domain'
import { flush } from '../../../support/folding.ts'
import { aGap, aRecord, aTrade, START_MS } from '../../../support/trades.ts'

const OPTIONS: FoldOptions = {
  timeframes: ['1s', '1m'],
  policy: 'feed',
  allowedDelayMs: 0,
  latenessLimitMs: 1e9,
  futureLimitMs: 1e9,
  redelivered: 'drop'
}
const SECOND_BAR = `AAPL|1s|${START_MS}`
const MINUTE_BAR = `AAPL|1m|${START_MS}`

/** A fold of records of one trade each, at times after START_MS, with the store that it is flushed to. */
class Folding {
  readonly store: MemoryBars
  readonly fold: PartitionFold
  #offset: number

  constructor(store = new MemoryBars(), state?: FoldState, offset = 0) {
    this.store = store
    this.fold = new PartitionFold(OPTIONS, state, offset === 0 ? -Infinity : Infinity)
    this.#offset = offset
  }

  take(...trades: (Partial<FeedTrade> & { readonly ms: number })[]): void {
    const offset = this.#offset++
    const made = trades.map(({ ms, ...trade }) => aTrade({ t: START_MS + ms, ...trade }))
    this.fold.take(aRecord({ frame: offset + 1, trades: made }), offset)
  }

  gap(id: string, fromMs: number | null, toMs: number | null): void {
    const at = (ms: number | null) => (ms === null ? null : START_MS + ms)
    this.fold.takeGap(aGap(at(fromMs), at(toMs), { id }))
  }

  async flush(): Promise<void> {
    await flush(this.fold, this.store, this.#offset)
  }

  bar(id: string): StoredBar {
    const bar = this.store.bars.get(id)
    assert.ok(bar !== undefined, `${id} is stored`)
    return bar
  }
}

/** How a bar came about. */
function history({ status, revision, revisionCause, lateCount, lateVolume }: StoredBar) {
  return { status, revision, revisionCause, lateCount, lateVolume: Number(lateVolume) / 1e8 }
}

const UNTOUCHED = {
  status: 'final',
  revision: 0,
  revisionCause: null,
  lateCount: 0,
  lateVolume: 0
}

describe('Bar', () => {
  it('is provisional until the watermark reaches its end, then final', async () => {
    const folding = new Folding()
    folding.take({ ms: 0 })
    folding.take({ ms: 59_999 })
    await folding.flush()
    assert.deepEqual(history(folding.bar(SECOND_BAR)), UNTOUCHED)
    assert.deepEqual(history(folding.bar(MINUTE_BAR)), { ...UNTOUCHED, status: 'provisional' })
    folding.take({ ms: 60_000 })
    await folding.flush()
    assert.deepEqual(history(folding.bar(MINUTE_BAR)), UNTOUCHED)
    assert.equal(folding.bar(MINUTE_BAR).finalAtMs, START_MS + 60_000)
  })

  it('becomes final in the order of the ends of a batch, then of the ids', async () => {
    const folding = new Folding()
    const symbols = ['MSFT', 'AAPL', 'NVDA']
    for (const [index, symbol] of symbols.entries()) {
      const trades = [aTrade({ t: START_MS + 1000 - index * 500 })]
      folding.fold.take(aRecord({ symbol, frame: 1, trades }), index)
    }
    folding.fold.watermark.reach(START_MS + 60_000)
    const { finals } = await flush(folding.fold, folding.store, 3)
    assert.deepEqual(
      finals.map(({ id, endMs }) => `${id.slice(0, 7)} ${endMs - START_MS}`),
      [
        'AAPL|1s 1000',
        'NVDA|1s 1000',
        'MSFT|1s 2000',
        'AAPL|1m 60000',
        'MSFT|1m 60000',
        'NVDA|1m 60000'
      ]
    )
  })

  it('counts as late what came when the watermark had passed the window, record by record', async () => {
    const folding = new Folding()
    folding.take({ ms: 0, v: 1 })
    folding.take({ ms: 10_000, v: 1 })
    // Late for the second, in time for the minute.
    folding.take({ ms: 100, v: 2 }, { ms: 200, v: 4 })
    folding.take({ ms: 60_000, v: 1 })
    // Late for both; all in one batch, in which neither bar was final before.
    folding.take({ ms: 300, v: 8 })
    folding.take({ ms: 400, v: 16 })
    await folding.flush()
    assert.deepEqual(history(folding.bar(SECOND_BAR)), {
      status: 'revised',
      revision: 3,
      revisionCause: 'late trades',
      lateCount: 4,
      lateVolume: 30
    })
    assert.deepEqual(history(folding.bar(MINUTE_BAR)), {
      status: 'revised',
      revision: 2,
      revisionCause: 'late trades',
      lateCount: 2,
      lateVolume: 24
    })
    assert.deepEqual(history(folding.bar(`AAPL|1s|${START_MS + 10_000}`)), UNTOUCHED)
    assert.equal(folding.bar(MINUTE_BAR).offset, 6)
  })

  it('takes a trade in the last millisecond before the end of its pane for timely', async () => {
    const folding = new Folding()
    folding.take({ ms: 999 })
    folding.take({ ms: 500 })
    folding.take({ ms: 1000 })
    folding.take({ ms: 600 })
    await folding.flush()
    assert.equal(folding.bar(SECOND_BAR).lateCount, 1)
  })

  it('counts all trades as late that reach a bar which the clock had made final', async () => {
    const before = new Folding()
    before.take({ ms: 1000, v: 1 })
    const state = before.fold.toState()
    before.fold.watermark.reach(START_MS + 60_000)
    await before.flush()
    assert.equal(before.bar(MINUTE_BAR).status, 'final')
    // The checkpoint kept the watermark from before the clock moved it.
    const after = new Folding(before.store, { ...state, watermark: null }, 1)
    after.take({ ms: 2000, v: 2 }, { ms: 2000, v: 4 })
    await after.flush()
    assert.deepEqual(history(after.bar(MINUTE_BAR)), {
      status: 'revised',
      revision: 1,
      revisionCause: 'late trades',
      lateCount: 2,
      lateVolume: 6
    })
    assert.equal(after.bar(MINUTE_BAR).accumulator.tradeCount, 3)
  })

  it('merges panes of two sessions in one second', async () => {
    const folding = new Folding()
    const bell = Date.parse('2026-03-10T20:00:00Z') - START_MS
    folding.take(
      { ms: bell + 1, c: ['1'] },
      { ms: bell + 2, c: ['36'] },
      { ms: bell + 3, c: ['1'] }
    )
    await folding.flush()
    const { accumulator } = folding.bar(`AAPL|1s|${START_MS + bell}`)
    assert.deepEqual([accumulator.tradeCount, accumulator.session], [3, 'mixed'])
  })

  it('is the same after it was stored and restored, with its late volume and its gaps', async () => {
    const once = new Folding()
    const before = new Folding()
    for (const folding of [once, before]) {
      folding.take({ ms: 0, v: 1 })
      folding.take({ ms: 60_000, v: 1 })
      folding.gap('g', 10_000, 20_000)
      folding.take({ ms: 100, v: 2 })
      await folding.flush()
    }
    const after = new Folding(before.store, before.fold.toState(), 3)
    // A consumer restores the recorded gaps with its state.
    after.fold.gaps.add(knownGap(aGap(START_MS + 10_000, START_MS + 20_000)))
    for (const folding of [once, after]) {
      folding.take({ ms: 200, v: 4 })
      await folding.flush()
    }
    assert.deepEqual(after.bar(MINUTE_BAR), once.bar(MINUTE_BAR))
    assert.deepEqual(history(after.bar(MINUTE_BAR)), {
      status: 'revised',
      revision: 2,
      revisionCause: 'late trades',
      lateCount: 2,
      lateVolume: 6
    })
    assert.equal(after.bar(MINUTE_BAR).gaps?.length, 1)
  })

  it('is fresh when it was never stored, changed afterwards and after a restart', async () => {
    const folding = new Folding()
    folding.take({ ms: 0 })
    const ids = async (one: Folding) => {
      const { bars } = await flush(one.fold, one.store)
      const of = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id).toSorted()
      return { fresh: of(bars.fresh), changed: of(bars.changed) }
    }
    assert.deepEqual(await ids(folding), {
      fresh: [MINUTE_BAR, SECOND_BAR].toSorted(),
      changed: []
    })
    assert.deepEqual(await ids(folding), { fresh: [], changed: [] })
    folding.take({ ms: 5000 })
    assert.deepEqual(await ids(folding), {
      fresh: [`AAPL|1s|${START_MS + 5000}`],
      changed: [MINUTE_BAR, SECOND_BAR].toSorted()
    })
    const after = new Folding(folding.store, undefined, 2)
    after.take({ ms: 0 })
    assert.deepEqual(await ids(after), { fresh: [], changed: [MINUTE_BAR, SECOND_BAR].toSorted() })
  })

  it('refuses a part that begins in it and goes beyond', async () => {
    const folding = new Folding()
    folding.take({ ms: 0 })
    await folding.flush()
    const store = new MemoryBars()
    const stored = folding.bar(MINUTE_BAR)
    const after = new Folding(store)
    after.fold.bars.adopt([{ ...stored, offset: 1 }])
    after.take({ ms: 1 })
    after.take({ ms: 2 })
    await assert.rejects(
      flush(after.fold, store),
      /bar AAPL\|1m\|\d+ holds records below 1, a part spans 0 to 2/
    )
  })
})

describe('the gaps of a bar', () => {
  const spans = ({ gaps = [] }: StoredBar) =>
    gaps.map(({ id, fromMs, toMs }) => `${id} ${fromMs - START_MS} ${toMs - START_MS}`)

  it('are cut to its window and sorted by start, then by id', async () => {
    const folding = new Folding()
    folding.take({ ms: 0 })
    folding.gap('z', 30_000, 40_000)
    folding.gap('b', -5000, 10_000)
    folding.gap('a', 0, 5000)
    folding.gap('y', 50_000, 70_000)
    folding.gap('before', -9000, 0)
    folding.gap('after', 60_000, 61_000)
    await folding.flush()
    assert.deepEqual(spans(folding.bar(MINUTE_BAR)), [
      'a 0 5000',
      'b 0 10000',
      'z 30000 40000',
      'y 50000 60000'
    ])
    // A provisional bar is not revised by them.
    assert.deepEqual(history(folding.bar(MINUTE_BAR)), { ...UNTOUCHED, status: 'provisional' })
  })

  it('begin at -Infinity when nothing is known of the time before', async () => {
    const folding = new Folding()
    folding.take({ ms: 0 })
    folding.gap('first', null, 10_000)
    await folding.flush()
    assert.deepEqual(spans(folding.bar(MINUTE_BAR)), ['first -Infinity 10000'])
  })

  it('are replaced by their newer versions, each batch of them a revision of a final bar', async () => {
    const folding = new Folding()
    folding.take({ ms: 0 })
    folding.take({ ms: 60_000 })
    await folding.flush()
    folding.gap('g', 10_000, null)
    await folding.flush()
    assert.deepEqual(spans(folding.bar(MINUTE_BAR)), ['g 10000 60000'])
    folding.gap('g', 10_000, 20_000)
    folding.gap('h', 15_000, 20_000)
    await folding.flush()
    assert.deepEqual(spans(folding.bar(MINUTE_BAR)), ['g 10000 20000', 'h 15000 20000'])
    folding.gap('g', 10_000, 20_000)
    folding.gap('h', 15_000, 20_000)
    await folding.flush()
    assert.deepEqual(history(folding.bar(MINUTE_BAR)), {
      ...UNTOUCHED,
      status: 'revised',
      revision: 2,
      revisionCause: 'feed gap'
    })
  })

  it('are others when one of them got an end, or an end that is later', async () => {
    const folding = new Folding()
    folding.take({ ms: 0 })
    folding.take({ ms: 60_000 })
    for (const [revision, toMs] of [null, 20_000, 30_000, 30_000].entries()) {
      folding.gap('g', 10_000, toMs)
      await folding.flush()
      assert.deepEqual(spans(folding.bar(MINUTE_BAR)), [`g 10000 ${toMs ?? 60_000}`])
      // The first flush makes the bar final with its gap; the last says nothing new.
      assert.equal(folding.bar(MINUTE_BAR).revision, Math.min(revision, 2))
    }
  })
})

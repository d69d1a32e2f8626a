import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  closeBatch,
  coverageOf,
  ForecastEngine,
  knownGap,
  MemoryBars,
  MemoryForecasts,
  PartitionFold,
  type Bar,
  type BarStore,
  type BatchForecasts,
  type FoldOptions
} from '@tapedeck/domain'
import { changedBars, flush } from '../../../support/folding.ts'
import { aGap, aRecord, aTrade, START_MS } from '../../../support/trades.ts'

const MINUTE = 60_000
const OPTIONS: FoldOptions = {
  timeframes: ['1s', '1m'],
  policy: 'feed',
  allowedDelayMs: 0,
  latenessLimitMs: 1e9,
  futureLimitMs: 1e9,
  redelivered: 'drop'
}
const MINUTE_BAR = `AAPL|1m|${START_MS}`

/** A fold with a function that folds one trade at a time. */
function newFold(): { fold: PartitionFold; take(t: number): void } {
  const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
  let frame = 0
  return {
    fold,
    take(t) {
      const offset = frame++
      fold.take(aRecord({ frame, trades: [aTrade({ t })] }), offset, 0)
    }
  }
}

async function changed(fold: PartitionFold, store?: MemoryBars): Promise<Map<string, Bar>> {
  return new Map(changedBars(await flush(fold, store)).map((bar) => [bar.id, bar]))
}

describe('closeBatch()', () => {
  it('leaves records that are folded while it waits to the next batch', async () => {
    const { fold, take } = newFold()
    const store = new MemoryBars()
    take(START_MS)
    take(START_MS + 10 * MINUTE)
    await flush(fold, store)
    take(START_MS + 1000)
    const stalled: BarStore = {
      readBars: (ids) => {
        take(START_MS + 20 * MINUTE)
        return store.readBars(ids)
      },
      readBarsWithin: (gap) => store.readBarsWithin(gap),
      readHeads: (heads) => store.readHeads(heads)
    }
    const options = { nextOffset: 3, now: () => 0, clockMayAdvance: false }
    const closed = await closeBatch(fold, stalled, [], options)
    assert.equal(closed.watermarkMs, START_MS + 10 * MINUTE)
    assert.equal(closed.state.watermark?.maxEventMs, START_MS + 10 * MINUTE)
    assert.deepEqual(
      changedBars(closed).map(({ id, status }) => ({ id, status })),
      [
        { id: `AAPL|1s|${START_MS + 1000}`, status: 'revised' },
        { id: MINUTE_BAR, status: 'revised' }
      ]
    )
    const next = await changed(fold, store)
    assert.ok(next.has(`AAPL|1m|${START_MS + 20 * MINUTE}`))
  })

  it('raises the watermark by the clock only when the caller has read all', async () => {
    const { fold, take } = newFold()
    take(START_MS)
    const options = { nextOffset: 1, now: () => MINUTE }
    const store = new MemoryBars()
    const busy = await closeBatch(fold, store, [], { ...options, clockMayAdvance: false })
    assert.deepEqual(busy.finals, [])
    const idle = await closeBatch(fold, store, [], { ...options, clockMayAdvance: true })
    assert.deepEqual(
      idle.finals.map(({ id }) => id),
      [`AAPL|1s|${START_MS}`, MINUTE_BAR]
    )
  })

  it('repeats an announced flush: the same bars become final, and series are read after bars', async () => {
    const reads: string[] = []
    const memory = new MemoryBars()
    const store: BarStore = {
      readBars: (ids) => {
        reads.push('bars')
        return memory.readBars(ids)
      },
      readBarsWithin: (gap) => {
        reads.push('bars of a gap')
        return memory.readBarsWithin(gap)
      },
      readHeads: (heads) => memory.readHeads(heads)
    }
    const series = new MemoryForecasts(
      new ForecastEngine([{ timeframe: '1m', lookback: 5, horizon: 1 }])
    )
    const forecasts: BatchForecasts = {
      engine: series.engine,
      readOpenSeries: () => {
        reads.push('open series')
        return series.readOpenSeries()
      },
      readSeries: (requests) => {
        reads.push('series')
        return series.readSeries(requests)
      }
    }
    const fold = new PartitionFold(OPTIONS, undefined, Infinity)
    fold.take(aRecord({ trades: [aTrade({ t: START_MS })] }), 0, 0)
    fold.takeGap(aGap(START_MS + 1000, START_MS + 2000), 0)
    const options = { nextOffset: 1, now: () => 0, clockMayAdvance: false }
    const repeated = await closeBatch(fold, store, [forecasts], {
      ...options,
      announcedWatermarkMs: START_MS + MINUTE
    })
    assert.deepEqual(reads, ['bars', 'bars of a gap', 'open series', 'series'])
    assert.deepEqual(
      repeated.finals.map(({ id }) => id),
      [`AAPL|1s|${START_MS}`, MINUTE_BAR]
    )
    reads.length = 0
    await closeBatch(fold, store, [forecasts], options)
    assert.deepEqual(reads, [])
  })

  it('takes a gap into bars while it is open, and corrects it when it is closed, each bar once', async () => {
    const { fold, take } = newFold()
    take(START_MS + 1000)
    take(START_MS + 61_000)
    await flush(fold)
    fold.takeGap(aGap(START_MS + 30_000, null), 0)
    const first = (await changed(fold)).get(MINUTE_BAR)
    assert.equal(first?.status, 'revised')
    assert.equal(first.revision, 1)
    assert.equal(first.revisionCause, 'feed gap')
    fold.takeGap(aGap(START_MS + 30_000, START_MS + 90_000), 0)
    const second = await changed(fold)
    // The end of the gap is in the next minute: nothing is new for the first.
    assert.equal(second.get(MINUTE_BAR), undefined)
    const next = second.get(`AAPL|1m|${START_MS + MINUTE}`)
    assert.equal(next?.status, 'provisional')
    assert.deepEqual(
      next.gaps.map(({ fromMs, toMs }) => toMs - fromMs),
      [30_000]
    )
    fold.takeGap(aGap(START_MS + 30_000, START_MS + 90_000), 0)
    assert.equal((await changed(fold)).size, 0)
  })

  it('takes a closed gap into bars that have left memory', async () => {
    const { fold, take } = newFold()
    const store = new MemoryBars()
    take(START_MS)
    await flush(fold, store)
    take(START_MS + 60 * MINUTE)
    await flush(fold, store)
    await flush(fold, store)
    fold.takeGap(aGap(START_MS + 15_000, START_MS + 30_000), 0)
    const bar = (await changed(fold, store)).get(MINUTE_BAR)
    assert.equal(bar?.status, 'revised')
    assert.equal(coverageOf('AAPL', '1m', START_MS, START_MS + MINUTE, bar.gaps), 0.75)
  })

  it('gives a new bar the gaps of its window, but not those of other symbols', async () => {
    const { fold, take } = newFold()
    fold.gaps.add(knownGap(aGap(START_MS + 10_000, START_MS + 25_000)))
    fold.gaps.add(knownGap(aGap(START_MS, START_MS + 60_000, { id: 'other', symbols: ['MSFT'] })))
    take(START_MS + 40_000)
    const bar = (await changed(fold)).get(MINUTE_BAR)
    assert.deepEqual(
      bar?.gaps.map(({ id }) => id),
      ['g']
    )
    assert.equal(coverageOf('AAPL', '1m', START_MS, START_MS + MINUTE, bar?.gaps ?? []), 0.75)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
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
  type FoldOptions,
  type GapRecord,
  type StoredBar
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
      fold.take(aRecord({ frame, trades: [aTrade({ t })] }), offset)
    }
  }
}

async function changed(fold: PartitionFold, store?: MemoryBars): Promise<Map<string, Bar>> {
  return new Map(changedBars(await flush(fold, store)).map((bar) => [bar.id, bar]))
}

describe('closeBatch()', () => {
  it('keeps records that are folded while it waits for the next batch', async () => {
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
      eachBarOfGap: (gap, visit) => store.eachBarOfGap(gap, visit),
      readHeads: (heads) => store.readHeads(heads)
    }
    const options = { nextOffset: 3, now: () => 0 }
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

  it('raises the watermark by the time in which nothing was left to read', async () => {
    const { fold, take } = newFold()
    take(START_MS)
    const options = { nextOffset: 1, now: () => 0 }
    const store = new MemoryBars()
    const busy = await closeBatch(fold, store, [], options)
    assert.deepEqual(busy.finals, [])
    const idle = await closeBatch(fold, store, [], { ...options, idleMs: MINUTE })
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
      eachBarOfGap: (gap, visit) => {
        reads.push('bars of a gap')
        return memory.eachBarOfGap(gap, visit)
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
    fold.take(aRecord({ trades: [aTrade({ t: START_MS })] }), 0)
    fold.takeGap(aGap(START_MS + 1000, START_MS + 2000))
    const options = { nextOffset: 1, now: () => 0 }
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

  it('adds an open gap to bars, and corrects each bar once when it is closed', async () => {
    const { fold, take } = newFold()
    take(START_MS + 1000)
    take(START_MS + 61_000)
    await flush(fold)
    fold.takeGap(aGap(START_MS + 30_000, null))
    const first = (await changed(fold)).get(MINUTE_BAR)
    assert.equal(first?.status, 'revised')
    assert.equal(first.revision, 1)
    assert.equal(first.revisionCause, 'feed gap')
    fold.takeGap(aGap(START_MS + 30_000, START_MS + 90_000))
    const second = await changed(fold)
    // The end of the gap is in the next minute: nothing is new for the first.
    assert.equal(second.get(MINUTE_BAR), undefined)
    const next = second.get(`AAPL|1m|${START_MS + MINUTE}`)
    assert.equal(next?.status, 'provisional')
    assert.deepEqual(
      next.gaps.map(({ fromMs, toMs }) => toMs - fromMs),
      [30_000]
    )
    fold.takeGap(aGap(START_MS + 30_000, START_MS + 90_000))
    assert.equal((await changed(fold)).size, 0)
  })

  it('adds a closed gap to bars that have left memory', async () => {
    const { fold, take } = newFold()
    const store = new MemoryBars()
    take(START_MS)
    await flush(fold, store)
    take(START_MS + 60 * MINUTE)
    await flush(fold, store)
    await flush(fold, store)
    fold.takeGap(aGap(START_MS + 15_000, START_MS + 30_000))
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

const COVERED: FoldOptions = { ...OPTIONS, timeframes: ['1s', '5s', '1m', '1m/20s', '3t'] }

/** What a partition and its consumer may do, in any order. */
type Step =
  | { readonly kind: 'trade'; readonly symbol: string; readonly feed: string; readonly atS: number }
  | {
      readonly kind: 'gap'
      readonly id: number
      readonly fromS: number | null
      readonly lengthS: number
      readonly isOpen: boolean
      readonly symbol: string
      readonly feed: string
    }
  | { readonly kind: 'flush' | 'restart' | 'restart after a flush cut off' }

const symbols = fc.constantFrom('AAPL', 'MSFT')
const feeds = fc.constantFrom('simulated', 'finnhub')
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('trade' as const),
        symbol: symbols,
        feed: feeds,
        atS: fc.nat(300)
      })
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('gap' as const),
        id: fc.nat(3),
        fromS: fc.option(fc.nat(300), { freq: 8 }),
        lengthS: fc.nat(120),
        isOpen: fc.boolean(),
        symbol: fc.constantFrom('', 'AAPL'),
        feed: feeds
      })
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('restart' as const, 'restart after a flush cut off' as const)
      })
    }
  ),
  { maxLength: 60 }
)

/** The gap that the records of a step's id tell of; only its end differs from record to record. */
function recordOf(step: Extract<Step, { kind: 'gap' }>, first: GapRecord | undefined): GapRecord {
  const fromMs = step.fromS === null ? null : START_MS + step.fromS * 1000
  const gap =
    first ??
    aGap(fromMs, null, {
      id: `g${step.id}`,
      feed: step.feed,
      symbols: step.symbol === '' ? [] : [step.symbol]
    })
  const toMs = (gap.fromMs ?? START_MS) + step.lengthS * 1000 + 1
  return { ...gap, toMs: step.isOpen ? null : toMs }
}

/** Plays the steps as a consumer does. Returns the stored bars and every gap record of the log. */
async function play(given: readonly Step[]): Promise<{ bars: StoredBar[]; gaps: GapRecord[] }> {
  const store = new MemoryBars()
  const gaps: GapRecord[] = []
  const firstOf = new Map<number, GapRecord>()
  /** What the collection of gaps has: written before the bars, so that it may be ahead of them. */
  const recorded: GapRecord[] = []
  const log: ((fold: PartitionFold, offset: number) => void)[] = []
  let fold = new PartitionFold(COVERED, undefined, -Infinity)
  let state = fold.toState()
  let checkpoint = 0
  let frame = 0
  const commit = async (): Promise<void> => {
    recorded.push(...gaps.slice(recorded.length))
    ;({ state } = await flush(fold, store, log.length))
    checkpoint = log.length
    store.checkpoint = checkpoint
  }
  const restart = (): void => {
    fold = new PartitionFold(COVERED, state, Infinity)
    for (const gap of recorded) fold.gaps.add(knownGap(gap))
    fold.bars.adopt([...store.bars.values()].filter(({ status }) => status === 'provisional'))
    for (let offset = checkpoint; offset < log.length; offset++) log[offset]?.(fold, offset)
  }
  const append = (take: (typeof log)[number]): void => {
    take(fold, log.push(take) - 1)
  }
  for (const step of given) {
    if (step.kind === 'trade') {
      const { symbol, feed, atS } = step
      const trades = [aTrade({ t: START_MS + atS * 1000 })]
      const record = aRecord({ frame: ++frame, symbol, feed, trades })
      append((into, offset) => into.take(record, offset))
    } else if (step.kind === 'gap') {
      const gap = recordOf(step, firstOf.get(step.id))
      if (!firstOf.has(step.id)) firstOf.set(step.id, gap)
      gaps.push(gap)
      append((into) => {
        into.takeGap(gap)
      })
    } else if (step.kind === 'flush') await commit()
    else if (step.kind === 'restart') restart()
    else {
      // The gaps are stored, and nothing after them.
      recorded.push(...gaps.slice(recorded.length))
      restart()
    }
  }
  await commit()
  return { bars: [...store.bars.values(), ...store.activity.values()], gaps }
}

/** The gaps of a bar by the definition: of each id the closed version with the latest end. */
function gapsOf({ symbol, startMs, endMs, accumulator }: StoredBar, records: GapRecord[]) {
  return [...Map.groupBy(records, ({ id }) => id)]
    .flatMap(([id, versions]) => {
      const ends = versions.flatMap(({ toMs }) => toMs ?? [])
      const toMs = ends.length === 0 ? Infinity : Math.max(...ends)
      const [{ fromMs, feed, symbols: named }] = versions as [GapRecord]
      const isOfFeed = accumulator.feed === feed || accumulator.feed === 'mixed'
      const isOfSymbol = named.length === 0 || named.includes(symbol)
      const isWithin = (fromMs ?? -Infinity) < endMs && toMs > startMs
      if (!isOfFeed || !isOfSymbol || !isWithin) return []
      const beginMs = fromMs === null ? -Infinity : Math.max(fromMs, startMs)
      return [{ id, fromMs: beginMs, toMs: Math.min(toMs, endMs) }]
    })
    .sort((a, b) => a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1))
}

describe('the coverage of bars', () => {
  it('is a function of the recorded gaps and the window, however and whenever they became known', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const { bars, gaps } = await play(given)
        for (const bar of bars) {
          assert.deepEqual({ id: bar.id, gaps: bar.gaps }, { id: bar.id, gaps: gapsOf(bar, gaps) })
        }
      }),
      { numRuns: 400 }
    )
  })

  it('is that of the closed gap when the open and the closed record are in one batch', async () => {
    const fold = new PartitionFold(COVERED, undefined, -Infinity)
    const store = new MemoryBars()
    fold.takeGap(aGap(START_MS, null))
    fold.takeGap(aGap(START_MS, START_MS + 14_000))
    for (const [index, atMs] of [START_MS + 1000, START_MS + 90_000].entries()) {
      fold.take(aRecord({ frame: index + 1, trades: [aTrade({ t: atMs })] }), index + 2)
    }
    await flush(fold, store)
    const shares = [0, 1].map((minute) => {
      const startMs = START_MS + minute * 60_000
      const bar = store.bars.get(`AAPL|1m|${startMs}`)
      return coverageOf('AAPL', '1m', startMs, startMs + 60_000, bar?.gaps ?? [])
    })
    assert.deepEqual(shares, [1 - 14 / 60, 1])
  })
})

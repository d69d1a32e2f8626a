import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  encodeGapRecord,
  encodeTradeRecord,
  type GapRecord,
  type TradeRecord
} from '@tapedeck/domain'
import {
  FollowedSymbols,
  OutageTracker,
  runOfTail,
  type Handover
} from '@tapedeck/producer/testing'
import { aGap, aRecord } from '../../support/trades.ts'

describe('OutageTracker', () => {
  function tracker(): { gaps: GapRecord[]; beginnings: GapRecord[]; tracker: OutageTracker } {
    const gaps: GapRecord[] = []
    const beginnings: GapRecord[] = []
    let next = 0
    const made = new OutageTracker({
      feed: 'finnhub',
      outbox: {
        announce(gap) {
          if (gap.fromMs === null) beginnings.push(gap)
          else gaps.push(gap)
        }
      },
      nextId: () => `gap-${++next}`
    })
    made.setSymbols(['AAPL'])
    return { gaps, beginnings, tracker: made }
  }

  it('opens one gap from the last frame and closes it by the first one after', () => {
    const { gaps, tracker: made } = tracker()
    made.frame(1000, true)
    made.lost('closed', 1500)
    made.lost('refused', 2500)
    made.frame(9000, true)
    made.frame(9001, true)
    assert.deepEqual(
      gaps.map(({ id, fromMs, toMs, cause, symbols }) => ({ id, fromMs, toMs, cause, symbols })),
      [
        { id: 'gap-1', fromMs: 1000, toMs: null, cause: 'closed', symbols: ['AAPL'] },
        { id: 'gap-1', fromMs: 1000, toMs: 9000, cause: 'closed', symbols: ['AAPL'] }
      ]
    )
  })

  it('closes a gap only when every symbol is subscribed to again', () => {
    const { gaps, tracker: made } = tracker()
    made.frame(1000, true)
    made.lost('closed', 1500)
    made.frame(2000, false)
    assert.equal(gaps.length, 1)
    made.frame(3000, true)
    assert.deepEqual({ fromMs: gaps[1]?.fromMs, toMs: gaps[1]?.toMs }, { fromMs: 1000, toMs: 3000 })
  })

  it('records once, with the first frame ever, that the time before is unknown', () => {
    const { gaps, beginnings, tracker: made } = tracker()
    made.lost('refused', 100)
    made.frame(200, true)
    made.frame(300, true)
    assert.deepEqual(gaps, [])
    assert.deepEqual(
      beginnings.map(({ fromMs, toMs, symbols }) => ({ fromMs, toMs, symbols })),
      [{ fromMs: null, toMs: 200, symbols: [] }]
    )
  })

  it('knows nothing of the time before every symbol was subscribed to for the first time', () => {
    const { gaps, beginnings, tracker: made } = tracker()
    made.frame(100, false)
    made.frame(200, false)
    assert.deepEqual([gaps, beginnings], [[], []])
    made.frame(300, true)
    assert.deepEqual(gaps, [])
    assert.deepEqual(
      beginnings.map(({ toMs }) => toMs),
      [300]
    )
  })

  it('records an outage before every symbol was subscribed to, and nothing before it', () => {
    const { gaps, beginnings, tracker: made } = tracker()
    made.frame(100, false)
    made.lost('closed', 150)
    made.frame(200, false)
    made.frame(300, true)
    assert.deepEqual(
      beginnings.map(({ toMs }) => toMs),
      [100]
    )
    assert.deepEqual(
      gaps.map(({ fromMs, toMs }) => ({ fromMs, toMs })),
      [
        { fromMs: 100, toMs: null },
        { fromMs: 100, toMs: 300 }
      ]
    )
  })

  it('records that a symbol is unknown from before it was added', () => {
    const { gaps, beginnings, tracker: made } = tracker()
    made.frame(200, true)
    made.setSymbols(['AAPL', 'MSFT'])
    made.frame(300, false)
    made.frame(400, true)
    made.setSymbols(['MSFT'])
    made.frame(500, true)
    assert.deepEqual(gaps, [])
    made.setSymbols(['MSFT', 'AAPL'])
    made.frame(900, true)
    assert.deepEqual(
      gaps.map(({ fromMs, toMs, symbols, cause }) => ({ fromMs, toMs, symbols, cause })),
      [{ fromMs: 400, toMs: 900, symbols: ['AAPL'], cause: 'the symbol was not followed' }]
    )
    assert.deepEqual(
      beginnings.map(({ toMs, symbols }) => ({ toMs, symbols })),
      [
        { toMs: 200, symbols: [] },
        { toMs: 400, symbols: ['MSFT'] }
      ]
    )
  })

  it('records the time between two runs as a gap, or continues the open one', () => {
    const first = tracker()
    first.tracker.resume({ lastFrameMs: 5000 }, 60_000)
    first.tracker.frame(61_000, true)
    assert.deepEqual(
      first.gaps.map(({ fromMs, toMs, cause }) => ({ fromMs, toMs, cause })),
      [
        { fromMs: 5000, toMs: null, cause: 'the producer was not running' },
        { fromMs: 5000, toMs: 61_000, cause: 'the producer was not running' }
      ]
    )
    const second = tracker()
    second.tracker.resume(
      { open: { id: 'old', fromMs: 1, cause: 'closed', symbols: ['MSFT'] }, lastFrameMs: 1 },
      60_000
    )
    second.tracker.frame(61_000, true)
    assert.deepEqual(
      second.gaps.map(({ id, fromMs, toMs, symbols }) => ({ id, fromMs, toMs, symbols })),
      [
        { id: 'old', fromMs: 1, toMs: null, symbols: ['MSFT'] },
        { id: 'old', fromMs: 1, toMs: 61_000, symbols: ['MSFT'] }
      ]
    )
  })
})

/** One run after another, each with what the previous one left, and all that they published. */
function runs(): {
  gaps: GapRecord[]
  run(symbols: readonly string[], nowMs: number): OutageTracker
  /** Notes what the present run leaves: a kill undoes what it does afterwards. */
  note(tracker: OutageTracker, exposedSinceMs?: number): void
} {
  const gaps: GapRecord[] = []
  let left: { handover: Handover | undefined; lastFrameMs: number | null } | undefined
  let next = 0
  return {
    gaps,
    run(symbols, nowMs) {
      const outbox = { announce: (gap: GapRecord): void => void gaps.push(gap) }
      const tracker = new OutageTracker({ feed: 'finnhub', outbox, nextId: () => `gap-${++next}` })
      tracker.setSymbols(symbols)
      if (left !== undefined) {
        const { open, followed } = left.handover ?? {}
        tracker.resume(
          {
            lastFrameMs: left.lastFrameMs,
            ...(open !== undefined && { open }),
            ...(followed !== undefined && { followed })
          },
          nowMs
        )
      }
      return tracker
    },
    note(tracker, exposedSinceMs) {
      left = { handover: tracker.handover(exposedSinceMs), lastFrameMs: tracker.lastFrameMs }
    }
  }
}

/** The gaps as they are stored: one for each id, with its latest end. */
function stored(gaps: readonly GapRecord[]): unknown[] {
  const byId = new Map<string, GapRecord>()
  for (const gap of gaps) {
    const former = byId.get(gap.id) ?? gap
    const toMs = Math.max(former.toMs ?? 0, gap.toMs ?? 0)
    byId.set(gap.id, { ...former, toMs: toMs === 0 ? null : toMs })
  }
  return [...byId.values()].map(({ fromMs, toMs, symbols }) => ({ fromMs, toMs, symbols }))
}

describe('OutageTracker over several runs', () => {
  it('records that a symbol is unknown from before the run that added it', () => {
    const { gaps, run, note } = runs()
    const first = run(['AAPL'], 0)
    first.frame(1000, true)
    first.lost('the producer was stopped', 1500)
    note(first)
    const second = run(['AAPL', 'TSLA'], 60_000)
    second.frame(60_500, false)
    second.frame(61_000, true)
    second.frame(62_000, true)
    assert.deepEqual(stored(gaps), [
      { fromMs: null, toMs: 1000, symbols: [] },
      { fromMs: 1000, toMs: 61_000, symbols: ['AAPL'] },
      { fromMs: null, toMs: 61_000, symbols: ['TSLA'] }
    ])
  })

  it('records a gap for a symbol that comes back since it was last followed, however many runs ago', () => {
    const { gaps, run, note } = runs()
    let nowMs = 0
    for (const symbols of [['AAPL', 'MSFT'], ['AAPL'], ['AAPL'], ['AAPL', 'MSFT']]) {
      const tracker = run(symbols, nowMs + 500)
      tracker.frame(nowMs + 1000, true)
      tracker.frame(nowMs + 5000, true)
      tracker.lost('the producer was stopped', nowMs + 5500)
      note(tracker)
      nowMs += 10_000
    }
    assert.deepEqual(stored(gaps), [
      { fromMs: null, toMs: 1000, symbols: [] },
      { fromMs: 5000, toMs: 11_000, symbols: ['AAPL', 'MSFT'] },
      { fromMs: 15_000, toMs: 21_000, symbols: ['AAPL'] },
      { fromMs: 25_000, toMs: 31_000, symbols: ['AAPL'] },
      { fromMs: 5000, toMs: 31_000, symbols: ['MSFT'] },
      { fromMs: 35_000, toMs: null, symbols: ['AAPL', 'MSFT'] }
    ])
  })

  it('records one gap for each event, however often it is killed before the lease stores it', () => {
    const { gaps, run, note } = runs()
    const first = run(['AAPL', 'MSFT'], 0)
    first.frame(1000, true)
    note(first)
    for (let count = 1; count <= 4; count++) {
      run(['AAPL', 'TSLA', 'NVDA'], count * 10_000).frame(count * 10_000 + 1000, true)
    }
    assert.deepEqual(stored(gaps), [
      { fromMs: null, toMs: 1000, symbols: [] },
      { fromMs: 1000, toMs: 41_000, symbols: ['AAPL', 'MSFT'] },
      { fromMs: null, toMs: 41_000, symbols: ['TSLA', 'NVDA'] }
    ])
  })

  it('repeats the very first gap under one id until the lease stores it', () => {
    const { gaps, run } = runs()
    run(['AAPL'], 0).frame(1000, true)
    run(['AAPL'], 5000).frame(6000, true)
    assert.deepEqual(stored(gaps), [{ fromMs: null, toMs: 6000, symbols: [] }])
  })

  it('hands over no gap that is in memory only', () => {
    const { gaps, run, note } = runs()
    const first = run(['AAPL'], 0)
    first.frame(1000, true)
    note(first)
    const second = run(['AAPL', 'TSLA'], 10_000)
    second.frame(11_000, true)
    gaps.length = 1 // killed: none of it reached the broker
    note(second, 10_000)
    const third = run(['AAPL', 'TSLA'], 20_000)
    third.frame(21_000, true)
    note(third, 21_500)
    run(['AAPL', 'TSLA'], 30_000).frame(31_000, true)
    assert.deepEqual(stored(gaps), [
      { fromMs: null, toMs: 1000, symbols: [] },
      { fromMs: 11_000, toMs: 21_000, symbols: ['AAPL'] },
      { fromMs: null, toMs: 21_000, symbols: ['TSLA'] },
      { fromMs: 21_000, toMs: 31_000, symbols: ['AAPL', 'TSLA'] }
    ])
  })

  it('records a gap for a symbol that was left out while the others were followed', () => {
    const { gaps, run, note } = runs()
    const first = run(['AAPL', 'MSFT'], 0)
    first.frame(1000, true)
    first.setSymbols(['AAPL'])
    first.frame(2000, true)
    note(first)
    run(['AAPL', 'MSFT'], 10_000).frame(11_000, true)
    assert.deepEqual(stored(gaps), [
      { fromMs: null, toMs: 1000, symbols: [] },
      { fromMs: 2000, toMs: 11_000, symbols: ['AAPL'] },
      { fromMs: 1000, toMs: 11_000, symbols: ['MSFT'] }
    ])
  })

  it('assumes the present symbols when the previous run stored none', () => {
    const { gaps, run } = runs()
    const tracker = run(['AAPL', 'TSLA'], 0)
    tracker.resume({ lastFrameMs: 500 }, 900)
    tracker.frame(1000, true)
    assert.deepEqual(stored(gaps), [{ fromMs: 500, toMs: 1000, symbols: ['AAPL', 'TSLA'] }])
  })
})

describe('FollowedSymbols', () => {
  it('removes the symbols first that were unsubscribed longest ago', () => {
    const symbols = new FollowedSymbols()
    const names = Array.from({ length: 2500 }, (_, index) => `S${index}`)
    symbols.want(names, null)
    symbols.join()
    for (let i = 100; i <= names.length; i += 100) symbols.want(names.slice(i), i)
    assert.equal(symbols.snapshot().size, 2000)
    symbols.want(['S0', 'S2499'], 9000)
    assert.deepEqual(
      [...symbols.join()],
      [
        [null, ['S0']],
        [2500, ['S2499']]
      ]
    )
  })
})

describe('runOfTail()', () => {
  const feed = 'finnhub'
  const record = (receivedAt: number, of = feed) => aRecord({ feed: of, receivedAt })
  const gap = (fromMs: number | null, toMs: number | null, id = 'g') =>
    aGap(fromMs, toMs, { id, feed, cause: 'the producer was stopped', at: fromMs ?? 0 })
  const tailOf = (records: readonly (TradeRecord | GapRecord)[]) =>
    records.map((one) => {
      const { key, value } = 'kind' in one ? encodeGapRecord(one) : encodeTradeRecord(one)
      return { key: Buffer.from(key), value: Buffer.from(value) }
    })

  it('finds the last frame of the feed on any partition', () => {
    const tail = tailOf([record(5000), record(7000), record(9000, 'simulated')])
    assert.deepEqual(runOfTail(tail, feed), { lastFrameMs: 7000 })
  })

  it('finds the outage that was left open', () => {
    const tail = tailOf([record(5000), gap(6000, null), gap(6000, null)])
    assert.deepEqual(runOfTail(tail, feed), {
      lastFrameMs: 6000,
      open: { id: 'g', fromMs: 6000, cause: 'the producer was stopped', symbols: [] }
    })
  })

  it('takes an outage that one partition has closed for closed', () => {
    const tail = tailOf([gap(6000, null), gap(6000, 8000)])
    assert.deepEqual(runOfTail(tail, feed), { lastFrameMs: 8000 })
  })

  it('knows nothing of an empty topic, nor from what it cannot read', () => {
    assert.deepEqual(runOfTail([], feed), { lastFrameMs: null })
    const unreadable = [{ key: null, value: Buffer.from('?') }]
    assert.deepEqual(runOfTail(unreadable, feed), { lastFrameMs: null })
  })
})

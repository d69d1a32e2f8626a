import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PartitionFold, type FeedTrade, type FoldedTrade, type FoldOptions } from '@tapedeck/domain'
import { changedBars, flush } from '../../../support/folding.ts'
import { aGap, aRecord, aTrade, START_MS } from '../../../support/trades.ts'

const OPTIONS = {
  timeframes: ['1s', '1m'],
  policy: 'feed',
  allowedDelayMs: 2000,
  latenessLimitMs: 60_000,
  futureLimitMs: 60_000,
  redelivered: 'drop'
} as const

function takeAll(fold: PartitionFold, list: readonly ReturnType<typeof aRecord>[]): FoldedTrade[] {
  return list.flatMap((record, index) => fold.take(record, index) ?? [])
}

describe('PartitionFold', () => {
  it('stores five trades of one millisecond as five, named by connection, frame and index', () => {
    const trades = Array.from({ length: 5 }, () => aTrade())
    const stored = takeAll(new PartitionFold(OPTIONS, undefined, -Infinity), [
      aRecord({ trades, indexes: [0, 1, 4, 6, 9], frame: 7 })
    ])
    assert.deepEqual(
      stored.map(({ id }) => id),
      [0, 1, 4, 6, 9].map((index) => `0mwv6bn8sff46-7-${index}`)
    )
  })

  it('skips a record that was published twice', () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    const record = aRecord()
    assert.equal(fold.take(record, 0)?.length, 1)
    assert.equal(fold.take(record, 1), undefined)
  })

  it('excludes a trade from the future, which does not move the watermark', () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    const [future] = takeAll(fold, [
      aRecord({ receivedAt: START_MS, trades: [aTrade({ t: START_MS + 61_000 })] })
    ])
    assert.deepEqual(
      { exclusion: future?.exclusion, byMs: future?.byMs },
      { exclusion: 'from the future', byMs: 61_000 }
    )
    assert.equal(fold.watermark.ms, -Infinity)
  })

  it('excludes a trade beyond the lateness limit, with how late it was', () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    const stored = takeAll(fold, [
      aRecord({ frame: 1, trades: [aTrade({ t: START_MS + 100_000 })] }),
      aRecord({ frame: 2, trades: [aTrade({ t: START_MS + 38_000 })] }),
      aRecord({ frame: 3, trades: [aTrade({ t: START_MS + 37_999 })] })
    ])
    assert.deepEqual(
      stored.map(({ exclusion, byMs }) => ({ exclusion, byMs })),
      [
        { exclusion: undefined, byMs: 0 },
        { exclusion: undefined, byMs: 0 },
        { exclusion: 'too late', byMs: 60_001 }
      ]
    )
  })

  it('counts unknown condition codes', () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    takeAll(fold, [aRecord({ trades: [aTrade({ c: ['1', '99'] }), aTrade({ c: ['99'] })] })])
    assert.deepEqual([...fold.drainUnknownCodes()], [['99', 2]])
    assert.equal(fold.drainUnknownCodes().size, 0)
  })

  it('restores its watermark and its connections from the state', () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    const record = aRecord({ frame: 3 })
    fold.take(record, 0)
    const state = JSON.parse(JSON.stringify(fold.toState())) as ReturnType<PartitionFold['toState']>
    const again = new PartitionFold(OPTIONS, state, -Infinity)
    assert.equal(again.watermark.ms, fold.watermark.ms)
    assert.equal(again.take(record, 1), undefined)
  })

  const newFold = (given: Partial<FoldOptions> = {}): PartitionFold =>
    new PartitionFold({ ...OPTIONS, ...given }, undefined, -Infinity)

  it('says of each trade its session, its trading date and what it may do', () => {
    const fold = newFold({ latenessLimitMs: 1e9 })
    const trades = [
      aTrade({ t: Date.parse('2026-03-10T12:00:00Z'), c: ['1', '24'] }),
      aTrade({ t: Date.parse('2026-03-10T14:00:00Z'), c: ['1', '12'] }),
      aTrade({ t: Date.parse('2026-03-10T20:00:05Z'), c: ['16'] }),
      aTrade({ t: Date.parse('2026-03-11T00:00:00Z') }),
      aTrade({ t: Date.parse('2026-03-10T23:59:59Z') })
    ]
    const folded = takeAll(fold, [aRecord({ trades, receivedAt: START_MS + 86_400_000 })])
    assert.deepEqual(
      folded.map(({ session, tradeDate, eligibility }) => ({ session, tradeDate, eligibility })),
      [
        { session: 'pre', tradeDate: '2026-03-10', eligibility: 15 },
        { session: 'regular', tradeDate: '2026-03-10', eligibility: 15 },
        { session: 'regular', tradeDate: '2026-03-10', eligibility: 0 },
        { session: 'overnight', tradeDate: '2026-03-11', eligibility: 15 },
        { session: 'post', tradeDate: '2026-03-10', eligibility: 15 }
      ]
    )
    assert.deepEqual(
      folded.map(({ trade }) => trade),
      trades
    )
  })

  it('takes a trade at the limit of the future and moves the watermark by it', () => {
    const fold = newFold()
    const [atLimit] = takeAll(fold, [
      aRecord({ receivedAt: START_MS, trades: [aTrade({ t: START_MS + 60_000 })] })
    ])
    assert.deepEqual([atLimit?.exclusion, atLimit?.byMs], [undefined, 0])
    assert.equal(fold.watermark.ms, START_MS + 58_000)
  })

  it('moves the watermark by the newest trade of a record, after the record', () => {
    const fold = newFold({ latenessLimitMs: 0, allowedDelayMs: 0 })
    const trades = [1000, 5000, 3000].map((ms) => aTrade({ t: START_MS + ms }))
    const folded = takeAll(fold, [aRecord({ trades })])
    assert.deepEqual(
      folded.map(({ exclusion }) => exclusion),
      [undefined, undefined, undefined]
    )
    assert.equal(fold.watermark.ms, START_MS + 5000)
  })

  it('puts a trade into bars with its place, its direction and its return', async () => {
    const fold = newFold()
    const take = (frame: number, p: number, given: Partial<FeedTrade> = {}): void => {
      const trades = [aTrade({ p, t: START_MS + frame, ...given })]
      fold.take(aRecord({ frame, trades, indexes: [3] }), frame)
    }
    take(1, 100)
    // An official close sets no price and has no volume.
    take(2, 500, { c: ['16'] })
    take(3, 110)
    const [second, minute] = changedBars(await flush(fold))
    for (const bar of [second, minute]) {
      assert.ok(bar !== undefined)
      const accumulator = bar.accumulator.toStored()
      assert.equal(accumulator.tradeCount, 2)
      assert.deepEqual(accumulator.first, [START_MS + 1, '0mwv6bn8sff46', 4096 + 3, 100])
      assert.deepEqual(accumulator.last, [START_MS + 3, '0mwv6bn8sff46', 3 * 4096 + 3, 110])
      assert.equal(bar.accumulator.upVolume, 10)
      assert.equal(bar.accumulator.unchangedVolume, 10)
      assert.ok(Math.abs((bar.accumulator.realisedVolatility ?? 0) - Math.log(1.1)) < 1e-8)
      assert.equal(bar.offset, 4)
    }
  })

  it('keeps what a trade that sets no price did out of the tick rule', () => {
    const fold = newFold({ policy: 'sip' })
    takeAll(fold, [
      aRecord({ frame: 1, trades: [aTrade({ p: 100 })] }),
      aRecord({ frame: 2, trades: [aTrade({ p: 300, c: ['12'] })] }),
      aRecord({ frame: 3, trades: [aTrade({ p: 101 })] })
    ])
    assert.deepEqual(fold.toState().ticks, { '2026-03-10': '101uAAPL\n' })
  })

  it('drops a trade that its vendor sent under the same id before, or keeps it', () => {
    const again = (frame: number) =>
      aRecord({ frame, trades: [aTrade({ i: 'v7' }), aTrade({ i: 'v8', t: START_MS + frame })] })
    const fold = newFold()
    assert.equal(fold.hasVendorIds, false)
    assert.equal(fold.toState().hasVendorIds, false)
    const [first, , second] = takeAll(fold, [again(1), again(2)])
    assert.deepEqual([first?.exclusion, second?.exclusion], [undefined, 'redelivered'])
    assert.equal(fold.hasVendorIds, true)
    assert.equal(new PartitionFold(OPTIONS, fold.toState(), 0).hasVendorIds, true)
    const keeping = newFold({ redelivered: 'keep' })
    assert.deepEqual(
      takeAll(keeping, [again(1), again(2)]).map(({ exclusion }) => exclusion),
      [undefined, undefined, undefined, undefined]
    )
  })

  it('says how far a trade that was delivered again is behind the watermark', () => {
    const fold = newFold()
    const repeated = aTrade({ i: 'v1' })
    const folded = takeAll(fold, [
      aRecord({ frame: 1, trades: [repeated] }),
      aRecord({ frame: 2, trades: [repeated] }),
      aRecord({ frame: 3, trades: [aTrade({ t: START_MS + 9000 })] }),
      aRecord({ frame: 4, trades: [repeated] })
    ])
    assert.deepEqual(
      folded.map(({ exclusion, byMs }) => ({ exclusion, byMs })),
      [
        { exclusion: undefined, byMs: 0 },
        { exclusion: 'redelivered', byMs: 0 },
        { exclusion: undefined, byMs: 0 },
        { exclusion: 'redelivered', byMs: 7000 }
      ]
    )
  })

  it('forgets vendor ids that the watermark has left behind when its state is taken', () => {
    const fold = newFold({ latenessLimitMs: 1e9 })
    const trade = aTrade({ i: 'v1' })
    takeAll(fold, [
      aRecord({ frame: 1, trades: [trade] }),
      aRecord({ frame: 2, trades: [aTrade({ t: START_MS + 2_000_000 })] })
    ])
    fold.toState()
    const again = fold.take(aRecord({ frame: 3, trades: [trade] }), 2)
    assert.equal(again?.[0]?.exclusion, undefined)
  })

  it('remembers when the newest record was received', () => {
    const fold = newFold()
    assert.equal(fold.receivedAtMs, null)
    for (const [frame, receivedAt] of [START_MS + 5, START_MS + 9, START_MS + 7].entries()) {
      fold.take(aRecord({ frame, receivedAt }), frame)
    }
    assert.equal(fold.receivedAtMs, START_MS + 9)
    assert.equal(new PartitionFold(OPTIONS, fold.toState(), 0).receivedAtMs, START_MS + 9)
  })

  it('counts a hundred unknown codes by name, and those further on', () => {
    const fold = newFold()
    const codes = Array.from({ length: 101 }, (_, index) => `x${index}`)
    takeAll(fold, [aRecord({ frame: 1, trades: [aTrade({ c: codes })] })])
    takeAll(fold, [aRecord({ frame: 2, trades: [aTrade({ c: ['x0', 'y'] })] })])
    const counted = fold.drainUnknownCodes()
    assert.equal(counted.size, 100)
    assert.deepEqual([counted.get('x0'), counted.get('x99')], [2, 1])
  })

  it('stops the clock while the feed is down, not for records that the log lost', () => {
    const fold = newFold()
    takeAll(fold, [aRecord()])
    fold.takeGap(aGap(START_MS, null, { log: 'raw_data/0' }))
    assert.equal(fold.watermark.frozenFeed, null)
    fold.takeGap(aGap(START_MS, null))
    assert.equal(fold.watermark.frozenFeed, 'simulated')
    fold.takeGap(aGap(START_MS, START_MS + 1, { log: 'raw_data/0' }))
    fold.takeGap(aGap(START_MS, START_MS + 1, { feed: 'finnhub' }))
    assert.equal(fold.watermark.frozenFeed, 'simulated')
    fold.takeGap(aGap(START_MS, START_MS + 1))
    assert.equal(fold.watermark.frozenFeed, null)
  })

  it('gives the gaps taken since the last call, each once', () => {
    const fold = newFold()
    fold.takeGap(aGap(1, 2, { id: 'a' }))
    fold.takeGap(aGap(1, null, { id: 'b', log: 'raw_data/0' }))
    assert.deepEqual(
      fold.drainGaps().map(({ id, toMs }) => ({ id, toMs })),
      [
        { id: 'a', toMs: 2 },
        { id: 'b', toMs: Infinity }
      ]
    )
    assert.deepEqual(fold.drainGaps(), [])
  })
})

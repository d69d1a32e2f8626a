import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PartitionFold, type FoldedTrade } from '@tapedeck/domain'
import { aRecord, aTrade, START_MS } from '../../../support/trades.ts'

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
})

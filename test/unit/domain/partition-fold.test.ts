import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FrameDeduplicator, PartitionFold, Watermark, type FoldedTrade } from '@tapedeck/domain'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'

const OPTIONS = {
  timeframes: ['1s', '1m'],
  policy: 'feed',
  allowedDelayMs: 2000,
  latenessLimitMs: 60_000,
  futureLimitMs: 60_000,
  redelivered: 'drop'
} as const

function takeAll(fold: PartitionFold, list: readonly ReturnType<typeof aRecord>[]): FoldedTrade[] {
  const stored: FoldedTrade[] = []
  list.forEach((record, index) =>
    fold.take(record, index, START_MS, (folded) => stored.push(folded))
  )
  return stored
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

  it('passes over a record that was published twice', () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    const record = aRecord()
    assert.equal(
      fold.take(record, 0, START_MS, () => undefined),
      true
    )
    assert.equal(
      fold.take(record, 1, START_MS, () => assert.fail('stored again')),
      false
    )
  })

  it('keeps a trade from the future aside and does not let it move the watermark', () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    const [future] = takeAll(fold, [
      aRecord({ receivedAt: START_MS, trades: [aTrade({ t: START_MS + 61_000 })] })
    ])
    assert.deepEqual([future?.aside, future?.byMs], ['from the future', 61_000])
    assert.equal(fold.watermark.ms, -Infinity)
  })

  it('keeps a trade beyond the lateness limit aside, with how late it was', () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    const stored = takeAll(fold, [
      aRecord({ frame: 1, trades: [aTrade({ t: START_MS + 100_000 })] }),
      aRecord({ frame: 2, trades: [aTrade({ t: START_MS + 38_000 })] }),
      aRecord({ frame: 3, trades: [aTrade({ t: START_MS + 37_999 })] })
    ])
    assert.deepEqual(
      stored.map(({ aside, byMs }) => [aside, byMs]),
      [
        [undefined, 0],
        [undefined, 0],
        ['too late', 60_001]
      ]
    )
  })

  it('counts unknown condition codes', () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    takeAll(fold, [aRecord({ trades: [aTrade({ c: ['1', '99'] }), aTrade({ c: ['99'] })] })])
    assert.deepEqual([...fold.takeUnknownCodes()], [['99', 2]])
    assert.equal(fold.takeUnknownCodes().size, 0)
  })

  it('takes its watermark and its connections up again from the state', () => {
    const fold = new PartitionFold(OPTIONS, undefined, -Infinity)
    const record = aRecord({ frame: 3 })
    fold.take(record, 0, START_MS, () => undefined)
    const state = JSON.parse(JSON.stringify(fold.toState())) as ReturnType<PartitionFold['toState']>
    const again = new PartitionFold(OPTIONS, state, -Infinity)
    assert.equal(again.watermark.ms, fold.watermark.ms)
    assert.equal(
      again.take(record, 1, START_MS, () => undefined),
      false
    )
  })
})

describe('Watermark', () => {
  it('follows the newest trade less the delay and never goes back', () => {
    const watermark = new Watermark(2000)
    watermark.observe(10_000, 0)
    watermark.observe(9000, 0)
    assert.equal(watermark.ms, 8000)
  })

  it('moves on by the time gone while idle, so that a quiet bar becomes final', () => {
    const watermark = new Watermark(2000)
    watermark.idle(1_000_000)
    assert.equal(watermark.ms, -Infinity)
    watermark.observe(10_000, 500_000)
    watermark.idle(503_000)
    assert.equal(watermark.ms, 11_000)
  })
})

describe('FrameLedger', () => {
  it('accepts each symbol of a frame once and no earlier frame', () => {
    const ledger = new FrameDeduplicator()
    const answers = [
      ledger.accept('a', 1, 'X'),
      ledger.accept('a', 1, 'Y'),
      ledger.accept('a', 1, 'X'),
      ledger.accept('a', 2, 'X'),
      ledger.accept('a', 1, 'Z'),
      ledger.accept('b', 1, 'X')
    ]
    assert.deepEqual(answers, [true, true, false, true, false, true])
  })

  it('remembers a bounded number of connections', () => {
    const ledger = new FrameDeduplicator()
    for (let i = 0; i < 1000; i++) ledger.accept(`c${i}`, 1, 'X')
    assert.equal(ledger.toState().length, 16)
    assert.equal(ledger.accept('c999', 1, 'X'), false)
  })
})

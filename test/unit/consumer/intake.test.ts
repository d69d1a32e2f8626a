import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { consumerMetrics, RecordIntake } from '@tapedeck/consumer/testing'
import { encodeGapRecord, encodeTradeRecord, PartitionFold } from '@tapedeck/domain'
import { partitionOf } from '@tapedeck/kafka'
import type { TradeDocument } from '@tapedeck/mongo'
import { createLogger, createMetrics } from '@tapedeck/service'
import { changedBars, flush } from '../../support/folding.ts'
import { aGap, aRecord, aTrade, START_MS } from '../../support/trades.ts'

const MINUTE_BAR = `AAPL|1m|${START_MS}`

function newIntake(partition = 0) {
  const fold = new PartitionFold(
    {
      timeframes: ['1m'],
      policy: 'feed',
      allowedDelayMs: 0,
      latenessLimitMs: 60_000,
      futureLimitMs: 1e9,
      redelivered: 'drop'
    },
    undefined,
    -Infinity
  )
  const stored: TradeDocument[] = []
  const trades = { add: (document: TradeDocument) => void stored.push(document) }
  const deps = {
    metrics: consumerMetrics(createMetrics()),
    log: createLogger('consumer', 'silent'),
    ends: { noteRecord: () => undefined }
  }
  const intake = new RecordIntake(
    partition,
    { log: `raw_data/${partition}`, lost: null, placement: partition === 0 ? 1 : 6 },
    { fold, trades },
    deps
  )
  let offset = 0
  return {
    fold,
    stored,
    intake,
    read({ key, value }: { readonly key: string; readonly value: string }): void {
      intake.read(offset++, Buffer.from(key), Buffer.from(value))
    }
  }
}

describe('RecordIntake', () => {
  it('adds a gap record to the bars around it, and stores it', async () => {
    const { fold, intake, read } = newIntake()
    const gap = aGap(START_MS + 10_000, START_MS + 25_000)
    read(encodeTradeRecord(aRecord({ trades: [aTrade({ t: START_MS })] })))
    read(encodeGapRecord(gap))
    assert.deepEqual(intake.drain().gaps, [gap])
    const bar = changedBars(await flush(fold)).find(({ id }) => id === MINUTE_BAR)
    assert.deepEqual(bar?.gaps, [{ id: 'g', fromMs: gap.fromMs, toMs: gap.toMs }])
  })

  it('refuses a record of a symbol that belongs to another partition, with all of its content', async () => {
    const { fold, stored, intake, read } = newIntake(3)
    const own = aRecord({ symbol: 'AAPL', trades: [aTrade({ t: START_MS })] })
    const other = aRecord({ symbol: 'TSLA', trades: [aTrade({ t: START_MS })] })
    assert.deepEqual([partitionOf('AAPL', 6), partitionOf('TSLA', 6)], [3, 5])
    read(encodeTradeRecord(own))
    read(encodeTradeRecord(other))
    assert.deepEqual(intake.drain().dead, [
      {
        reason: 'wrong partition: the key TSLA belongs to partition 5 of 6, found it on 3',
        stage: 'consumer',
        partition: 3,
        offset: 1,
        raw: encodeTradeRecord(other).value
      }
    ])
    assert.deepEqual([...new Set(stored.map(({ symbol }) => symbol))], ['AAPL'])
    const bars = changedBars(await flush(fold))
    assert.deepEqual([...new Set(bars.map(({ symbol }) => symbol))], ['AAPL'])
  })

  it('turns records that were removed before they were read into a gap of the partition', async () => {
    const { fold, intake, read } = newIntake()
    const receivedAt = START_MS + 30_000
    read(encodeTradeRecord(aRecord({ receivedAt: START_MS, trades: [aTrade({ t: START_MS })] })))
    intake.reportRemoved(6, 1)
    read(encodeTradeRecord(aRecord({ frame: 2, receivedAt, trades: [aTrade({ t: receivedAt })] })))
    const [gap, ...others] = intake.drain().gaps
    assert.deepEqual(others, [])
    assert.equal(gap?.log, 'raw_data/0')
    assert.equal(gap.fromMs, START_MS)
    assert.equal(gap.toMs, receivedAt)
    const bar = changedBars(await flush(fold)).find(({ id }) => id === MINUTE_BAR)
    assert.deepEqual(
      bar?.gaps.map(({ id }) => id),
      [gap.id]
    )
  })

  it('stores a trade that is too late, and keeps it as a late trade too', () => {
    const { stored, intake, read } = newIntake()
    read(encodeTradeRecord(aRecord({ trades: [aTrade({ t: START_MS + 120_000 })] })))
    read(encodeTradeRecord(aRecord({ frame: 2, trades: [aTrade({ t: START_MS })] })))
    assert.deepEqual(
      stored.map(({ tradedAt }) => tradedAt.getTime()),
      [START_MS + 120_000, START_MS]
    )
    const { late } = intake.drain()
    assert.deepEqual(
      late.map(({ _id, reason, byMs }) => ({ _id, reason, byMs })),
      [{ _id: stored[1]?._id, reason: 'too late', byMs: 120_000 }]
    )
    assert.deepEqual(intake.drain().late, [])
  })

  it('keeps a record that does not fit the schema as a dead letter', () => {
    const { stored, intake, read } = newIntake()
    read({ key: 'AAPL', value: '{' })
    const { dead } = intake.drain()
    assert.equal(dead.length, 1)
    assert.match(dead[0]?.reason ?? '', /^value is not JSON/)
    assert.equal(dead[0]?.raw, '{')
    assert.deepEqual(stored, [])
  })
})

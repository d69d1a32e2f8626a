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
  const registry = createMetrics()
  const deps = {
    metrics: consumerMetrics(registry),
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
    registry,
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
    assert.equal(gap.id, 'gone-raw_data/0-1')
    assert.match(gap.cause, /^\d+ records were removed from the topic before they were read$/)
    assert.deepEqual(gap.symbols, [])
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

  it('names the place of a dead letter and counts it by the kind of its problem', async () => {
    const { intake, read, registry } = newIntake()
    read(encodeTradeRecord(aRecord()))
    read({ key: 'AAPL', value: '{' })
    intake.read(2, null, null)
    const { dead } = intake.drain()
    assert.deepEqual(
      dead.map(({ reason, ...place }) => ({ ...place, kind: reason.split(':')[0] })),
      [
        { kind: 'value is not JSON', stage: 'consumer', partition: 0, offset: 1, raw: '{' },
        { kind: 'value is missing', stage: 'consumer', partition: 0, offset: 2, raw: '' }
      ]
    )
    assert.deepEqual(intake.drain().dead, [])
    const { body: text } = await registry.expose()
    assert.match(text, /^tapedeck_records_dead_total\{reason="value is not JSON"\} 1$/m)
    assert.match(text, /^tapedeck_records_dead_total\{reason="value is missing"\} 1$/m)
    assert.match(text, /^tapedeck_records_read_total 3$/m)
  })

  it('passes over a record that was published twice, and counts it', async () => {
    const { stored, read, registry } = newIntake()
    const twice = encodeTradeRecord(aRecord({ trades: [aTrade(), aTrade()] }))
    read(twice)
    read(twice)
    assert.equal(stored.length, 2)
    const { body: text } = await registry.expose()
    assert.match(text, /^tapedeck_records_repeated_total 1$/m)
    assert.match(text, /^tapedeck_trades_read_total 2$/m)
  })

  it('stores a trade once that its vendor delivered again, and keeps the second as excluded', async () => {
    const { stored, intake, read, registry } = newIntake()
    const trades = [aTrade({ i: 'v1' })]
    read(encodeTradeRecord(aRecord({ trades })))
    read(encodeTradeRecord(aRecord({ frame: 2, trades })))
    assert.equal(stored.length, 1)
    assert.deepEqual(
      intake.drain().late.map(({ reason, byMs }) => ({ reason, byMs })),
      [{ reason: 'redelivered', byMs: 0 }]
    )
    const { body: text } = await registry.expose()
    assert.match(text, /^tapedeck_trades_excluded_total\{reason="redelivered"\} 1$/m)
    assert.match(text, /^tapedeck_late_trade_age_seconds_count 0$/m)
  })

  it('observes how late a late trade was, in seconds', async () => {
    const { read, registry } = newIntake()
    read(encodeTradeRecord(aRecord({ trades: [aTrade({ t: START_MS + 120_000 })] })))
    read(encodeTradeRecord(aRecord({ frame: 2, trades: [aTrade({ t: START_MS })] })))
    const { body: text } = await registry.expose()
    assert.match(text, /^tapedeck_late_trade_age_seconds_sum 120$/m)
    assert.match(text, /^tapedeck_trades_excluded_total\{reason="too late"\} 1$/m)
  })

  it('keeps the newest trade of each symbol', () => {
    const { intake, read } = newIntake()
    read(encodeTradeRecord(aRecord({ trades: [aTrade({ p: 1 }), aTrade({ p: 2 })] })))
    read(encodeTradeRecord(aRecord({ symbol: 'MSFT', frame: 1, trades: [aTrade({ p: 9 })] })))
    read(
      encodeTradeRecord(
        aRecord({ frame: 2, receivedAt: START_MS + 5, trades: [aTrade({ p: 3, t: START_MS + 1 })] })
      )
    )
    assert.deepEqual(intake.drain().symbols, [
      {
        _id: 'AAPL',
        feed: 'simulated',
        lastPrice: 3,
        lastTradeAt: new Date(START_MS + 1),
        lastReceivedAt: new Date(START_MS + 5)
      },
      {
        _id: 'MSFT',
        feed: 'simulated',
        lastPrice: 9,
        lastTradeAt: new Date(START_MS),
        lastReceivedAt: new Date(START_MS + 3_600_000)
      }
    ])
    assert.deepEqual(intake.drain().symbols, [])
  })

  it('keeps cancels and corrections, also of a record without trades', () => {
    const { intake, read } = newIntake()
    const amendments = [{ index: 0, kind: 'cancel', of: 'v1', by: null, t: START_MS }] as const
    read(encodeTradeRecord({ ...aRecord({ trades: [], indexes: [] }), amendments }))
    const { amendments: kept, symbols } = intake.drain()
    assert.equal(kept.length, 1)
    assert.deepEqual(symbols, [])
    assert.deepEqual(intake.drain().amendments, [])
  })

  it('counts outages, and records that were removed', async () => {
    const { intake, read, registry } = newIntake()
    read(encodeGapRecord(aGap(1, 2)))
    intake.reportRemoved(1, 1)
    intake.reportRemoved(4, 1)
    const { body: text } = await registry.expose()
    assert.match(text, /^tapedeck_gap_records_read_total 1$/m)
    assert.match(text, /^tapedeck_records_missing_total 3$/m)
    assert.deepEqual(
      intake.drain().gaps.map(({ id }) => id),
      ['g']
    )
    const { key, value } = encodeTradeRecord(aRecord())
    intake.read(4, Buffer.from(key), Buffer.from(value))
    const [gap] = intake.drain().gaps
    assert.equal(gap?.cause, '3 records were removed from the topic before they were read')
    // The record after them follows at once.
    intake.reportRemoved(5, 5)
    const next = encodeTradeRecord(aRecord({ frame: 2 }))
    intake.read(5, Buffer.from(next.key), Buffer.from(next.value))
    assert.deepEqual(intake.drain().gaps, [])
  })
})

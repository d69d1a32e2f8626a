import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '@tapedeck/core'
import { acquirePartition, announceFlush, commitCheckpoint, type Acquired } from '@tapedeck/mongo'
import { openMarket, type Market } from '../../support/market.ts'

const options = { timeout: 60_000 }
const STATE = { watermark: null, connections: [] }

function acquire(
  { database }: Market,
  given: {
    clusterId?: string
    topicId?: string
    placement?: number
    endOffset: number
    endNow?: number
    hashes?: Readonly<Record<number, string>>
  }
): Promise<Acquired> {
  return acquirePartition(database, {
    log: 't/0',
    owner: { host: 'test', pid: 1, started: '', memberId: 'test' },
    clusterId: given.clusterId ?? 'c',
    configHash: 'h',
    placement: given.placement ?? 6,
    topicId: () => Promise.resolve(given.topicId),
    endOffset: given.endOffset,
    lookAtEnd: () => Promise.resolve(given.endNow ?? given.endOffset),
    hashAt: (offset) => Promise.resolve(given.hashes?.[offset])
  })
}

describe('checkpoint', () => {
  it('continues where the last owner ended, under a higher epoch', options, async (t) => {
    const market = await openMarket(t)
    const first = await acquire(market, { endOffset: 0 })
    await announceFlush(market.database, first, {
      flushingTo: 70,
      storedUntilMs: 5000,
      watermarkMs: 4000
    })
    await commitCheckpoint(market.database, first, {
      nextOffset: 60,
      state: STATE,
      configHash: 'h'
    })
    const second = await acquire(market, { endOffset: 100 })
    assert.deepEqual(
      {
        epoch: second.epoch,
        logEpoch: second.logEpoch,
        nextOffset: second.nextOffset,
        flushingTo: second.flushingTo,
        storedUntilMs: second.storedUntilMs
      },
      { epoch: 2, logEpoch: 1, nextOffset: 60, flushingTo: 70, storedUntilMs: 5000 }
    )
    await assert.rejects(
      commitCheckpoint(market.database, first, { nextOffset: 80, state: STATE, configHash: 'h' }),
      (error) => hasCode(error, 'PARTITION_FENCED')
    )
  })

  it(
    'stays correct while the old owner reads on and the next one acquires the partition',
    options,
    async (t) => {
      const market = await openMarket(t)
      const first = await acquire(market, { endOffset: 0 })
      await commitCheckpoint(market.database, first, {
        nextOffset: 120,
        state: STATE,
        configHash: 'h'
      })
      const second = await acquire(market, { endOffset: 100, endNow: 150 })
      assert.deepEqual(
        { nextOffset: second.nextOffset, logEpoch: second.logEpoch },
        { nextOffset: 120, logEpoch: 1 }
      )
    }
  )

  it('starts from 0 when the log is shorter than it, or of another cluster', options, async (t) => {
    const market = await openMarket(t)
    const first = await acquire(market, { endOffset: 0 })
    await commitCheckpoint(market.database, first, {
      nextOffset: 120,
      state: STATE,
      configHash: 'h'
    })
    const shorter = await acquire(market, { endOffset: 100, endNow: 110 })
    assert.deepEqual(
      { nextOffset: shorter.nextOffset, logEpoch: shorter.logEpoch },
      { nextOffset: 0, logEpoch: 2 }
    )
    await commitCheckpoint(market.database, shorter, {
      nextOffset: 50,
      state: STATE,
      configHash: 'h'
    })
    const other = await acquire(market, { clusterId: 'd', endOffset: 100 })
    assert.deepEqual(
      { nextOffset: other.nextOffset, logEpoch: other.logEpoch },
      { nextOffset: 0, logEpoch: 3 }
    )
  })

  it(
    'starts from 0 when the log lost records that an unfinished flush had read',
    options,
    async (t) => {
      const market = await openMarket(t)
      const first = await acquire(market, { endOffset: 100 })
      await commitCheckpoint(market.database, first, {
        nextOffset: 90,
        state: STATE,
        configHash: 'h'
      })
      await announceFlush(market.database, first, {
        flushingTo: 130,
        storedUntilMs: 0,
        watermarkMs: 4000
      })
      const kept = await acquire(market, { endOffset: 100, endNow: 130 })
      assert.deepEqual(
        { nextOffset: kept.nextOffset, flushingTo: kept.flushingTo, logEpoch: kept.logEpoch },
        { nextOffset: 90, flushingTo: 130, logEpoch: 1 }
      )
      const cut = await acquire(market, { endOffset: 100, endNow: 120 })
      assert.deepEqual(
        { nextOffset: cut.nextOffset, flushingTo: cut.flushingTo, logEpoch: cut.logEpoch },
        { nextOffset: 0, flushingTo: 0, logEpoch: 3 }
      )
    }
  )

  it(
    'starts from 0 when the log has another record where it had a known one',
    options,
    async (t) => {
      const market = await openMarket(t)
      const first = await acquire(market, { endOffset: 0 })
      const flush = { storedUntilMs: 0, watermarkMs: 4000 }
      const lastRecord = { offset: 88, hash: 'a' }
      await announceFlush(market.database, first, { ...flush, flushingTo: 90, lastRecord })
      const state = { ...STATE, receivedAtMs: 7000 }
      await commitCheckpoint(market.database, first, { nextOffset: 90, state, configHash: 'h' })
      const same = await acquire(market, { endOffset: 100, hashes: { 88: 'a' } })
      assert.deepEqual([same.nextOffset, same.lastRecord], [90, lastRecord])
      // Removed from the beginning of the log, or a checkpoint of an earlier version.
      const unknown = await acquire(market, { endOffset: 100 })
      assert.deepEqual([unknown.nextOffset, unknown.lost], [90, null])

      // The last known record is that of the flush which was announced and perhaps not finished.
      await announceFlush(market.database, unknown, {
        ...flush,
        flushingTo: 95,
        lastRecord: { offset: 94, hash: 'b' }
      })
      const other = await acquire(market, { endOffset: 100, hashes: { 88: 'a', 94: 'c' } })
      assert.deepEqual([other.nextOffset, other.flushingTo, other.logEpoch], [0, 0, 4])
      assert.deepEqual([other.lastRecord, other.lost?.fromMs], [undefined, 7000])
      const next = await acquire(market, { endOffset: 100, hashes: { 94: 'c' } })
      assert.deepEqual([next.nextOffset, next.logEpoch], [0, 4])
    }
  )

  it('starts from 0 when the topic has another id, though it is longer', options, async (t) => {
    const market = await openMarket(t)
    const first = await acquire(market, { topicId: 'one', endOffset: 0 })
    const state = {
      ...STATE,
      receivedAtMs: 7000,
      connections: [{ id: 'c1', frame: 9, symbols: ['AAPL'] }]
    }
    await commitCheckpoint(market.database, first, { nextOffset: 50, state, configHash: 'h' })

    const second = await acquire(market, { topicId: 'two', endOffset: 80 })
    assert.deepEqual([second.nextOffset, second.logEpoch], [0, 2])
    assert.deepEqual(second.lost, {
      id: 'replaced-t/0-2',
      fromMs: 7000,
      cause: 'the topic was deleted and created again'
    })
    // A record may be in both logs.
    assert.deepEqual(second.state?.connections, state.connections)

    // It is told once, though the next owner comes before it was stored.
    const third = await acquire(market, { topicId: 'two', endOffset: 80 })
    assert.deepEqual([third.logEpoch, third.lost], [2, second.lost])
    await commitCheckpoint(market.database, third, {
      nextOffset: 3,
      state,
      configHash: 'h',
      lost: null
    })
    const fourth = await acquire(market, { topicId: 'two', endOffset: 80 })
    assert.deepEqual([fourth.nextOffset, fourth.lost], [3, null])
    // With another placement a symbol may come from another partition.
    const wider = await acquire(market, { topicId: 'three', placement: 12, endOffset: 80 })
    assert.deepEqual(wider.state?.connections, [])
    await assert.rejects(
      acquire(market, { topicId: 'three', placement: 24, endOffset: 80 }),
      (error) => hasCode(error, 'CONFIG_INVALID')
    )
  })

  it('learns the id of a log that an earlier version read', options, async (t) => {
    const market = await openMarket(t)
    const first = await acquire(market, { endOffset: 0 })
    await commitCheckpoint(market.database, first, {
      nextOffset: 50,
      state: STATE,
      configHash: 'h'
    })
    const second = await acquire(market, { topicId: 'one', endOffset: 80 })
    assert.deepEqual([second.nextOffset, second.logEpoch], [50, 1])
    const third = await acquire(market, { topicId: 'two', endOffset: 80 })
    assert.deepEqual([third.nextOffset, third.logEpoch], [0, 3])
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '@tapedeck/core'
import {
  acquirePartition,
  holdLease,
  loadSeries,
  type Acquired,
  type Database
} from '@tapedeck/mongo'
import { aBar } from '../../support/market-documents.ts'
import { openMarket } from '../../support/market.ts'

const LOG = 'raw_data/0'
const OWNER = { host: 'a', pid: 1, started: 'now', memberId: 'm' }

function acquire(database: Database): Promise<Acquired> {
  return acquirePartition(database, {
    log: LOG,
    owner: OWNER,
    clusterId: 'c',
    configHash: 'h',
    placement: 6,
    topicId: () => Promise.resolve('t'),
    endOffset: 0,
    lookAtEnd: () => Promise.resolve(0),
    hashAt: () => Promise.resolve(undefined)
  })
}

describe('documents that a process continues from', { timeout: 60_000 }, () => {
  it('a checkpoint of a later version is refused and keeps its epoch', async (t) => {
    const { database } = await openMarket(t)
    assert.equal((await acquire(database)).epoch, 1)
    await database.checkpoints.updateOne({ _id: LOG }, { $unset: { stateVersion: 1 } })
    assert.equal((await acquire(database)).epoch, 2, 'one without a version is of the first')
    await database.checkpoints.updateOne({ _id: LOG }, { $set: { stateVersion: 99 } })
    await assert.rejects(acquire(database), {
      code: 'STATE_TOO_NEW',
      message: /checkpoint raw_data\/0: its version is 99, expected at most 1/
    })
    assert.equal((await database.checkpoints.findOne({ _id: LOG }))?.epoch, 2)
  })

  it('a checkpoint changed by hand is refused, named, and keeps its epoch', async (t) => {
    const { database } = await openMarket(t)
    await acquire(database)
    const changes: readonly (readonly [change: Record<string, unknown>, problem: string])[] = [
      [{ nextOffset: 'abc' }, "nextOffset is 'abc', expected an offset"],
      [{ nextOffset: -1 }, 'nextOffset is -1, expected an offset'],
      [{ flushingTo: 1.5 }, 'flushingTo is 1.5, expected an offset'],
      [{ state: 'none' }, "state is 'none', expected a watermark and connections"],
      [{ state: {} }, 'state is of type object, expected a watermark and connections'],
      [{ storedUntilMs: Number.NaN }, 'storedUntilMs is NaN, expected a number']
    ]
    const whole = await database.checkpoints.findOne({ _id: LOG })
    for (const [change, problem] of changes) {
      await database.checkpoints.updateOne({ _id: LOG }, { $set: change })
      await assert.rejects(acquire(database), (error) => {
        assert.ok(hasCode(error, 'STATE_CORRUPT'), String(error))
        assert.ok(
          error.message.includes(`checkpoint ${LOG}: ${problem}; put it right`),
          error.message
        )
        return true
      })
      await database.checkpoints.replaceOne({ _id: LOG }, whole as never)
    }
    assert.equal((await acquire(database)).epoch, 2)
  })

  it('a lease of a later version is refused and stays as it is', async (t) => {
    const { database } = await openMarket(t)
    assert.equal((await holdLease(database, 'key', 'me', 1)).isMine, true)
    await database.leases.updateOne({ _id: 'key' }, { $set: { stateVersion: 99 } })
    const before = await database.leases.findOne({ _id: 'key' })
    await assert.rejects(holdLease(database, 'key', 'me', 1), { code: 'STATE_TOO_NEW' })
    assert.deepEqual(await database.leases.findOne({ _id: 'key' }), before)
  })

  it('the state of a series of a later version is refused, one of an earlier is made again', async (t) => {
    const { database } = await openMarket(t)
    const request = {
      id: 'AAPL|1m|1',
      symbol: 'AAPL',
      timeframe: '1m',
      horizon: 1,
      lookback: 5,
      beforeMs: Infinity,
      targetsMs: []
    }
    const load = (): ReturnType<typeof loadSeries> => loadSeries(database, [request])
    const stateVersion = 99
    await database.forecastSeries.insertOne({ _id: request.id, stateVersion } as never)
    await assert.rejects(load(), { code: 'STATE_TOO_NEW', message: /forecast series AAPL\|1m\|1/ })
    await database.forecastSeries.updateOne({ _id: request.id }, { $set: { stateVersion: 0 } })
    assert.equal((await load())[0]?.state, null)
  })
})

describe('the newest bar of any log', { timeout: 60_000 }, () => {
  it('is found by a few keys of the index, however many bars are stored', async (t) => {
    const { database } = await openMarket(t)
    const bars = ['AAPL', 'MSFT'].flatMap((symbol) =>
      ['1s', '1m'].flatMap((timeframe) =>
        Array.from({ length: 500 }, (_, i) => aBar(symbol, timeframe, 60_000, i))
      )
    )
    await database.bars.insertMany(bars)
    const newestMs = Math.max(...bars.map(({ start }) => start.getTime()))
    await database.db.command({ profile: 2 })
    const { storedUntilMs } = await acquire(database)
    await database.db.command({ profile: 0 })
    assert.equal(storedUntilMs, newestMs)
    const profile = await database.db
      .collection('system.profile')
      .find({ ns: `${database.db.databaseName}.bars` })
      .toArray()
    assert.ok(profile.length > 0)
    const read = profile.reduce(
      (sum, { keysExamined = 0, docsExamined = 0 }) => sum + keysExamined + docsExamined,
      0
    )
    assert.ok(read < 50, `${read} keys and documents were read of ${bars.length} bars`)
  })
})

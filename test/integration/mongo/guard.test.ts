import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  storeBars,
  storeForecasts,
  storeScores,
  type BarDocument,
  type Database
} from '@tapedeck/mongo'
import { aScore } from '../../support/forecast-parts.ts'
import { aBar, aForecast } from '../../support/market-documents.ts'
import { openMarket } from '../../support/market.ts'

// Goal: an owner that lost its partition can never replace what its successor stored, however far it read.
// Method: each collection that is written under the guard, on the real server.

type Source = BarDocument['source']

const LOG = 'raw_data/0'

/** Stores one document with this source, as changed or as fresh; answers how many stayed as they were. */
type Store = (database: Database, source: Source, isFresh: boolean) => Promise<number>

function writes<T>(document: T, isFresh: boolean) {
  return isFresh ? { fresh: [document], changed: [] } : { fresh: [], changed: [document] }
}

const GUARDED: readonly {
  readonly name: 'bars' | 'forecasts' | 'forecastScores'
  readonly store: Store
}[] = [
  {
    name: 'bars',
    store: (database, source, isFresh) =>
      storeBars(database, source, writes(aBar('AAPL', '1m', 60_000, 0, { source }), isFresh))
  },
  {
    name: 'forecasts',
    store: (database, source, isFresh) =>
      storeForecasts(database, source, writes(aForecast('AAPL', 0, undefined, { source }), isFresh))
  },
  {
    name: 'forecastScores',
    store: (database, source) =>
      storeScores(database, source, [aScore('AAPL', '1m', 1, { source })])
  }
]

describe('the guard of stored results', { timeout: 60_000 }, () => {
  for (const { name, store } of GUARDED) {
    for (const isFresh of name === 'forecastScores' ? [false] : [false, true]) {
      it(`keeps the newer of two ${isFresh ? 'new' : 'changed'} ${name}`, async (t) => {
        const { database } = await openMarket(t)
        const stored = async (): Promise<Source | undefined> =>
          (await database[name].findOne())?.source
        const write = async (
          source: Source
        ): Promise<{ stayed: number; now: Source | undefined }> => ({
          stayed: await store(database, source, isFresh),
          now: await stored()
        })
        const first = { log: LOG, epoch: 1, offset: 10 }
        const further = { log: LOG, epoch: 1, offset: 20 }
        const successor = { log: LOG, epoch: 2, offset: 15 }
        const fenced = { log: LOG, epoch: 1, offset: 30 }
        const behind = { log: LOG, epoch: 2, offset: 14 }
        const moved = { log: 'raw_data/1', epoch: 1, offset: 1 }
        assert.deepEqual(await write(further), { stayed: 0, now: further })
        assert.deepEqual(await write(first), { stayed: 1, now: further })
        assert.deepEqual(await write(successor), { stayed: 0, now: successor })
        assert.deepEqual(await write(fenced), { stayed: 1, now: successor })
        assert.deepEqual(await write(behind), { stayed: 1, now: successor })
        assert.deepEqual(await write(moved), { stayed: 0, now: moved })
      })
    }
  }

  it('asks for the id alone, and finds a document whose key was changed by hand', async (t) => {
    const { database } = await openMarket(t)
    const source = { log: LOG, epoch: 1, offset: 1 }
    const bar = aBar('AAPL', '1m', 60_000, 0, { source })
    await database.db.command({ profile: 2 })
    assert.equal(await storeBars(database, source, writes(bar, false)), 0)
    await database.db.command({ profile: 0 })
    const [update] = await database.db
      .collection('system.profile')
      .find({ op: 'update', ns: `${database.db.databaseName}.bars` })
      .toArray()
    // With further fields MongoDB plans a query for each; test/unit/mongo/bulk.test.ts has the filter for shards.
    assert.deepEqual(update?.['command'].q, { _id: bar._id })

    await database.bars.updateOne({ _id: bar._id }, { $set: { timeframe: 'by hand' } })
    const newer = { ...source, offset: 2 }
    const changed = aBar('AAPL', '1m', 60_000, 0, { source: newer })
    assert.equal(await storeBars(database, newer, writes(changed, false)), 0)
    assert.equal((await database.bars.findOne({ _id: bar._id }))?.timeframe, '1m')
  })
})

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { readEnv } from '@tapedeck/core'
import { ensureCollections, MONGO_VARIABLES, mongoConfig, type Database } from '@tapedeck/mongo'
import { openMarket } from '../../support/market.ts'

/** What expires: collection, index, seconds, and the timeframe it is for. */
async function expiries({ db }: Database): Promise<(string | number)[][]> {
  const found: (string | number)[][] = []
  for (const name of ['trades', 'late_trades', 'bars', 'forecasts']) {
    for (const index of await db.collection(name).listIndexes().toArray()) {
      const { name: own, expireAfterSeconds, partialFilterExpression } = index
      if (expireAfterSeconds === undefined) continue
      const timeframe = partialFilterExpression?.timeframe
      found.push([name, own, expireAfterSeconds, ...(timeframe === undefined ? [] : [timeframe])])
    }
  }
  return found
}

it(
  'raises, lowers and removes what expires in an existing database',
  { timeout: 60_000 },
  async (t) => {
    const { database } = await openMarket(t)
    const apply = (env: Record<string, string>): Promise<void> => {
      const values = readEnv({ MONGODB_URI: 'mongodb://ignored', ...env }, MONGO_VARIABLES)
      return ensureCollections(database, mongoConfig(values))
    }
    const ttl = {
      TRADES_TTL: '2d',
      LATE_TRADES_TTL: '1h',
      FORECASTS_TTL: '3d',
      BARS_TTL: '1s=1d,1m=9d'
    }
    await apply(ttl)
    const first = [
      ['trades', 'tradedAt_1', 172_800],
      ['late_trades', 'receivedAt_1', 3600],
      ['bars', 'expire_1s', 86_400, '1s'],
      ['bars', 'expire_1m', 777_600, '1m'],
      ['forecasts', 'targetEnd_1', 259_200]
    ]
    assert.deepEqual(await expiries(database), first)

    // A command that only reads has no say in it.
    await ensureCollections(database)
    assert.deepEqual(await expiries(database), first)

    await database.bars.createIndex({ updatedAt: 1 }, { expireAfterSeconds: 99_999 })
    await apply({ TRADES_TTL: '1m', LATE_TRADES_TTL: '9d', BARS_TTL: '5s=2d, 1m=9d' })
    assert.deepEqual(await expiries(database), [
      ['trades', 'tradedAt_1', 60],
      ['late_trades', 'receivedAt_1', 777_600],
      ['bars', 'expire_1m', 777_600, '1m'],
      ['bars', 'updatedAt_1', 99_999],
      ['bars', 'expire_5s', 172_800, '5s']
    ])

    await apply({})
    assert.deepEqual(await expiries(database), [['bars', 'updatedAt_1', 99_999]])
  }
)

it('refuses a retention by timeframe that it cannot read', () => {
  for (const found of ['1s', '1s=', '7x=2d', '1s=1h', '1s=2d,1s=3d']) {
    const env = { MONGODB_URI: 'mongodb://ignored', BARS_TTL: found }
    assert.throws(() => readEnv(env, MONGO_VARIABLES), /BARS_TTL.*timeframe=duration.*at least 1d/)
  }
})

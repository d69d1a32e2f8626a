import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Database } from '@tapedeck/mongo'
import { BSON } from '@tapedeck/mongo/testing'
import fc from 'fast-check'
import { aChange, aScore } from '../../support/forecast-parts.ts'
import {
  aBar,
  aFeedStatus,
  aForecast,
  aGap,
  aLateTrade,
  aSymbol,
  aTrade,
  T0_MS
} from '../../support/market-documents.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { OwnScope } from '../../support/scope.ts'
import { runningApi, untilReady } from './running-api.ts'

const MINUTE_MS = 60_000
const scope = new OwnScope()
const { Decimal128, Double, Long, ObjectId } = BSON

/** What back-fills by hand have put into fields, and what they may. */
const ODD: readonly unknown[] = [
  undefined,
  null,
  NaN,
  Infinity,
  -Infinity,
  -1,
  0,
  1.5,
  1e300,
  1e-300,
  2 ** 53,
  '',
  'text',
  '1.5',
  '2026-11-27T10:00:00',
  'AAPL|1m|0',
  '__proto__',
  true,
  new Date(0),
  new Date(-1),
  new Date(Date.UTC(1900, 0)),
  new Date(8.64e15),
  new Date(Date.UTC(9999, 11, 31)),
  Decimal128.fromString('1.5'),
  Decimal128.fromString('NaN'),
  Long.fromString('999999999999999999'),
  new Double(2),
  new ObjectId(),
  new BSON.MinKey(),
  new BSON.Timestamp(5n),
  /a/,
  new Uint8Array(3),
  [],
  [1],
  ['a', 2],
  [new Date(T0_MS)],
  {},
  { a: 1 },
  [{ symbol: 'X' }]
]

const DAY = 'from=0&to=9999999999999'
const GOOD = {
  trades: aTrade('GOOD', 1000),
  lateTrades: aLateTrade('GOOD', 2000, 'too late', 500),
  bars: aBar('GOOD', '1m', MINUTE_MS, 0),
  forecasts: aForecast('GOOD', 0, { error: 0.1, naiveError: 0.2 }),
  forecastScores: aScore('GOOD', '1m', 1),
  forecastEvents: aChange('GOOD', '1m', 1, new Date(T0_MS)),
  forecastAbsences: {
    _id: 'GOOD|1m|1|gap|2025-01-31',
    symbol: 'GOOD',
    timeframe: '1m',
    horizon: 1,
    reason: 'gap',
    tradeDate: '2025-01-31',
    from: new Date(T0_MS),
    to: new Date(T0_MS)
  },
  symbols: aSymbol('GOOD'),
  subscriptions: { _id: 'GOOD', wanted: true, by: 'test', at: new Date(T0_MS) },
  feedGaps: aGap('GOOD', 0, 5000),
  feedStatus: aFeedStatus({ _id: 'GOOD' })
} as const
type Collection = keyof typeof GOOD
const COLLECTIONS = Object.keys(GOOD) as Collection[]

/** A document with some fields that do not fit, of the symbol of the good one or of another. */
const oddDocument = fc.constantFrom(...COLLECTIONS).chain((collection) => {
  const names = Object.keys(GOOD[collection])
  return fc.record({
    collection: fc.constant(collection),
    changes: fc.dictionary(fc.constantFrom(...names), fc.constantFrom(...ODD), {
      minKeys: 1,
      maxKeys: 3
    }),
    isOther: fc.boolean()
  })
})

/** Every route that reads, the trades of odd bars included. */
function routes(limit: number, barIds: readonly string[]): string[] {
  const some = `${DAY}&limit=${limit}`
  return [
    'symbols',
    'feed',
    `gaps?${some}`,
    `trades?${some}`,
    `trades?symbol=GOOD&${some}`,
    ...['1m', '5m', 'regular', '100t'].map((one) => `bars?timeframe=${one}&${some}`),
    ...barIds.map((id) => `bars/${encodeURIComponent(id)}/trades?limit=${limit}`),
    `late-trades?${some}`,
    `late-ages?${DAY}`,
    `trade-rate?${some}`,
    `forecasts?${some}`,
    `forecasts?over=made&${some}`,
    'forecast-summary',
    'forecast-scores',
    'forecast-scores/GOOD',
    `forecast-events?${some}`,
    `forecast-absences?${some}`
  ]
}

describe('documents that were written by hand', { timeout: 300_000 }, () => {
  let database: Database
  let base = ''

  before(async () => {
    const own = await ownDatabase(scope)
    database = own.database
    const { config } = own
    const { url, get } = await runningApi(scope, { uri: config.uri, database: config.database })
    await untilReady(get)
    base = url
  })
  after(() => scope.end())

  const ask = async (path: string) => {
    const response = await fetch(`${base}/api/v1/${path}`, { signal: AbortSignal.timeout(10_000) })
    return {
      status: response.status,
      text: await response.text(),
      leftOut: response.headers.get('tapedeck-unreadable')
    }
  }

  it('spoil only themselves, whatever is in them, on every route', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(oddDocument, { minLength: 1, maxLength: 12 }), async (odd) => {
        run++
        for (const collection of COLLECTIONS) {
          const all = database.db.collection<{ _id: string }>(database[collection].collectionName)
          await all.deleteMany({})
          const good = GOOD[collection]
          const documents = odd
            .filter((one) => one.collection === collection)
            .map(({ changes, isOther }, index) => {
              const symbol = isOther && 'symbol' in good ? { symbol: 'ODD' } : {}
              const _id = `${good._id.replace('GOOD', 'ODD')}-${index}`
              const made = { ...good, _id, ...symbol, ...changes }
              return isKey(made._id) ? made : { ...made, _id }
            })
          const inserted = await Promise.allSettled(
            documents.map((one) => all.insertOne(one as { _id: string }))
          )
          await all.replaceOne({ _id: good._id }, good, { upsert: true })
          assert.ok(inserted.length === documents.length)
        }
        const bars = await database.bars.find().toArray()
        const ids = bars.map(({ _id }) => _id as unknown).filter((id) => typeof id === 'string')
        for (const path of routes(100 + run, ['GOOD|1m|0', ...ids])) {
          const { status, text } = await ask(path)
          assert.ok(status < 500, `${path} answers ${status}: ${text}`)
          if (status === 200) JSON.parse(text)
        }
        const symbols = JSON.parse((await ask('symbols')).text) as { symbols: { symbol: string }[] }
        assert.ok(symbols.symbols.some(({ symbol }) => symbol === 'GOOD'))
        const trades = JSON.parse((await ask(`trades?symbol=GOOD&${DAY}&limit=${run}`)).text) as {
          trades: { id: string }[]
        }
        assert.ok(trades.trades.length > 0)
        for (const [path, id] of [
          [`trades?${DAY}&limit=${1000 + run}`, GOOD.trades._id],
          [`bars?timeframe=1m&${DAY}&limit=${1000 + run}`, GOOD.bars._id],
          [`forecasts?${DAY}&limit=${1000 + run}`, GOOD.forecasts._id],
          [`gaps?${DAY}&limit=${1000 + run}`, GOOD.feedGaps._id]
        ] as const) {
          const { text } = await ask(path)
          assert.ok(text.includes(`"id":"${id}"`), `${path} has no ${id}: ${text.slice(0, 400)}`)
        }
      }),
      {
        numRuns: 25,
        examples: [[[{ collection: 'bars', changes: { policy: 'text' }, isOther: false }]]]
      }
    )
  })
})

/** Values that MongoDB takes as an `_id`. */
function isKey(value: unknown): boolean {
  return value !== undefined && !Array.isArray(value) && !(value instanceof RegExp)
}

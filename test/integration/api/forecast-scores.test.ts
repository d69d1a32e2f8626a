import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { FORECAST_MODELS, type TradeRecord } from '@tapedeck/domain'
import type { Database, ForecastScoreDocument } from '@tapedeck/mongo'
import { countScores } from '../../support/count-scores.ts'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { OwnScope, type Scope } from '../../support/scope.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'
import { runningApi, untilReady } from './running-api.ts'

// Goal: a score that a reader sees can be counted again from the forecasts and outcomes alone.
// Method: the real consumer on a seeded tape with all that makes scoring hard (a price that stands
// still, minutes without a trade, a late trade that rewrites an outcome); then MongoDB counts.

const MINUTES = 150
const MINUTE_MS = 60_000
const SYMBOLS = ['AAPL', 'BINANCE:BTCUSDT'] as const
const HORIZONS = [1, 5]
const RULES = { FORECASTS: '1m:20:1,1m:60:5', TIMEFRAMES: '1m' } as const
/** Series and models. */
const SERIES_COUNT = SYMBOLS.length * HORIZONS.length * FORECAST_MODELS.length
const LATE_CLOSE = 229
/** Relative; sums in another order differ in their last digits. */
const TOLERANCE = 1e-9

const isQuiet = (minute: number): boolean => minute === 120 || minute === 121
const isFlat = (minute: number): boolean => minute >= 95 && minute < 112

/** Two trades a minute and symbol, the price on a walk. */
function tape(): TradeRecord[] {
  let state = 11
  const step = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return ((state >>> 8) % 41) - 20
  }
  const cents = new Map<string, number>([
    ['AAPL', 23_000],
    ['BINANCE:BTCUSDT', 6_000_000]
  ])
  const records: TradeRecord[] = []
  const add = (symbol: string, t: number, price: number): void => {
    const trades = [aTrade({ p: price / 100, t })]
    records.push(aRecord({ symbol, frame: records.length + 1, receivedAt: t + 30, trades }))
  }
  for (let minute = 0; minute < MINUTES; minute++) {
    for (const second of [5, 45]) {
      for (const symbol of SYMBOLS) {
        const price = (cents.get(symbol) ?? 0) + (isFlat(minute) ? 0 : step())
        cents.set(symbol, price)
        if (symbol === 'AAPL' && isQuiet(minute)) continue
        add(symbol, START_MS + minute * MINUTE_MS + second * 1000, price)
      }
    }
  }
  return records
}

interface Harness {
  readonly database: Database
  readonly scores: readonly ForecastScoreDocument[]
  readonly uri: string
  readonly name: string
}

async function scoredTape(t: Scope): Promise<Harness> {
  const market = await openMarket(t)
  const records = tape()
  await market.publish(records)
  const service = await inService(t, (context) => startConsumer(market.consumer(RULES), context))
  const { database } = market
  const open = { status: 'open', target: { $lt: new Date(START_MS + 149 * MINUTE_MS) } } as const
  const isScored = { status: 'scored', target: new Date(START_MS + 148 * MINUTE_MS) } as const
  await eventually(
    async () => {
      assert.equal(await database.forecasts.countDocuments(isScored), SERIES_COUNT)
      assert.equal(await database.forecasts.countDocuments(open), 0)
    },
    { timeoutMs: 60_000 }
  )
  // Late: it becomes the close of a minute whose forecasts are scored.
  const late = aTrade({ p: LATE_CLOSE, t: START_MS + 130 * MINUTE_MS + 59_000 })
  const receivedAt = START_MS + MINUTES * MINUTE_MS
  await market.publish([aRecord({ frame: records.length + 1, receivedAt, trades: [late] })])
  await eventually(async () => {
    const rewritten = { scoreRevision: 1, actual: LATE_CLOSE }
    assert.equal(await database.forecasts.countDocuments(rewritten), SERIES_COUNT / SYMBOLS.length)
  })
  await service.stop()
  const scores = await database.forecastScores.find().sort({ _id: 1 }).toArray()
  const { MONGODB_URI: uri = '', MONGODB_DB: name = '' } = market.env
  return { database, scores, uri, name }
}

describe('forecast_scores', { timeout: 120_000 }, () => {
  const scope = new OwnScope()
  let harness: Harness

  before(async () => {
    harness = await scoredTape(scope)
  })

  it('have more than sixty scored forecasts of every series and model', () => {
    assert.equal(harness.scores.length, SERIES_COUNT)
    for (const { _id, total } of harness.scores) assert.ok(Number(total['n']) > 60, _id)
  })

  it('rest on misses of both bands, ties, voids and a rewritten outcome', async () => {
    const { forecasts } = harness.database
    for (const condition of [
      { inBand: false },
      { inOls: false },
      { bandFrom: 'adaptive', status: 'scored' },
      { naiveError: 0 },
      { status: 'void', reason: 'no trade in the target bar' },
      { scoreRevision: 1, actual: LATE_CLOSE }
    ] as const) {
      assert.ok((await forecasts.countDocuments(condition)) > 0, JSON.stringify(condition))
    }
  })

  for (const [field, newest] of [
    ['total', undefined],
    ['day', undefined],
    ['last500', 500],
    ['last50', 50]
  ] as const) {
    it(`${field}: equal what a pipeline counts over the forecasts`, async () => {
      for (const score of harness.scores) {
        const { symbol, timeframe, horizon, model } = score
        const series = { symbol, timeframe, horizon, model }
        const counted = await countScores(harness.database, series, newest)
        assert.ok(counted !== undefined)
        for (const [name, expected] of Object.entries(counted)) {
          const found: unknown = score[field][name]
          assert.ok(
            found === expected || isClose(Number(found), Number(expected)),
            `${score._id} ${name} is ${String(found)}, expected ${String(expected)}`
          )
        }
      }
    })
  }

  it('are what the api answers, flat and nested', async () => {
    const api = await runningApi(scope, { uri: harness.uri, database: harness.name })
    await untilReady(api.get)
    const flat = await api.get('/api/v1/forecast-scores?symbol=AAPL&horizon=5&model=shrunk')
    const nested = await api.get('/api/v1/forecast-scores/AAPL?horizon=5&model=shrunk')
    const [row] = flat.body['scores'] as Record<string, unknown>[]
    const [tree] = nested.body['scores'] as Record<string, Record<string, unknown>>[]
    const stored = harness.scores.find(({ _id }) => _id === 'AAPL|1m|5|shrunk')
    for (const name of ['n', 'mae', 'skill', 'hitLower', 'coverageBand', 'winklerOls']) {
      const expected = stored?.last50[name]
      assert.equal(row?.[`last50${name.charAt(0).toUpperCase()}${name.slice(1)}`], expected, name)
      assert.equal(tree?.['last50']?.[name], expected, name)
    }
    assert.deepEqual(
      { label: row?.['label'], p: row?.['p'] },
      { label: stored?.label, p: stored?.p }
    )
  })

  after(() => scope.end())
})

function isClose(found: number, expected: number): boolean {
  return Math.abs(found - expected) <= TOLERANCE * Math.max(Math.abs(found), Math.abs(expected))
}

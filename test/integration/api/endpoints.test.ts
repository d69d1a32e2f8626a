import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { aChange, aScore } from '../../support/forecast-parts.ts'
import { GOLDEN_ROW } from '../../support/golden-bar.ts'
import {
  aBar,
  aForecast,
  aLateTrade,
  aSymbol,
  aTrade,
  T0_MS
} from '../../support/market-documents.ts'
import { OwnScope } from '../../support/scope.ts'
import { ownDatabase } from '../../support/own-database.ts'
import { runningApi, untilReady, type Answer } from './running-api.ts'

type Row = Record<string, number | string | boolean | null | string[]>

const options = { timeout: 60_000 }
const MINUTE_MS = 60_000
const scope = new OwnScope()
let get: (path: string) => Promise<Answer>

async function rowsOf(path: string): Promise<Row[]> {
  const { status, body } = await get(`/api/v1/${path}`)
  assert.equal(status, 200, JSON.stringify(body))
  const [name = ''] = Object.keys(body).filter((key) => !['mode', 'changeable'].includes(key))
  return body[name] as Row[]
}

/** Symbol and minute of each row. */
function keysOf(rows: Row[]): string[] {
  return rows.map(({ symbol, time }) => `${String(symbol)} ${(Number(time) - T0_MS) / MINUTE_MS}`)
}

async function rateOf(spanMs: number): Promise<unknown> {
  const bounds = `from=${T0_MS}&to=${T0_MS + spanMs}`
  const [rate] = await rowsOf(`trade-rate?symbol=AAPL&${bounds}`)
  return rate
}

const minute = (index: number): Date => new Date(T0_MS + index * MINUTE_MS)
const range = `from=${T0_MS}&to=${T0_MS + 3_600_000}`

describe('the endpoints of the api', options, () => {
  before(async () => {
    const { database, config } = await ownDatabase(scope)
    await database.trades.insertMany([
      ...[4, 0, 2, 1, 3].map((index) => aTrade('AAPL', index * 1000)),
      // One millisecond, several trades: in the order of the feed, not of their texts.
      ...[10, 9, 2].map((index) => aTrade('MSFT', 500, { _id: `m-1-${index}`, price: index })),
      aTrade('MSFT', 500, { _id: 'm-12-0', price: 12, conditions: null })
    ])
    await database.bars.insertMany([
      ...[2, 0, 1].map((index) => aBar('AAPL', '1m', MINUTE_MS, index)),
      aBar('MSFT', '1m', MINUTE_MS, 1, {
        status: 'revised',
        revision: 2,
        revisionCause: 'late trades',
        lateCount: 3,
        lateVolume: 30,
        coverage: 0.75,
        gapIds: ['g1', 'g2']
      }),
      aBar('MSFT', '5m/1m', MINUTE_MS, 2),
      aBar('MSFT', '100t', MINUTE_MS, 2, { _id: 'MSFT|100t|c-1-0' }),
      aBar('OLD', '1m', MINUTE_MS, 1, {
        open: null,
        high: null,
        low: null,
        close: null,
        vwap: null
      }),
      aBar('AAPL', '1s', 1000, 0, { tradeCount: 7 }),
      aBar('AAPL', '1h', 3_600_000, 0, { tradeCount: 7200 })
    ])
    await database.lateTrades.insertMany([
      aLateTrade('AAPL', 60_000, 'too late', 90_000_000),
      aLateTrade('AAPL', 61_000, 'redelivered', 1500),
      aLateTrade('AAPL', 62_000, 'redelivered', 1700),
      aLateTrade('MSFT', 60_500, 'from the future', 61_000)
    ])
    await database.forecasts.insertMany([
      aForecast('AAPL', 1, { error: 0.2, naiveError: -0.4 }),
      aForecast('AAPL', 2, { error: -0.4, naiveError: 0.8 }),
      aForecast('AAPL', 3, undefined),
      aForecast('OLD', 1, { error: 0.5, naiveError: 0.5 }),
      aForecast('OTHER', 1, { error: 0.5, naiveError: 0.25 })
    ])
    await database.forecasts.insertMany([
      aForecast('AAPL', 2, undefined, { _id: 'AAPL|shrunk', model: 'shrunk' }),
      aForecast('AAPL', 6, undefined, { _id: 'AAPL|5', horizon: 5, madeFrom: minute(1) })
    ])
    await database.forecastScores.insertMany([
      aScore('AAPL', '1m', 5),
      aScore('AAPL', '1m', 1),
      aScore('AAPL', '1m', 1, { model: 'shrunk', label: 'better than naive' }),
      aScore('OTHER', '5s', 12)
    ])
    await database.forecastEvents.insertMany([
      aChange('AAPL', '1m', 1, minute(2)),
      aChange('OTHER', '5s', 12, minute(1))
    ])
    await database.forecastAbsences.insertOne({
      _id: 'AAPL|1m|5|feed gap|2025-01-31',
      symbol: 'AAPL',
      timeframe: '1m',
      horizon: 5,
      reason: 'feed gap',
      tradeDate: '2025-01-31',
      from: minute(3),
      to: minute(8)
    })
    await database.symbols.insertMany([aSymbol('OLD'), aSymbol('AAPL', { feed: 'finnhub' })])
    const api = await runningApi(scope, { uri: config.uri, database: config.database })
    get = api.get
    await untilReady(get)
  })
  after(() => scope.end())

  it('symbols: configured ones in their order, then what was seen, and where it comes from', async () => {
    const { body } = await get('/api/v1/symbols')
    assert.deepEqual(body, {
      mode: 'mixed',
      changeable: false,
      symbols: [
        {
          symbol: 'AAPL',
          configured: true,
          wanted: true,
          standing: null,
          reason: null,
          feed: 'finnhub',
          lastPrice: 101,
          lastTradeAt: T0_MS + 5000,
          firstSeenAt: T0_MS
        },
        {
          symbol: 'MSFT',
          configured: true,
          wanted: true,
          standing: null,
          reason: null,
          feed: null,
          lastPrice: null,
          lastTradeAt: null,
          firstSeenAt: null
        },
        {
          symbol: 'OLD',
          configured: false,
          wanted: false,
          standing: null,
          reason: null,
          feed: 'simulated',
          lastPrice: 101,
          lastTradeAt: T0_MS + 5000,
          firstSeenAt: T0_MS
        }
      ]
    })
  })

  it('trades: every field, ascending, times as epoch ms and ISO text', async () => {
    const rows = await rowsOf(`trades?symbol=AAPL&${range}`)
    assert.deepEqual(
      rows.map(({ time }) => time),
      [0, 1, 2, 3, 4].map((index) => T0_MS + index * 1000)
    )
    assert.deepEqual(rows[0], {
      id: 'AAPL-0-0',
      symbol: 'AAPL',
      time: T0_MS,
      tradedAt: '2025-01-31T15:00:00.000Z',
      price: 100,
      size: 10,
      conditions: ['1', '12'],
      session: 'regular',
      tradeDate: '2025-01-31',
      eligible: 'price and volume',
      receivedAt: T0_MS + 30,
      feed: 'simulated'
    })
  })

  it('trades: those of one millisecond come in the order of the feed', async () => {
    const rows = await rowsOf(`trades?symbol=MSFT&${range}`)
    assert.deepEqual(
      rows.map(({ price }) => price),
      [2, 9, 10, 12]
    )
    assert.equal(rows.at(-1)?.['conditions'], null)
  })

  it('limit takes the newest rows and answers them ascending', async () => {
    const rows = await rowsOf(`trades?symbol=AAPL&limit=2&${range}`)
    assert.deepEqual(
      rows.map(({ time }) => time),
      [T0_MS + 3000, T0_MS + 4000]
    )
    const bars = await rowsOf(`bars?symbol=AAPL&limit=1&${range}`)
    assert.deepEqual(
      bars.map(({ time }) => time),
      [T0_MS + 2 * MINUTE_MS]
    )
  })

  it('from is inclusive, to exclusive, in both forms of time', async () => {
    const ms = `from=${T0_MS + 1000}&to=${T0_MS + 3000}`
    const iso = 'from=2025-01-31T15:00:01Z&to=2025-01-31T10:00:03-05:00'
    for (const bounds of [ms, iso]) {
      const rows = await rowsOf(`trades?symbol=AAPL&${bounds}`)
      assert.deepEqual(
        rows.map(({ time }) => time),
        [T0_MS + 1000, T0_MS + 2000]
      )
    }
    const bars = await rowsOf(`bars?symbol=AAPL&from=${T0_MS + MINUTE_MS}&to=${T0_MS + 120_000}`)
    assert.deepEqual(
      bars.map(({ time }) => time),
      [T0_MS + MINUTE_MS]
    )
    const between = await rowsOf(`bars?symbol=AAPL&from=${T0_MS + 1}&to=${T0_MS + MINUTE_MS + 1}`)
    assert.deepEqual(
      between.map(({ time }) => time),
      [T0_MS + MINUTE_MS]
    )
  })

  it('bars: every field of the contract and no internal field', async () => {
    const [bar] = await rowsOf(`bars?symbol=MSFT&${range}`)
    assert.deepEqual(bar, {
      ...GOLDEN_ROW,
      id: `MSFT|1m|${T0_MS + MINUTE_MS}`,
      symbol: 'MSFT',
      time: T0_MS + MINUTE_MS,
      end: T0_MS + 2 * MINUTE_MS,
      open: 100,
      high: 102,
      low: 99,
      close: 101,
      volume: 40,
      notional: 4020,
      vwap: 100.5,
      changePercent: 100 * (101 / 100 - 1),
      tradeCount: 4,
      firstTradeAt: T0_MS + MINUTE_MS + 1,
      lastTradeAt: T0_MS + 2 * MINUTE_MS - 1,
      status: 'revised',
      revision: 2,
      revisionCause: 'late trades',
      lateCount: 3,
      lateVolume: 30,
      coverage: 0.75,
      coveragePercent: 75,
      isComplete: false,
      gapIds: ['g1', 'g2']
    })
  })

  it('a bar without a price has nulls, not zeros', async () => {
    const [bar] = await rowsOf(`bars?symbol=OLD&${range}`)
    assert.deepEqual(
      { open: bar?.['open'], close: bar?.['close'], vwap: bar?.['vwap'] },
      { open: null, close: null, vwap: null }
    )
  })

  it('bars: complete only when ended and covered; null where that is unknown', async () => {
    const [first] = await rowsOf(`bars?symbol=AAPL&${range}`)
    assert.deepEqual(
      { isComplete: first?.['isComplete'], coveragePercent: first?.['coveragePercent'] },
      { isComplete: true, coveragePercent: 100 }
    )
  })

  it('bars: hopping and counted timeframes, their names URL-encoded or not', async () => {
    for (const timeframe of ['5m/1m', '5m%2F1m', '100t']) {
      const [bar, ...more] = await rowsOf(`bars?timeframe=${timeframe}&${range}`)
      assert.deepEqual(
        { timeframe: bar?.['timeframe'], more: more.length },
        { timeframe: decodeURIComponent(timeframe), more: 0 }
      )
    }
    for (const timeframe of ['5m/1m', '1000000usd']) {
      await rowsOf(`forecasts?timeframe=${timeframe}&${range}`)
      await rowsOf(`forecast-summary?timeframe=${timeframe}`)
    }
  })

  it('late-trades: by when they were received, with reason and distance', async () => {
    const rows = await rowsOf(`late-trades?${range}`)
    assert.deepEqual(
      rows.map(({ symbol, reason, byMs }) => ({ symbol, reason, byMs })),
      [
        { symbol: 'AAPL', reason: 'too late', byMs: 90_000_000 },
        { symbol: 'MSFT', reason: 'from the future', byMs: 61_000 },
        { symbol: 'AAPL', reason: 'redelivered', byMs: 1500 },
        { symbol: 'AAPL', reason: 'redelivered', byMs: 1700 }
      ]
    )
    assert.deepEqual(
      { time: rows[0]?.['time'], tradedAt: rows[0]?.['tradedAt'] },
      { time: T0_MS + 60_000, tradedAt: '2025-01-30T14:01:00.000Z' }
    )
    assert.equal((await rowsOf(`late-trades?symbol=MSFT&${range}`)).length, 1)
    assert.equal((await rowsOf(`late-trades?limit=1&${range}`))[0]?.['byMs'], 1700)
  })

  it('late-ages: counted by age, without rows when no trade was excluded', async () => {
    const rows = await rowsOf(`late-ages?${range}`)
    assert.deepEqual(
      rows.map(({ age, tooLate, redelivered, fromTheFuture }) => ({
        age,
        tooLate,
        redelivered,
        fromTheFuture
      })),
      [
        { age: 'under 1 s', tooLate: 0, redelivered: 0, fromTheFuture: 0 },
        { age: '1 to 10 s', tooLate: 0, redelivered: 2, fromTheFuture: 0 },
        { age: '10 to 60 s', tooLate: 0, redelivered: 0, fromTheFuture: 0 },
        { age: '1 to 60 min', tooLate: 0, redelivered: 0, fromTheFuture: 1 },
        { age: '1 to 24 h', tooLate: 0, redelivered: 0, fromTheFuture: 0 },
        { age: 'over 24 h', tooLate: 1, redelivered: 0, fromTheFuture: 0 }
      ]
    )
    assert.deepEqual(await rowsOf(`late-ages?symbol=OLD&${range}`), [])
    assert.deepEqual(await rowsOf(`late-ages?from=${T0_MS + 63_000}`), [])
  })

  it('several symbols, and all of them, come in one ascending list', async () => {
    const two = ['AAPL 0', 'AAPL 1', 'MSFT 1', 'AAPL 2']
    assert.deepEqual(keysOf(await rowsOf(`bars?symbol=MSFT,AAPL&${range}`)), two)
    const all = ['AAPL 0', 'AAPL 1', 'MSFT 1', 'OLD 1', 'AAPL 2']
    assert.deepEqual(keysOf(await rowsOf(`bars?symbol=*&${range}`)), all)
    assert.deepEqual(keysOf(await rowsOf(`bars?${range}`)), all)
    assert.deepEqual(keysOf(await rowsOf(`bars?limit=1&${range}`)), all.slice(-1))
    assert.equal((await rowsOf(`trades?symbol=*&${range}`)).length, 9)
    assert.equal((await rowsOf(`forecasts?symbol=AAPL,OLD&${range}`)).length, 6)
  })

  it('an unknown symbol has an empty list everywhere', async () => {
    for (const endpoint of [
      'trades',
      'bars',
      'forecasts',
      'forecast-events',
      'forecast-absences',
      'trade-rate',
      'late-trades',
      'late-ages'
    ]) {
      assert.deepEqual(await rowsOf(`${endpoint}?symbol=NOBODY&${range}`), [], endpoint)
    }
    for (const endpoint of ['forecast-summary', 'forecast-scores']) {
      assert.deepEqual(await rowsOf(`${endpoint}?symbol=NOBODY`), [], endpoint)
    }
  })

  it('forecasts: scored ones with errors and their size, open ones with nulls', async () => {
    const of = `forecasts?symbol=AAPL&horizon=1&model=linear-regression&${range}`
    const rows = await rowsOf(of)
    assert.deepEqual(
      rows.map(({ status }) => status),
      ['scored', 'scored', 'open']
    )
    assert.deepEqual(rows[1], {
      id: `AAPL|1m|${T0_MS + 2 * MINUTE_MS}|1|linear-regression`,
      symbol: 'AAPL',
      timeframe: '1m',
      horizon: 1,
      time: T0_MS + 2 * MINUTE_MS,
      targetEnd: T0_MS + 3 * MINUTE_MS,
      tradeDate: '2025-01-31',
      madeFrom: T0_MS + MINUTE_MS,
      createdAt: T0_MS + 2 * MINUTE_MS + 2000,
      leadSeconds: 58,
      timing: 'prompt',
      madeAtOffset: 9,
      model: 'linear-regression',
      modelVersion: 1,
      lookback: 20,
      n: 20,
      slope: 0.1,
      intercept: 98,
      r2: 0.8,
      standardError: 0.2,
      forecast: 100.1,
      bandLower: 100,
      bandUpper: 100.1 + 0.1,
      bandFrom: 'adaptive',
      lower: 99.6,
      upper: 100.6,
      lastClose: 100,
      naive: 100,
      drift: 100,
      scale: 0.05,
      status: 'scored',
      reason: null,
      actual: 100.1 - 0.4,
      actualRevision: 0,
      error: -0.4,
      absError: 0.4,
      naiveForecast: 100,
      naiveError: 0.8,
      absNaiveError: 0.8,
      driftError: 100.1 - 0.4 - 100,
      absDriftError: 100 - (100.1 - 0.4),
      inOls: true,
      inBand: false,
      scoreRevision: 0,
      corrections: [],
      scoredAt: T0_MS + 2 * MINUTE_MS + 62_000,
      feed: 'simulated'
    })
    for (const field of ['actual', 'error', 'absError', 'naiveError', 'absNaiveError', 'inBand']) {
      assert.equal(rows[2]?.[field], null, field)
    }
  })

  it('forecasts: of every horizon and model by default', async () => {
    const of = `forecasts?symbol=AAPL&${range}`
    assert.equal((await rowsOf(of)).length, 5)
    assert.equal((await rowsOf(`${of}&horizon=5`)).length, 1)
    assert.equal((await rowsOf(`${of}&model=shrunk`)).length, 1)
    assert.equal((await rowsOf(`${of}&model=shrunk&horizon=5`)).length, 0)
    // As a dashboard asks where a timeframe has no horizon to choose.
    assert.equal((await rowsOf(`${of}&model=shrunk&horizon=`)).length, 1)
  })

  it('forecasts: over=made finds the newest one made, whose target lies beyond the range', async () => {
    const of = `forecasts?symbol=AAPL&horizon=5&from=${T0_MS}&to=${T0_MS + 2 * MINUTE_MS}`
    assert.deepEqual(await rowsOf(of), [])
    assert.deepEqual(keysOf(await rowsOf(`${of}&over=made&limit=1`)), ['AAPL 6'])
    const earlier = `forecasts?symbol=AAPL&horizon=5&from=${T0_MS}&to=${T0_MS + MINUTE_MS}`
    assert.deepEqual(await rowsOf(`${earlier}&over=made`), [])
  })

  it('forecast-summary: label and numbers of one model, a row a symbol and horizon', async () => {
    const rows = await rowsOf('forecast-summary?timeframe=1m')
    assert.deepEqual(
      rows.map(({ symbol, horizon, label, scored }) => ({ symbol, horizon, label, scored })),
      [
        { symbol: 'AAPL', horizon: 1, label: 'worse than naive', scored: 700 },
        { symbol: 'AAPL', horizon: 5, label: 'worse than naive', scored: 700 },
        { symbol: 'MSFT', horizon: 1, label: 'too few scores', scored: 0 },
        { symbol: 'MSFT', horizon: 5, label: 'too few scores', scored: 0 },
        { symbol: 'OTHER', horizon: 1, label: 'too few scores', scored: 0 },
        { symbol: 'OTHER', horizon: 5, label: 'too few scores', scored: 0 }
      ]
    )
    const shrunk = await rowsOf('forecast-summary?symbol=AAPL&model=shrunk&horizon=1')
    assert.deepEqual(
      shrunk.map(({ label, mae }) => ({ label, mae })),
      [{ label: 'better than naive', mae: 0.021 }]
    )
    const [none] = await rowsOf('forecast-summary?symbol=AAPL&timeframe=1h')
    assert.equal(none?.['verdict'], 'no forecast for this timeframe (FORECASTS)')
  })

  it('forecast-scores: by symbol, timeframe, horizon and model, filtered by each', async () => {
    const names = async (query: string): Promise<string[]> =>
      (await rowsOf(`forecast-scores${query}`)).map(
        ({ symbol, name }) => `${String(symbol)} ${String(name)}`
      )
    assert.deepEqual(await names(''), [
      'AAPL 1m +1 linear-regression',
      'AAPL 1m +1 shrunk',
      'AAPL 1m +5 linear-regression',
      'OTHER 5s +12 linear-regression'
    ])
    assert.equal((await names('?symbol=OTHER,AAPL&timeframe=1m&horizon=1')).length, 2)
    assert.equal((await names('?model=shrunk')).length, 1)
    const { body } = await get('/api/v1/forecast-scores/AAPL?horizon=5')
    assert.equal((body['scores'] as Row[]).length, 1)
  })

  it('forecast-events and forecast-absences: what touches the range, with a text', async () => {
    const [event, ...more] = await rowsOf(`forecast-events?symbol=AAPL&timeframe=1m&${range}`)
    assert.deepEqual(
      { time: event?.['time'], modelVersion: event?.['modelVersion'], more: more.length },
      { time: +minute(2), modelVersion: 2, more: 0 }
    )
    assert.match(
      String(event?.['text']),
      /^AAPL 1m \+1: errors of linear-regression rose permanently/
    )
    assert.equal((await rowsOf(`forecast-events?${range}`)).length, 2)
    const within = `from=${+minute(4)}&to=${+minute(5)}`
    const [absence] = await rowsOf(`forecast-absences?symbol=AAPL&${within}`)
    assert.deepEqual(
      { reason: absence?.['reason'], time: absence?.['time'], timeEnd: absence?.['timeEnd'] },
      { reason: 'feed gap', time: +minute(3), timeEnd: +minute(8) }
    )
    assert.deepEqual(await rowsOf(`forecast-absences?from=${+minute(9)}&to=${+minute(10)}`), [])
  })

  it('trade-rate: from bars of one second, one minute or one hour, by the span', async () => {
    assert.deepEqual(await rateOf(900_000), { symbol: 'AAPL', time: T0_MS, tradesPerSecond: 7 })
    const perMinute = { symbol: 'AAPL', time: T0_MS, tradesPerSecond: 4 / 60 }
    assert.deepEqual(await rateOf(900_001), perMinute)
    const hour = { symbol: 'AAPL', time: T0_MS, tradesPerSecond: 2 }
    assert.deepEqual(await rateOf(90_000_000), hour)
  })

  it('bad parameters: 400 that names every field, on every route', async () => {
    for (const endpoint of ['trades', 'bars', 'forecasts', 'forecast-events', 'trade-rate']) {
      const bad = 'symbol=A,,B&timeframe=7m&from=soon&to=late&limit=10001&pge=1'
      const { status, body } = await get(`/api/v1/${endpoint}?${bad}`)
      assert.equal(status, 400, endpoint)
      assert.equal(body.error?.code, 'REQUEST_INVALID')
      const fields = body.error?.problems?.map(({ field }) => field).toSorted()
      assert.deepEqual(fields, ['from', 'limit', 'pge', 'symbol', 'timeframe', 'to'], endpoint)
      assert.equal(body.error?.field, body.error?.problems?.[0]?.field)
    }
    const { status, body } = await get('/api/v1/symbols?symbol=AAPL')
    assert.deepEqual({ status, field: body.error?.field }, { status: 400, field: 'symbol' })
  })

  it('without a range: the last quarter of an hour, the last 500 windows', async () => {
    assert.deepEqual(await rowsOf('trades?symbol=AAPL'), [])
    assert.deepEqual(await rowsOf('bars?symbol=AAPL&timeframe=1s'), [])
  })
})

import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  createRun,
  findBars,
  findForecasts,
  findForecastScores,
  findLateTrades,
  findQuotes,
  findRunsInMotion,
  findTaskStates,
  findTrades
} from '@tapedeck/mongo'
import { aRun } from '../../support/batch-documents.ts'
import { aScore } from '../../support/forecast-parts.ts'
import { aBar, aForecast, aLateTrade, aTrade, T0_MS } from '../../support/market-documents.ts'
import { ownDatabase } from '../../support/own-database.ts'

const TIMEOUT_MS = 2500
const ANY_SERIES = { timeframe: undefined, horizon: undefined, model: undefined }

interface Profile {
  readonly planSummary: string
  readonly docsExamined: number
  readonly hasSortStage?: boolean
  readonly op: string
  readonly command: { readonly distinct?: string; readonly find?: string }
}

// Goal: the cost of a read is that of its rows, whatever else is stored.
// Method: MongoDB's own profiler writes down the plans that the reader's queries were run with.
it('reads go through the index, examine only the rows they answer and sort nothing', async (t) => {
  const { database } = await ownDatabase(t)
  const symbols = Array.from({ length: 20 }, (_, index) => `SYM${index}`)
  const indexes = Array.from({ length: 50 }, (_, index) => index)
  await database.bars.insertMany(
    symbols.flatMap((symbol) => indexes.map((index) => aBar(symbol, '1m', 60_000, index)))
  )
  await database.trades.insertMany(
    symbols.flatMap((symbol) => indexes.map((index) => aTrade(symbol, index * 60_000)))
  )
  await database.forecasts.insertMany(
    symbols.flatMap((symbol) => indexes.map((index) => aForecast(symbol, index, undefined)))
  )
  await database.lateTrades.insertMany(
    symbols.flatMap((symbol) =>
      indexes.map((index) => aLateTrade(symbol, index * 60_000, 'too late', 90_000_000))
    )
  )
  const range = { fromMs: T0_MS, toMs: T0_MS + 40 * 60_000, limit: 10 }
  await database.db.command({ profile: 2 })
  for (const asked of [['SYM3'], ['SYM3', 'SYM4', 'SYM5'], undefined]) {
    const query = {
      ...range,
      symbols: asked,
      timeframe: '1m',
      horizon: undefined,
      model: undefined
    }
    for (const read of [findBars, findTrades, findForecasts, findLateTrades]) {
      assert.equal((await read(database, query, TIMEOUT_MS)).length, 10)
    }
  }
  await database.forecastScores.insertMany(symbols.map((symbol) => aScore(symbol, '1m', 1)))
  const series = { symbols: ['SYM3', 'SYM4'], ...ANY_SERIES }
  await findForecastScores(database, series, TIMEOUT_MS)
  await database.db.command({ profile: 0 })
  const [scores] = await database.db
    .collection<Profile>('system.profile')
    .find({ ns: /\.forecast_scores$/, op: 'query' })
    .toArray()
  assert.match(String(scores?.planSummary), /^IXSCAN \{ _id: 1 \}/)
  assert.equal(scores?.docsExamined, 2)
  const profiles = await database.db
    .collection<Profile>('system.profile')
    .find({ ns: /\.(bars|trades|forecasts|late_trades)$/ })
    .toArray()
  // Each read once, and once more the rows of the earliest time where some of them are beyond the limit: of each minute
  // there is a row for every symbol, and ten rows end within one where there are 3 or 20 symbols.
  assert.equal(profiles.filter(({ command }) => command.find !== undefined).length, 12 + 8)
  for (const { planSummary, docsExamined, hasSortStage, command } of profiles) {
    if (command.distinct !== undefined) {
      assert.match(planSummary, /^DISTINCT_SCAN/)
      continue
    }
    assert.match(planSummary, /^IXSCAN \{ symbol: 1/)
    assert.notEqual(hasSortStage, true)
    // A merge of several scans looks one row ahead in each.
    assert.ok(docsExamined <= 10 + symbols.length, `${docsExamined} documents examined`)
  }
})

it('the look for runs that changed examines those that may have, however many are stored', async (t) => {
  const { database } = await ownDatabase(t)
  for (const id of ['queued', 'running', 'ended']) await createRun(database, aRun(id))
  const run = await database.runs.findOne({ _id: 'queued' })
  assert.ok(run !== null)
  const [startedAt, endedAt] = [new Date(), new Date()]
  await database.runs.updateOne({ _id: 'running' }, { $set: { state: 'running', startedAt } })
  await database.runs.updateOne({ _id: 'ended' }, { $set: { state: 'failed', startedAt, endedAt } })
  const old = new Date(Date.now() - 3_600_000)
  await database.runs.insertMany(
    Array.from({ length: 2000 }, (_, at) => ({
      ...run,
      _id: `old-${at}`,
      state: 'succeeded' as const,
      queuedAt: old,
      endedAt: old
    }))
  )
  await database.db.command({ profile: 2 })
  const found = await findRunsInMotion(database, 30_000)
  const tasks = await findTaskStates(
    database,
    found.map(({ _id }) => _id)
  )
  await database.db.command({ profile: 0 })
  assert.deepEqual(found.map(({ _id }) => _id).toSorted(), ['ended', 'queued', 'running'])
  assert.deepEqual(
    tasks.get('queued')?.map(({ task, state }) => [task, state]),
    [
      ['extract', 'waiting'],
      ['store', 'waiting']
    ]
  )
  const profiles = await database.db
    .collection<Profile>('system.profile')
    .find({ ns: /\.(runs|task_runs)$/ })
    .toArray()
  assert.deepEqual(
    profiles
      .map(({ planSummary, docsExamined, hasSortStage = false }) => ({
        planSummary,
        docsExamined,
        hasSortStage
      }))
      .toSorted((a, b) => a.planSummary.localeCompare(b.planSummary)),
    [
      { planSummary: 'IXSCAN { endedAt: 1 }', docsExamined: 1, hasSortStage: false },
      { planSummary: 'IXSCAN { run: 1, index: 1 }', docsExamined: 6, hasSortStage: false },
      { planSummary: 'IXSCAN { state: 1, queuedAt: 1 }', docsExamined: 1, hasSortStage: false },
      { planSummary: 'IXSCAN { state: 1, queuedAt: 1 }', docsExamined: 1, hasSortStage: false }
    ]
  )
})

it('the quotes and the trade of each are one command, which examines one of each a symbol', async (t) => {
  const { database } = await ownDatabase(t)
  const symbols = Array.from({ length: 20 }, (_, index) => `SYM${index}`)
  await database.trades.insertMany(
    symbols.flatMap((symbol) =>
      Array.from({ length: 50 }, (_, index) => aTrade(symbol, index * 60_000))
    )
  )
  // The newest quote says that it was made in the second of the thirtieth trade.
  await database.restSnapshots.insertMany(
    symbols.flatMap((symbol) =>
      Array.from({ length: 10 }, (_, index) => ({
        _id: `${symbol}-${index}`,
        request: 'quote',
        symbol,
        target: '/quote',
        receivedAt: new Date(T0_MS + 3_600_000 + index * 1000),
        body: { c: 100 + index, t: (T0_MS + 30 * 60_000) / 1000 }
      }))
    )
  )
  await database.db.command({ profile: 2 })
  const quotes = await findQuotes(database, TIMEOUT_MS)
  await database.db.command({ profile: 0 })
  assert.equal(quotes.length, 20)
  for (const { price, trade } of quotes) {
    assert.equal(price, 109)
    assert.equal(trade?.tradedAt.getTime(), T0_MS + 30 * 60_000)
  }
  const profiles = await database.db
    .collection<Profile & { readonly keysExamined: number }>('system.profile')
    .find({ ns: /\.(rest_snapshots|trades)$/, op: { $in: ['query', 'command'] } })
    .toArray()
  assert.equal(profiles.length, 1)
  const [{ docsExamined, keysExamined, planSummary } = assert.fail()] = profiles
  assert.match(planSummary, /^DISTINCT_SCAN/)
  assert.ok(docsExamined <= 2 * symbols.length, `${docsExamined} documents examined`)
  assert.ok(keysExamined <= 4 * symbols.length, `${keysExamined} keys examined`)
})

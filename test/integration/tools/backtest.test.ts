import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { TradeRecord } from '@tapedeck/domain'
import { backtestCommand, runBacktest, type BacktestResult } from '@tapedeck/tools/testing'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { aRecord, START_MS } from '../../support/trades.ts'
import { resultOf, runTool } from './run-tool.ts'

const options = { timeout: 180_000 }
const MINUTE_MS = 60_000
const FORECASTS = '1m:20:1,1m:60:5,5s:60:12'
/** The last bar ends with the last trade, and is final soon after it. */
const RULES = { FORECASTS, TIMEFRAMES: '5s,1m', ALLOWED_DELAY: '200ms' } as const
const SYMBOLS = ['AAPL', 'MSFT', 'BINANCE:BTCUSDT'] as const

/** Some trades of three symbols a minute, in order, each symbol's last one just before the minute ends. */
function tape(minutes: number, seed: number): TradeRecord[] {
  let state = seed
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const prices: Record<string, number> = { AAPL: 15_000, MSFT: 40_000, 'BINANCE:BTCUSDT': 6e6 }
  const trades = Array.from({ length: minutes }, (_, minute) =>
    SYMBOLS.flatMap((symbol) => {
      const quiet = random() < 0.05 && minute < minutes - 1
      const seconds = quiet ? [] : Array.from({ length: 6 }, () => random() * 59)
      return [...seconds, ...(quiet ? [] : [59.95])].map((second) => {
        const cents = (prices[symbol] ?? 0) + Math.round((random() - 0.5) * 60)
        prices[symbol] = cents
        return {
          symbol,
          t: START_MS + minute * MINUTE_MS + Math.round(second * 1000),
          p: cents / 100
        }
      })
    })
  ).flat()
  return trades
    .toSorted((a, b) => a.t - b.t)
    .map(({ symbol, t, p }, index) =>
      aRecord({ symbol, frame: index + 1, receivedAt: t, trades: [{ p, t, v: 10, c: null }] })
    )
}

/** Trades of two symbols half an hour late, for bars that have left the consumer's memory. */
function lateRecords(receivedAt: number): TradeRecord[] {
  return ['AAPL', 'BINANCE:BTCUSDT'].map((symbol) => {
    const t = START_MS + 69 * MINUTE_MS + 59_990
    const p = symbol === 'AAPL' ? 161.5 : 61_234.5
    return aRecord({ symbol, receivedAt, trades: [{ p, t, v: 10, c: null }] })
  })
}

async function consumed(t: TestContext, steps: readonly TradeRecord[][]): Promise<Market> {
  const market = await openMarket(t)
  const service = await inService(t, (context) => startConsumer(market.consumer(RULES), context))
  for (const step of steps) {
    await market.publish(step)
    // Every bar of the step is final before the next step is read.
    const symbols = new Set(step.map(({ symbol }) => symbol))
    const lastMs = Math.max(...step.flatMap(({ trades }) => trades.map((trade) => trade.t)))
    await eventually(
      async () => {
        const open = await market.database.bars.countDocuments({ status: 'provisional' })
        const last = await market.database.bars.countDocuments({
          timeframe: '1m',
          start: new Date(lastMs - (lastMs % MINUTE_MS))
        })
        assert.ok(open === 0 && last === symbols.size)
      },
      { timeoutMs: 60_000 }
    )
  }
  await service.stop()
  return market
}

async function played(
  args: readonly string[],
  env: Record<string, string>
): Promise<BacktestResult> {
  const read = backtestCommand.read(args)
  assert.ok(read !== 'help')
  return runBacktest(read, { env, terminal: { progress: () => undefined }, now: () => 0 })
}

async function fileOf(t: TestContext, records: readonly TradeRecord[]): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapedeck-backtest-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  const file = path.join(folder, 'tape.ndjson')
  const lines = records.flatMap(({ symbol, trades }) =>
    trades.map((trade) => JSON.stringify({ s: symbol, ...trade }))
  )
  await writeFile(file, lines.join('\n'))
  return file
}

/** Compares every total and label that the consumer stored with the rows of a backtest. */
async function assertStored(market: Market, { rows }: BacktestResult): Promise<void> {
  const stored = await market.database.forecastScores.find().toArray()
  assert.equal(stored.length, SYMBOLS.length * 3 * 3)
  assert.equal(rows.length, stored.length)
  for (const row of rows) {
    const id = `${row.symbol}|${row.timeframe}|${row.horizon}|${row.model}`
    const one = stored.find(({ _id }) => _id === id)
    assert.ok(one !== undefined, id)
    assert.ok(Object.keys(one.total).length > 15)
    const totals = Object.fromEntries(
      Object.keys(one.total).map((field) => [field, row[field as keyof typeof row]])
    )
    assert.deepEqual(totals, one.total, id)
    assert.equal(row.label, one.label, id)
    const resolved = { symbol: row.symbol, timeframe: row.timeframe, horizon: row.horizon }
    const scored = { ...resolved, model: row.model, status: 'scored' as const }
    assert.equal(await market.database.forecasts.countDocuments(scored), row.n, id)
  }
}

describe('a backtest', () => {
  it(
    'gives exactly the scores of the consumer, from a tape and from stored trades',
    options,
    async (t) => {
      const records = tape(110, 3)
      const market = await consumed(t, [records])
      const result = await played(['--file', await fileOf(t, records)], RULES)
      assert.ok(result.rows.every(({ n }) => n > 30))
      await assertStored(market, result)

      const range = ['--from', '2026-03-10', '--to', '2026-03-10']
      await assertStored(market, await played(range, { ...market.env, ...RULES }))
    }
  )

  it(
    'rewrites the scores of bars that late trades revise, as the consumer does',
    options,
    async (t) => {
      const records = tape(130, 4)
      const until = (minute: number) => (record: TradeRecord) =>
        record.receivedAt < START_MS + minute * MINUTE_MS
      const early = records.filter(until(100))
      // A pause, so that the clock may advance the watermark while the consumer has nothing to read.
      const [first, ...others] = records.filter((record) => !until(110)(record))
      assert.ok(first !== undefined)
      const rest = [first, ...lateRecords(first.receivedAt), ...others].map((record, index) => ({
        ...record,
        frame: early.length + 1 + index
      }))
      const market = await consumed(t, [early, rest])
      const rewritten = await market.database.forecasts.countDocuments({ scoreRevision: 1 })
      assert.ok(rewritten > 0, 'late trades rewrote no score')

      const all = [...early, ...rest]
      await assertStored(market, await played(['--file', await fileOf(t, all)], RULES))
      const range = ['--from', '2026-03-10T14:00Z', '--to', '2026-03-10T18:00Z']
      await assertStored(market, await played(range, { ...market.env, ...RULES }))
    }
  )

  it(
    'prints one JSON object and exits with 0, or names every wrong argument and exits with 2',
    options,
    async (t) => {
      const file = await fileOf(t, tape(60, 5))
      const run = await runTool('backtest', {}, '--file', file, '--grid', '1m:20:1,5', '--json')
      assert.equal(run.code, 0, run.output)
      const { rows, counts } = resultOf(run) as BacktestResult
      assert.equal(rows.length, SYMBOLS.length * 2 * 3)
      assert.ok(counts.forecasts > 0)

      const wrong = await runTool(
        'backtest',
        {},
        '--file',
        file,
        '--grid',
        '1m:1:1',
        '--policy',
        'no'
      )
      assert.equal(wrong.code, 2)
      assert.match(wrong.output, /lookback 1, expected 3 to 1000/)
      assert.match(wrong.output, /--policy no found/)
      assert.equal((await runTool('backtest', {}, '--file', '/nowhere.ndjson')).code, 2)
    }
  )
})

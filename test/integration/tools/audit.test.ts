import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { allStored, DATE, disorderedTape, TIMEFRAMES } from './disordered-tape.ts'
import { resultOf, runTool } from './run-tool.ts'

const options = { timeout: 240_000 }

interface Audit {
  readonly isClean: boolean
  readonly trades: number
  readonly symbols: readonly {
    readonly symbol: string
    readonly equal: number
    readonly bars: number
  }[]
  readonly differences: readonly {
    readonly kind: string
    readonly symbol: string
    readonly timeframe: string
    readonly explanation: string
    readonly trades: readonly string[]
  }[]
}

async function consumed(
  t: TestContext,
  seed: number,
  more: Record<string, string> = {}
): Promise<Market> {
  const market = await openMarket(t)
  const records = disorderedTape(1500, seed)
  await market.publish(records)
  const env = { TIMEFRAMES, ...more }
  await inService(t, (context) => startConsumer(market.consumer(env), context))
  await allStored(market, records)
  return market
}

describe('npm run audit', () => {
  it('finds no difference in the bars of a disordered tape', options, async (t) => {
    const market = await consumed(t, 5)
    const env = { ...market.env, TIMEFRAMES }
    for (const date of [DATE, '2026-03-11']) {
      const run = await runTool('audit', env, '--date', date, '--json')
      assert.equal(run.code, 0, run.output)
      const { isClean, trades, symbols } = resultOf(run) as Audit
      assert.ok(isClean && trades > 500)
      assert.equal(symbols.length, 3)
      assert.ok(
        symbols.every(({ equal, bars }) => equal === bars && bars > 100),
        run.output
      )
    }
  })

  it('names a changed bar, a deleted bar, and every bar of a deleted trade', options, async (t) => {
    const market = await consumed(t, 6)
    const { bars, trades } = market.database
    const env = { ...market.env, TIMEFRAMES }
    const hour = await bars.findOne({ symbol: 'MSFT', timeframe: '1h', tradeDate: DATE })
    const trade = await trades.findOne({ symbol: 'AAPL', tradeDate: DATE, conditions: ['1'] })
    const second = await bars.findOne({
      symbol: 'BINANCE:BTCUSDT',
      timeframe: '1s',
      tradeDate: DATE
    })
    assert.ok(hour !== null && trade !== null && second !== null)
    await bars.updateOne({ _id: hour._id }, { $set: { close: 1 } })
    await trades.deleteOne({ _id: trade._id })
    await bars.deleteOne({ _id: second._id })
    const run = await runTool('audit', env, '--date', DATE, '--json', '--all')
    assert.equal(run.code, 1, run.output)
    const { differences } = resultOf(run) as Audit
    const of = (symbol: string) => differences.filter((one) => one.symbol === symbol)
    assert.deepEqual(
      of('MSFT').map(({ kind, timeframe }) => ({ kind, timeframe })),
      [{ kind: 'different', timeframe: '1h' }]
    )
    assert.match(
      run.output,
      /MSFT 1h \S+ {2}different: as many trades, other values.*\n +(.*; )?close 1 stored/
    )
    assert.deepEqual(
      of('BINANCE:BTCUSDT').map(({ kind, timeframe }) => ({ kind, timeframe })),
      [{ kind: 'missing', timeframe: '1s' }]
    )
    // One bar of every timeframe holds the deleted trade, and the audit names it.
    assert.ok(of('AAPL').length >= 8)
    const oneSecond = of('AAPL').find(({ timeframe }) => timeframe === '1s')
    assert.deepEqual(oneSecond?.trades, [trade._id])
    assert.ok(of('AAPL').every(({ trades: ids }) => ids.includes(trade._id)))
  })

  it('reports a bar that holds a trade of late_trades', options, async (t) => {
    const market = await consumed(t, 7)
    const { trades, lateTrades } = market.database
    const env = { ...market.env, TIMEFRAMES }
    const trade = await trades.findOne({ symbol: 'AAPL', tradeDate: DATE, conditions: ['1'] })
    assert.ok(trade !== null)
    await lateTrades.insertOne({ ...trade, reason: 'too late', byMs: 1 })
    const run = await runTool('audit', env, '--date', DATE, '--symbols', 'AAPL')
    assert.equal(run.code, 1)
    assert.match(run.output, new RegExp(`AAPL 1d .*it holds ${trade._id}, listed .* as too late`))
  })

  it('finds no difference where trades were excluded as too late', options, async (t) => {
    const market = await consumed(t, 8, { LATENESS_LIMIT: '30m' })
    assert.ok((await market.database.lateTrades.countDocuments()) > 20)
    const env = { ...market.env, TIMEFRAMES, LATENESS_LIMIT: '30m' }
    const run = await runTool('audit', env, '--date', DATE)
    assert.equal(run.code, 0, run.output)
    assert.match(run.output, /no difference/)
  })

  it('names every wrong argument at once and exits with 2', options, async () => {
    const run = await runTool(
      'audit',
      {},
      '--date',
      '2026-13-01',
      '--timeframes',
      '7m',
      '--fast',
      'x'
    )
    assert.equal(run.code, 2)
    for (const word of ['2026-13-01', "'7m'", '--fast', "'x'"]) {
      assert.ok(run.output.includes(word), run.output)
    }
    const nowhere = await runTool('audit', { TAPEDECK_DATA_DIR: '/nowhere' }, '--date', DATE)
    assert.deepEqual(
      { code: nowhere.code, namesVariable: /MONGODB_URI/.test(nowhere.output) },
      { code: 2, namesVariable: true }
    )
  })
})

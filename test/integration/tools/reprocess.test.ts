import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { TradeRecord } from '@tapedeck/domain'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket, type Market } from '../../support/market.ts'
import { aRecord, aTrade } from '../../support/trades.ts'
import {
  allStored,
  assertSame,
  contents,
  DATE,
  disorderedTape,
  TIMEFRAMES
} from './disordered-tape.ts'
import { resultOf, runTool } from './run-tool.ts'

const options = { timeout: 240_000 }
const RANGE = ['--from', DATE, '--to', '2026-03-11', '--json'] as const
const DATES = { tradeDate: { $in: [DATE, '2026-03-11'] } }

interface Report {
  readonly bars: number
  readonly equal: number
  readonly different: number
  readonly missing: number
  readonly unexpected: number
  readonly labelled: number
  readonly doubtful: number
  readonly open: number
  readonly fields: Readonly<Record<string, number>>
  readonly swap: {
    readonly replaced: number
    readonly inserted: number
    readonly skipped: Readonly<Record<string, number>>
  } | null
}

async function consumed(
  t: TestContext,
  records: readonly TradeRecord[],
  more: Readonly<Record<string, string>> = {}
): Promise<{ market: Market; stop(): Promise<boolean> }> {
  const market = await openMarket(t)
  await market.publish(records)
  const env = { TIMEFRAMES, ...more }
  const { stop } = await inService(t, (context) => startConsumer(market.consumer(env), context))
  await allStored(market, records)
  return { market, stop }
}

describe('npm run reprocess', () => {
  for (const source of ['trades', 'topic']) {
    it(`finds no difference under the same rules, from ${source}`, options, async (t) => {
      const { market } = await consumed(t, disorderedTape(1200, 21), { LATENESS_LIMIT: '1h' })
      const env = { ...market.env, TIMEFRAMES, LATENESS_LIMIT: '1h' }
      const before = await contents(market)
      const run = await runTool('reprocess', env, ...RANGE, '--source', source, '--swap', '--yes')
      assert.equal(run.code, 0, run.output)
      const { bars, equal, open } = resultOf(run) as Report
      assert.ok(bars > 1000 && equal === bars && open === 0, run.output)
      assertSame(await contents(market), before)
      assert.equal(await market.database.db.collection('bars_shadow').countDocuments(), bars)
    })
  }

  it('makes the bars that a consumer with another policy would make', options, async (t) => {
    const records = disorderedTape(1200, 22)
    const { market, stop } = await consumed(t, records)
    await stop()
    const other = await consumed(t, records, { CONDITION_POLICY: 'sip' })
    const env = { ...market.env, TIMEFRAMES, CONDITION_POLICY: 'sip' }
    // The running consumer would still add a late trade under its own policy.
    const early = await runTool('reprocess', env, ...RANGE, '--swap', '--yes')
    assert.equal(early.code, 1)
    assert.equal((resultOf(early) as Report).swap?.replaced, 0)
    assert.match(early.output, /not swapped: trades may still come in late.*CONDITION_POLICY/)

    await inService(t, (context) =>
      startConsumer(market.consumer({ TIMEFRAMES, CONDITION_POLICY: 'sip' }), context)
    )
    await nextTrades(market, records)
    const run = await runTool('reprocess', env, ...RANGE, '--swap', '--yes')
    assert.equal(run.code, 0, run.output)
    const report = resultOf(run) as Report
    assert.ok(report.different > 100 && report.labelled > 100 && report.doubtful === 0, run.output)
    assert.deepEqual(report.swap?.skipped, {})
    assertSame(await contents(market, DATES), await contents(other.market, DATES))
    const audit = await runTool('audit', env, '--date', DATE)
    assert.equal(audit.code, 0, audit.output)
    const revised = await market.database.bars.findOne({
      revisionCause: 'reprocessed',
      revision: { $gt: 0 }
    })
    assert.deepEqual(
      { status: revised?.status, policy: revised?.policy },
      { status: 'revised', policy: 'sip' }
    )
  })

  it('lets the consumer add a late trade to the swapped bars once', options, async (t) => {
    const records = disorderedTape(600, 23)
    const { market, stop } = await consumed(t, records)
    await stop()
    const sip = { TIMEFRAMES, CONDITION_POLICY: 'sip' }
    await inService(t, (context) => startConsumer(market.consumer(sip), context))
    await nextTrades(market, records)
    const env = { ...market.env, ...sip }
    const run = await runTool('reprocess', env, ...RANGE, '--swap', '--yes')
    assert.equal(run.code, 0, run.output)
    const day = { symbol: 'AAPL', timeframe: '1d', tradeDate: DATE }
    const before = await market.database.bars.findOne(day)
    await market.publish([
      aRecord({
        connection: '0mwz0000000a1',
        frame: 9999,
        receivedAt: Date.UTC(2026, 2, 18),
        trades: [aTrade({ p: 200, v: 7 }), aTrade({ p: 50, v: 9, c: ['1', '12'] })]
      })
    ])
    await eventually(async () => {
      const after = await market.database.bars.findOne(day)
      assert.equal(after?.tradeCount, (before?.tradeCount ?? 0) + 2)
      assert.deepEqual(
        { high: after?.high, revision: after?.revision },
        { high: 200, revision: (before?.revision ?? 0) + 1 }
      )
    })
    const audit = await runTool('audit', env, '--date', DATE, '--symbols', 'AAPL')
    // Activity bars follow tape order: the late trades are in the bar that was open when they came.
    assert.equal(audit.code, 0, audit.output)
  })

  it(
    'replaces a bar of other trades than the stored ones only with --force',
    options,
    async (t) => {
      const { market, stop } = await consumed(t, disorderedTape(600, 24))
      await stop()
      const { bars, trades } = market.database
      const trade = await trades.findOne({ symbol: 'AAPL', tradeDate: DATE, conditions: ['1'] })
      assert.ok(trade !== null)
      await trades.deleteOne({ _id: trade._id })
      const day = { symbol: 'AAPL', timeframe: '1d', tradeDate: DATE }
      const before = await bars.findOne(day)
      const env = { ...market.env, TIMEFRAMES: '1m,1d' }
      const cautious = await runTool('reprocess', env, ...RANGE, '--swap', '--yes')
      assert.equal(cautious.code, 1)
      assert.match(cautious.output, /AAPL 1d .* in doubt: a rebuild under its own policy feed/)
      assert.deepEqual(await bars.findOne(day), before)
      // Its windows ended longer ago than anything may still come in.
      const forced = { ...env, LATENESS_LIMIT: '1h' }
      const run = await runTool('reprocess', forced, ...RANGE, '--swap', '--yes', '--force')
      assert.equal(run.code, 0, run.output)
      const after = await bars.findOne(day)
      assert.equal(after?.tradeCount, (before?.tradeCount ?? 0) - 1)
      assert.deepEqual(after?.source, before?.source)
    }
  )

  it('inserts bars of a new timeframe once no trade can come in late', options, async (t) => {
    const { market } = await consumed(t, disorderedTape(600, 25), { LATENESS_LIMIT: '2h' })
    const env = { ...market.env, TIMEFRAMES, LATENESS_LIMIT: '2h' }
    const args = ['--from', DATE, '--to', DATE, '--timeframes', '30m', '--swap', '--yes', '--json']
    const run = await runTool('reprocess', env, ...args)
    assert.equal(run.code, 0, run.output)
    const made = await market.database.bars.find({ timeframe: '30m' }).toArray()
    assert.equal(made.length, (resultOf(run) as Report).swap?.inserted)
    const days = await market.database.bars.find({ timeframe: '1d', tradeDate: DATE }).toArray()
    assert.equal(total(made), total(days))
    const audit = await runTool('audit', env, '--date', DATE)
    assert.equal(audit.code, 0, audit.output)
  })

  it('uses the trades of late_trades with --include-late', options, async (t) => {
    const { market } = await consumed(t, disorderedTape(600, 26), { LATENESS_LIMIT: '10m' })
    const excluded = await market.database.lateTrades.countDocuments(DATES)
    assert.ok(excluded > 10)
    const env = { ...market.env, TIMEFRAMES: '1d', LATENESS_LIMIT: '10m' }
    const run = await runTool(
      'reprocess',
      env,
      ...RANGE,
      '--include-late',
      '--swap',
      '--yes',
      '--force'
    )
    assert.equal(run.code, 0, run.output)
    const days = await market.database.bars.find({ timeframe: '1d', ...DATES }).toArray()
    const effective = { ...DATES, eligible: { $ne: 'nothing' } }
    assert.equal(total(days), await market.database.trades.countDocuments(effective))
  })

  it(
    'names every wrong argument at once, and never swaps without a confirmation',
    options,
    async () => {
      const run = await runTool(
        'reprocess',
        {},
        '--to',
        'x',
        '--policy',
        'ours',
        '--force',
        '--source',
        'mongo'
      )
      assert.equal(run.code, 2)
      for (const word of [
        '--from is missing',
        '--to x',
        '--policy ours',
        '--force',
        '--source mongo'
      ]) {
        assert.ok(run.output.includes(word), run.output)
      }
      const unasked = await runTool('reprocess', {}, ...RANGE, '--swap')
      assert.deepEqual(
        { code: unasked.code, asksForYes: /--yes/.test(unasked.output) },
        { code: 2, asksForYes: true }
      )
      const backwards = await runTool('reprocess', {}, '--from', '2026-03-11', '--to', DATE)
      assert.deepEqual(
        { code: backwards.code, namesOrder: /not before --from/.test(backwards.output) },
        { code: 2, namesOrder: true }
      )
    }
  )
})

const total = (bars: readonly { readonly tradeCount: number }[]): number =>
  bars.reduce((sum, { tradeCount }) => sum + tradeCount, 0)

/** Publishes a trade of each symbol two days later, so that the consumer writes checkpoints under its rules. */
async function nextTrades(market: Market, records: readonly TradeRecord[]): Promise<void> {
  const last = records.at(-1)
  assert.ok(last !== undefined)
  const next = ['AAPL', 'MSFT', 'BINANCE:BTCUSDT'].map((symbol, i) =>
    aRecord({
      symbol,
      connection: last.connection,
      frame: last.frame + 1 + i,
      receivedAt: Date.UTC(2026, 2, 17),
      trades: [aTrade({ t: Date.UTC(2026, 2, 15) })]
    })
  )
  await market.publish(next)
  await eventually(async () => {
    const stored = await market.database.bars.countDocuments({
      timeframe: '1d',
      start: { $gte: new Date(Date.UTC(2026, 2, 13, 12)) }
    })
    assert.equal(stored, 3)
  })
}

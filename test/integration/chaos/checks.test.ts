import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startConsumer } from '@tapedeck/consumer'
import type { BarDocument, FeedGapDocument, TradeDocument } from '@tapedeck/mongo'
import { checkBars, type BarCheck } from '../../programs/bars/check-bars.ts'
import { BarRecount } from '../../programs/bars/expected-bars.ts'
import { CausedOutages } from '../../programs/chaos/caused-outages.ts'
import { checkOutages, type OutageCheck } from '../../programs/chaos/check-outages.ts'
import { checkTrades } from '../../programs/chaos/check-trades.ts'
import { Findings } from '../../programs/chaos/findings.ts'
import { runAudit, type AuditCheck } from '../../programs/chaos/run-audit.ts'
import { readTopicTruth } from '../../programs/chaos/topic-truth.ts'
import { eventually } from '../../support/eventually.ts'
import { inService } from '../../support/in-service.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'
import type { TapeTrade } from '../../support/tape.ts'

const TAPE: readonly TapeTrade[] = Array.from({ length: 120 }, (_, i) => ({
  s: i % 3 === 0 ? 'IBM' : 'SPY',
  p: 100 + (i % 7) / 100,
  t: START_MS + i * 1000,
  v: 10 + (i % 5)
}))

describe('the checks of a chaos run', { timeout: 60_000 }, () => {
  it('find a lost trade, a surplus trade and a different trade', async (t) => {
    const { database, kafka, publish } = await openMarket(t)
    const twice = aRecord({ frame: 1, trades: [aTrade({ p: 1 }), aTrade({ p: 2 })] })
    await publish([twice, aRecord({ frame: 2, symbol: 'MSFT' }), twice])
    const { trades: truth, records, repeated } = await readTopicTruth(kafka)
    assert.equal(truth.length, 3)
    assert.equal(records, 3)
    assert.equal(repeated, 1)
    const stored = truth.map(({ id, symbol, p, t: ms, v }) => ({
      _id: id,
      symbol,
      price: p,
      size: v,
      tradedAt: new Date(ms)
    })) as unknown as TradeDocument[]
    await database.trades.insertMany(stored)
    const good = new Findings()
    await checkTrades(database, truth, good)
    assert.deepEqual(good.shown, [])

    await database.trades.deleteOne({ _id: truth[0]!.id })
    await database.trades.updateOne({ _id: truth[1]!.id }, { $set: { price: 3 } })
    await database.trades.insertOne({ ...stored[2]!, _id: 'copy' })
    const bad = new Findings()
    const found = await checkTrades(database, truth, bad)
    assert.equal(found.lost, 1)
    assert.equal(found.repeated, 1)
    assert.equal(found.different, 1)
    assert.equal(bad.count, 3)
  })

  it('find a bar that is different, missing, surplus or of records that do not exist', async (t) => {
    const { database, kafka, publish, consumer } = await openMarket(t)
    const tape = TAPE.map(({ s, p, t: ms, v }, i) =>
      aRecord({ symbol: s, frame: i + 1, trades: [aTrade({ p, t: ms, v })] })
    )
    await publish(tape)
    const config = consumer({ CONDITION_POLICY: 'all', TIMEFRAMES: '1m', ALLOWED_DELAY: '2s' })
    const service = await inService(t, (context) => startConsumer(config, context))
    await eventually(async () => {
      assert.equal(await database.trades.countDocuments(), TAPE.length)
    })
    await service.stop()
    const { trades: truth, ends } = await readTopicTruth(kafka)
    const expected = new BarRecount(truth, 2000).bars('1m')
    const check = async (): Promise<BarCheck & { readonly shown: readonly string[] }> => {
      const shown: string[] = []
      const facts = { gaps: [], topic: kafka.topic, ends }
      const onProblem = (problem: string): void => void shown.push(problem)
      return { ...(await checkBars(database, '1m', expected, facts, onProblem)), shown }
    }
    const good = await check()
    assert.deepEqual(good.shown, [])
    assert.equal(good.equal, 4)

    const bars = await database.bars.find().sort({ _id: 1 }).toArray()
    const [first, second, third, fourth] = bars as [
      BarDocument,
      BarDocument,
      BarDocument,
      BarDocument
    ]
    await database.bars.deleteOne({ _id: first._id })
    await database.bars.updateOne({ _id: second._id }, { $inc: { volume: 1e-9 } })
    await database.bars.updateOne({ _id: third._id }, { $set: { status: 'revised' } })
    await database.bars.insertOne({ ...fourth, _id: 'copy' })
    const bad = await check()
    assert.equal(bad.missing, 1)
    assert.equal(bad.different, 2)
    assert.equal(bad.unexpected, 1)
    assert.equal(bad.shown.length, 4)

    const { source } = fourth
    for (const wrong of [
      { ...source, offset: source.offset - 1 },
      { ...source, offset: TAPE.length + 1 },
      { ...source, log: `${kafka.topic}/17` }
    ]) {
      await database.bars.updateOne({ _id: fourth._id }, { $set: { source: wrong } })
      const { shown } = await check()
      assert.ok(shown.some((problem) => problem.startsWith(`bar ${fourth._id}: source `)))
    }
  })

  it('find an outage that is not recorded, and a bar that hides one', async (t) => {
    const { database } = await openMarket(t)
    const bar = (symbol: string, seconds: number, coverage: number | null): BarDocument =>
      ({
        _id: `${symbol}|1s|${seconds}`,
        symbol,
        timeframe: '1s',
        start: new Date(START_MS + seconds * 1000),
        end: new Date(START_MS + (seconds + 1) * 1000),
        coverage
      }) as unknown as BarDocument
    await database.bars.insertMany([
      bar('SPY', 0, 1),
      bar('SPY', 1, 0.5),
      bar('SPY', 2, 0),
      bar('SPY', 3, null),
      bar('IBM', 2, 1),
      bar('IBM', 9, 1)
    ])
    const outages = new CausedOutages()
    outages.add('producer down', START_MS + 1500, START_MS + 4000)
    outages.add('symbol not followed', START_MS + 8000, START_MS + 9000, 'SPY')
    outages.add('feed cut', START_MS + 2, START_MS + 1)
    const gapOf = (fromMs: number, toMs: number, symbols: string[]): FeedGapDocument => ({
      _id: `${fromMs}`,
      feed: 'recorded',
      from: new Date(START_MS + fromMs),
      to: new Date(START_MS + toMs),
      cause: '',
      symbols,
      updatedAt: new Date()
    })
    const check = (findings: Findings, ...gaps: FeedGapDocument[]): Promise<OutageCheck> =>
      checkOutages(database, outages.all, ['SPY', 'IBM'], gaps, findings)
    const recorded = [gapOf(1500, 3000, []), gapOf(3000, 4000, []), gapOf(8000, 9000, ['SPY'])]
    const found = new Findings()
    const whole = await check(found, ...recorded)
    assert.deepEqual(whole.caused, {
      'producer down': 1,
      'feed cut': 0,
      'symbol not followed': 1
    })
    assert.equal(whole.unrecorded, 0)
    assert.equal(whole.met, 4, 'SPY at 1, 2 and 3 s, IBM at 2 s')
    assert.equal(whole.inside, 3)
    assert.equal(whole.overstated, 1)
    assert.match(found.shown.join(), /bar IBM\|1s\|2: coverage 1, expected 0 at most/)

    const partly = await check(new Findings(), gapOf(1501, 4000, []), gapOf(8000, 9000, ['IBM']))
    assert.equal(partly.unrecorded, 3, 'of SPY both, of IBM one')
  })

  it('find what the audit finds', async (t) => {
    const { database, publish, consumer, env } = await openMarket(t)
    await publish(
      TAPE.map(({ s, p, t: ms, v }, i) =>
        aRecord({ symbol: s, frame: i + 1, trades: [aTrade({ p, t: ms, v })] })
      )
    )
    const rules = { CONDITION_POLICY: 'all', TIMEFRAMES: '1s,1m', ALLOWED_DELAY: '2s' }
    const service = await inService(t, (context) => startConsumer(consumer(rules), context))
    await eventually(async () => {
      assert.equal(await database.trades.countDocuments(), TAPE.length)
    })
    await service.stop()
    const audit = (findings: Findings): Promise<AuditCheck> =>
      runAudit(
        TAPE.map(({ s, t: ms }) => ({ symbol: s, t: ms })),
        { ...env, ...rules },
        findings,
        t.signal
      )
    const good = await audit(new Findings())
    assert.deepEqual(good.dates, ['2026-03-10'])
    assert.equal(good.differences, 0)
    assert.ok(good.equal > 0)

    const _id = `SPY|1s|${TAPE[1]?.t}`
    await database.bars.updateOne({ _id }, { $set: { coverage: 0.5 } })
    const found = new Findings()
    assert.equal((await audit(found)).differences, 1)
    assert.match(found.shown.join(), /audit SPY 1s .* coverage: /)
  })
})

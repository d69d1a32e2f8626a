import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode } from '@tapedeck/core'
import type { BarDocument, FeedGapDocument, TradeDocument } from '@tapedeck/mongo'
import { readArguments } from '../../programs/chaos/arguments.ts'
import { checkBars } from '../../programs/chaos/check-bars.ts'
import { checkTrades } from '../../programs/chaos/check-trades.ts'
import { exactBars, scaled } from '../../programs/chaos/exact-bars.ts'
import { Findings } from '../../programs/chaos/findings.ts'
import { checkMissing } from '../../programs/chaos/missing-trades.ts'
import { planStrikes, VICTIMS } from '../../programs/chaos/strikes.ts'
import { readTopicTruth, type TopicTrade } from '../../programs/chaos/topic-truth.ts'
import { openMarket } from '../../support/market.ts'
import { aRecord, aTrade, START_MS } from '../../support/trades.ts'
import type { TapeTrade } from '../../programs/verify-tape/tape.ts'

/** A trade a second, a frame each; `frame` counts from 1 on each connection. */
function truthOf(tape: readonly TapeTrade[], connection = 'a'): TopicTrade[] {
  return tape.map(({ s, p, t, v }, i) => ({
    id: `${connection}-${i + 1}-0`,
    symbol: s,
    p,
    t,
    v,
    connection,
    frame: i + 1,
    index: 0,
    receivedAt: 1000 + i * 10,
    c: null,
    partition: 0,
    offset: i
  }))
}

const TAPE: readonly TapeTrade[] = Array.from({ length: 120 }, (_, i) => ({
  s: i % 3 === 0 ? 'IBM' : 'SPY',
  p: 100 + (i % 7) / 100,
  t: START_MS + i * 1000,
  v: 10 + (i % 5)
}))

function gap(fromMs: number | null, toMs: number | null): FeedGapDocument {
  const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms))
  const [from, to] = [date(fromMs), date(toMs)]
  return { _id: 'g', feed: 'f', from, to, cause: '', symbols: [], updatedAt: new Date(0) }
}

describe('the checks of a chaos run', { timeout: 60_000 }, () => {
  it('find a trade that is lost, one that is too many and one that is different', async (t) => {
    const { database, kafka, publish } = await openMarket(t)
    const twice = aRecord({ frame: 1, trades: [aTrade({ p: 1 }), aTrade({ p: 2 })] })
    await publish([twice, aRecord({ frame: 2, symbol: 'MSFT' }), twice])
    const { trades: truth, records, repeated } = await readTopicTruth(kafka)
    assert.deepEqual([truth.length, records, repeated], [3, 3, 1])
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
    assert.deepEqual([found.lost, found.repeated, found.different, bad.count], [1, 1, 1, 3])
  })

  it('find a bar that is different, missing or too many', async (t) => {
    const { database } = await openMarket(t)
    const truth = truthOf(TAPE)
    const bars = [...exactBars(truth, '1m')].map(([id, bar]) => ({
      ...bar,
      _id: id,
      timeframe: '1m',
      vwap: bar.notional / bar.volume,
      firstTradeAt: new Date(bar.firstTradeAt),
      lastTradeAt: new Date(bar.lastTradeAt),
      status: 'final',
      revision: 0
    })) as unknown as BarDocument[]
    await database.bars.insertMany(bars)
    const good = new Findings()
    const all = await checkBars(database, truth, '1m', good)
    assert.deepEqual([all.equal, good.shown], [4, []])

    await database.bars.deleteOne({ _id: bars[0]!._id })
    await database.bars.updateOne({ _id: bars[1]!._id }, { $inc: { volume: 1e-9 } })
    await database.bars.updateOne({ _id: bars[2]!._id }, { $set: { status: 'revised' } })
    await database.bars.insertOne({ ...bars[3]!, _id: 'copy' })
    const bad = new Findings()
    const { missing, different, unexpected } = await checkBars(database, truth, '1m', bad)
    assert.deepEqual([missing, different, unexpected, bad.count], [1, 2, 1, 4])
  })

  it('explain what is missing only by a gap that spans it', () => {
    const whole = truthOf(TAPE)
    const rest = truthOf(TAPE, 'b').slice(60)
    const holed = [...whole.slice(0, 50), ...rest] // received until 1490 and from 1600 on
    const missing = (gaps: FeedGapDocument[], truth = holed): number[] => {
      const found = checkMissing(TAPE, truth, gaps, new Findings())
      return [found.missing, found.unexplained, found.gapsBeginLateByMs, found.foreign]
    }
    assert.deepEqual(missing([], whole), [0, 0, 0, 0])
    assert.deepEqual(missing([]), [10, 10, 0, 0])
    assert.deepEqual(missing([gap(1490, 1600)]), [10, 0, 0, 0])
    assert.deepEqual(missing([gap(null, null)]), [10, 0, 0, 0])
    assert.deepEqual(missing([gap(1520, 1600)]), [10, 10, 30, 0])
    assert.deepEqual(missing([gap(1490, 1550)]), [10, 10, 0, 0])
    assert.deepEqual(missing([], [...whole, { ...whole[0]!, p: 7 }]), [0, 0, 0, 1])
  })

  it('compute sums to the last digit', () => {
    assert.equal(scaled(0.1), 100_000_000_000n)
    assert.equal(scaled(1e-8), 10_000n)
    assert.equal(scaled(1e21), 10n ** 33n)
    assert.throws(() => scaled(1e-13), RangeError)
  })
})

describe('the plan of a chaos run', () => {
  it('is repeated by its seed, kills as often as asked, and each kind', () => {
    const plan = planStrikes({ kills: 100, seed: 3 })
    assert.deepEqual(plan, planStrikes({ kills: 100, seed: 3 }))
    assert.notDeepEqual(plan, planStrikes({ kills: 100, seed: 4 }))
    const kills = plan.filter(({ kind }) => kind === 'kill')
    assert.equal(kills.length, 100)
    assert.deepEqual(new Set(kills.map(({ victim }) => victim)), new Set(VICTIMS))
    assert.equal(plan.length - kills.length, 10)
    const shares = plan.map(({ atShare }) => atShare)
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b)
    )
  })

  it('spares whom it is told to spare', () => {
    const plan = planStrikes({ kills: 20, seed: 3, spared: ['producer', 'consumer'] })
    assert.deepEqual(new Set(plan.map(({ victim }) => victim)), new Set(['broker', 'mongod']))
  })

  it('names every mistake in the arguments', () => {
    assert.throws(
      () => readArguments(['--kills', 'x', '--spare', 'broker,me', '--rate', '0']),
      (error) =>
        hasCode(error, 'CONFIG_INVALID') &&
        ['--kills x found', '--spare me found', '--rate 0 found'].every((part) =>
          error.message.includes(part)
        )
    )
    assert.throws(() => readArguments(['--spare', VICTIMS.join(',')]), /leaves nothing to kill/)
    assert.throws(() => readArguments(['--what']), /unknown option --what found/)
    assert.equal(readArguments(['--help']), 'help')
  })
})

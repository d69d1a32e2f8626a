import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { tradeId } from '@tapedeck/domain'
import type { FeedGapDocument } from '@tapedeck/mongo'
import { Findings } from '../../../programs/chaos/findings.ts'
import { checkMissing, type MissingCheck } from '../../../programs/chaos/missing-trades.ts'
import type { TopicTrade } from '../../../programs/chaos/topic-truth.ts'
import type { TapeTrade } from '../../../support/tape.ts'
import { START_MS } from '../../../support/trades.ts'

/** A trade a second, a frame each; `frame` counts from 1 on each connection. */
function truthOf(tape: readonly TapeTrade[], connection = 'a'): TopicTrade[] {
  return tape.map(({ s, p, t, v }, i) => ({
    id: tradeId({ connection, frame: i + 1, index: 0 }),
    symbol: s,
    feed: 'simulated',
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

function gap(
  fromMs: number | null,
  toMs: number | null,
  symbols: readonly string[] = []
): FeedGapDocument {
  const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms))
  const [from, to] = [date(fromMs), date(toMs)]
  return { _id: 'g', feed: 'f', from, to, cause: '', symbols, updatedAt: new Date(0) }
}

describe('checkMissing()', () => {
  it('explains what is missing only by a gap that spans it', () => {
    const whole = truthOf(TAPE)
    const rest = truthOf(TAPE, 'b').slice(60)
    const holed = [...whole.slice(0, 50), ...rest] // received until 1490 and from 1600 on
    const check = (gaps: FeedGapDocument[], truth = holed): MissingCheck =>
      checkMissing(TAPE, truth, gaps, new Findings())
    const none = { missing: 0, holes: 0, unexplained: 0, foreign: 0, gapsBeginLateByMs: 0 }
    const explained = { ...none, missing: 10, holes: 1 }
    const unexplained = { ...explained, unexplained: 10 }
    assert.deepEqual(check([], whole), none)
    assert.deepEqual(check([]), unexplained)
    assert.deepEqual(check([gap(1490, 1600)]), explained)
    assert.deepEqual(check([gap(null, null)]), explained)
    assert.deepEqual(check([gap(1520, 1600)]), { ...unexplained, gapsBeginLateByMs: 30 })
    assert.deepEqual(check([gap(1490, 1550)]), unexplained)
    assert.deepEqual(check([], [...whole, { ...whole[0]!, p: 7 }]), { ...none, foreign: 1 })
  })

  it('explains a symbol that is missing alone only by a gap of that symbol', () => {
    // Received with a trade of SPY at 1500 and before one at 1610.
    const holed = truthOf(TAPE).filter(({ symbol }, i) => symbol === 'SPY' || i < 51 || i > 60)
    const check = (...gaps: FeedGapDocument[]): number =>
      checkMissing(TAPE, holed, gaps, new Findings()).unexplained
    assert.equal(check(), 4)
    assert.equal(check(gap(1490, 1620, ['IBM'])), 0)
    assert.equal(check(gap(1490, 1620)), 0)
    assert.equal(check(gap(1490, 1620, ['SPY'])), 4)
    assert.equal(check(gap(1490, 1550, ['IBM']), gap(1550, 1620, ['IBM'])), 0, 'gaps that touch')
    assert.equal(check(gap(1490, 1520, ['IBM']), gap(1530, 1620, ['IBM'])), 0, 'none between them')
    assert.equal(check(gap(1490, 1535, ['IBM']), gap(1550, 1620, ['IBM'])), 1, 'one between them')
  })

  it('explains what a tape of the present sent at last by a gap up to its last trade', () => {
    const tape = TAPE.map((trade, i) => ({ ...trade, t: 1000 + i * 10 }))
    const holed = truthOf(tape).slice(0, 100) // received until 1990, sent until 2190
    const check = (...given: [FeedGapDocument, boolean]): number =>
      checkMissing(tape, holed, [given[0]], new Findings(), given[1]).unexplained
    assert.equal(check(gap(1990, 2190), true), 0)
    assert.equal(check(gap(1990, null), true), 0)
    assert.equal(check(gap(1990, 2180), true), 20)
    assert.equal(check(gap(1990, 2190), false), 20)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Random } from '../../programs/chaos/random.ts'
import { runChaos } from '../../programs/chaos/run-chaos.ts'
import type { TapeTrade } from '../../support/tape.ts'

const KILLS = 6
const TRADES = 18_000
const RATE = 1000
/** 09:00 in New York: the bell rings in the middle. */
const START_MS = Date.UTC(2026, 2, 10, 13, 0, 0)
/** One in a hundred trades is of the last: most of its bars lie far apart. */
const SHARES = { SPY: 0.55, AAPL: 0.3, MSFT: 0.14, IBM: 0.01 }
/** Such trades change bars that are final and forecasts that are scored. */
const LATE_SHARE = 0.005
const LATE_MS = 300_000

/** Trades of about an hour, some equal, some of one millisecond, some behind others, a few late. */
function syntheticTape(
  trades = TRADES,
  { share, ms } = { share: LATE_SHARE, ms: LATE_MS }
): TapeTrade[] {
  const random = new Random(11)
  return Array.from({ length: trades }, (_, i) => ({
    s: symbolAt(random.next()),
    p: Math.round(random.between(9000, 11_000)) / 100,
    t:
      START_MS +
      i * 200 +
      Math.floor(random.between(0, 3)) * 150 -
      (random.next() < share ? ms : 0),
    v: Math.floor(random.between(1, 20)) * 25
  }))
}

function symbolAt(share: number): string {
  let sum = 0
  for (const [symbol, own] of Object.entries(SHARES)) {
    sum += own
    if (share < sum) return symbol
  }
  return 'SPY'
}

const PRESENT_TRADES = 7500
const PRESENT_RATE = 250
const OUTAGE_MS = 6000
/** Such trades happened in an outage and came after it: their bars lie inside. */
const OFTEN_LATE = { share: 0.05, ms: 4000 }

describe('a pipeline whose processes are killed', { timeout: 280_000 }, () => {
  it('stores every trade once and every bar right', async (t) => {
    const notes: string[] = []
    const aborted = new AbortController()
    t.after(() => aborted.abort())
    const result = await runChaos({
      trades: syntheticTape(),
      kills: KILLS,
      seed: 5,
      tradesPerSecond: RATE,
      signal: aborted.signal,
      onNote: (note) => notes.push(note)
    })
    t.diagnostic(JSON.stringify({ ...result, bars: undefined }))
    assert.deepEqual(result.findings, [], notes.join('\n'))
    assert.ok(result.holds)
    assert.equal(result.killed, KILLS)
    for (const kills of Object.values(result.kills)) assert.ok(kills > 0, 'each kind is killed')
    assert.equal(result.pauses, 1)
    assert.ok(result.trades.stored > TRADES / 2)
    assert.equal(result.trades.stored + result.missing.missing, TRADES)
    const { forecasts } = result
    assert.ok(forecasts.scored > TRADES / 10 && forecasts.void > 0 && forecasts.rewritten > 0)
    assert.ok(forecasts.undecided < forecasts.bars / 100, 'hardly anything is left to a flush')
    assert.equal(forecasts.equalScores, forecasts.scores)
    assert.ok(result.audit.equal > 1000)
  })

  it('says of each bar of the present how much of it the feed was followed', async (t) => {
    const notes: string[] = []
    const aborted = new AbortController()
    t.after(() => aborted.abort())
    const result = await runChaos({
      trades: syntheticTape(PRESENT_TRADES, OFTEN_LATE),
      kills: 2,
      seed: 8,
      spared: ['broker', 'mongod'],
      tradesPerSecond: PRESENT_RATE,
      longestOutageMs: OUTAGE_MS,
      signal: aborted.signal,
      onNote: (note) => notes.push(note)
    })
    t.diagnostic(JSON.stringify({ ...result, bars: undefined }))
    assert.deepEqual(result.findings, [], notes.join('\n'))
    assert.ok(result.holds)
    const { outages, missing, audit } = result
    assert.equal(result.cuts, 1)
    assert.equal(result.drops, 1)
    assert.ok(outages !== undefined)
    for (const [kind, times] of Object.entries(outages.caused)) assert.ok(times > 0, kind)
    assert.ok(outages.longestMs > 2500)
    // Whether a trade lies in a bar that is wholly inside is chance.
    assert.ok(outages.met > 0 && outages.met >= outages.inside)
    assert.ok(outages.uncovered >= outages.met)
    assert.ok(missing.missing > PRESENT_RATE, 'the tape waits for nobody')
    assert.ok(audit.equal > 100)
  })
})

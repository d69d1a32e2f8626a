import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Random } from '../../chaos/random.ts'
import { runChaos } from '../../chaos/run-chaos.ts'
import type { TapeTrade } from '../../verify-tape/tape.ts'

const KILLS = 6
const TRADES = 18_000
const RATE = 1000
const START_MS = Date.UTC(2026, 2, 10, 14, 0, 0)
const SYMBOLS = ['AAPL', 'MSFT', 'IBM', 'SPY']

/** Trades of about an hour, some equal, some of one millisecond, some behind others. */
function syntheticTape(): TapeTrade[] {
  const random = new Random(11)
  return Array.from({ length: TRADES }, (_, i) => ({
    s: SYMBOLS[Math.floor(random.next() * SYMBOLS.length)] ?? '',
    p: Math.round(random.between(9000, 11_000)) / 100,
    t: START_MS + i * 200 + Math.floor(random.between(0, 3)) * 150,
    v: Math.floor(random.between(1, 20)) * 25
  }))
}

describe('a pipeline whose processes are killed', { timeout: 180_000 }, () => {
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
  })
})

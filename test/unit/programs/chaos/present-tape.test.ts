import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sentMs, TRADES_PER_FRAME } from '../../../programs/chaos/feed-file.ts'
import { presentTape } from '../../../programs/chaos/present-tape.ts'
import type { TapeTrade } from '../../../support/tape.ts'
import { START_MS } from '../../../support/trades.ts'

const RATE = 250
const BEGIN_MS = START_MS + 86_400_000
/** Every seventh trade came 5 s late, every fortieth 10 minutes. */
const TAPE: readonly TapeTrade[] = Array.from({ length: 200 }, (_, i) => ({
  s: ['SPY', 'AAPL', 'IBM'][i % 3] ?? '',
  p: 100 + i / 100,
  t: START_MS + i * 1000 - (i % 40 === 39 ? 600_000 : i % 7 === 6 ? 5000 : 0),
  v: i
}))

describe('presentTape()', () => {
  it('lets each trade happen before its frame is sent, late ones as much earlier as they were', () => {
    const shifted = presentTape(TAPE, RATE, BEGIN_MS)
    assert.equal(shifted.length, TAPE.length)
    let newestMs = -Infinity
    shifted.forEach((trade, i) => {
      const before = TAPE[i]
      assert.equal(trade.p, before?.p)
      newestMs = Math.max(newestMs, before?.t ?? 0)
      const behindMs = Math.min(30_000, newestMs - (before?.t ?? 0))
      const onTimeMs = trade.t + behindMs
      const frameMs = BEGIN_MS + sentMs(i, RATE)
      assert.ok(onTimeMs <= frameMs, `trade ${i} is not sent before it happens`)
      assert.ok(frameMs - onTimeMs <= (TRADES_PER_FRAME * 1000) / RATE, `trade ${i} is of now`)
    })
    assert.ok(
      shifted.some(({ t }, i) => t < (shifted[i - 1]?.t ?? 0) - 20_000),
      'some are late'
    )
  })

  it('makes every second symbol one that trades round the clock', () => {
    const names = new Set(presentTape(TAPE, RATE, BEGIN_MS).map(({ s }) => s))
    assert.deepEqual([...names], ['SPY', 'BINANCE:AAPL', 'IBM'])
  })
})

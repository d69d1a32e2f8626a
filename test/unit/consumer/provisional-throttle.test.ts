import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ProvisionalThrottle } from '@tapedeck/consumer/testing'
import type { BarDocument } from '@tapedeck/mongo'
import { GOLDEN_DOCUMENT } from '../../support/golden-bar.ts'

const INTERVAL_MS = 1000

function aBar(
  _id: string,
  timeframe: string,
  status: BarDocument['status'],
  close = 1
): BarDocument {
  return { ...GOLDEN_DOCUMENT, _id, timeframe, status, close }
}

const names = (bars: readonly BarDocument[]): string[] =>
  bars.map(({ _id, status, close }) => `${_id} ${status} ${close}`)

describe('ProvisionalThrottle', () => {
  it('passes a provisional bar once in an interval, then its newest version, also without a change', () => {
    const throttle = new ProvisionalThrottle(INTERVAL_MS)
    assert.deepEqual(names(throttle.pass([aBar('a', '1m', 'provisional', 1)], 0)), [
      'a provisional 1'
    ])
    assert.deepEqual(names(throttle.pass([aBar('a', '1m', 'provisional', 2)], 400)), [])
    assert.deepEqual(names(throttle.pass([aBar('a', '1m', 'provisional', 3)], 900)), [])
    assert.deepEqual(names(throttle.pass([], 1000)), ['a provisional 3'])
    assert.deepEqual(names(throttle.pass([], 5000)), [])
  })

  it('passes final and revised bars at once, and never an older version after them', () => {
    const throttle = new ProvisionalThrottle(INTERVAL_MS)
    throttle.pass([aBar('a', '1m', 'provisional', 1)], 0)
    throttle.pass([aBar('a', '1m', 'provisional', 2)], 100)
    assert.deepEqual(names(throttle.pass([aBar('a', '1m', 'final', 3)], 200)), ['a final 3'])
    assert.deepEqual(names(throttle.pass([aBar('a', '1m', 'revised', 4)], 300)), ['a revised 4'])
    assert.deepEqual(names(throttle.pass([], 9000)), [])
  })

  it('passes the newest version of every bar in the end, and at most one per interval before', () => {
    const change = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      isFinal: fc.boolean(),
      afterMs: fc.nat(700)
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const throttle = new ProvisionalThrottle(INTERVAL_MS)
        const newest = new Map<string, number | null>()
        const seen = new Map<string, number | null>()
        const done = new Set<string>()
        let nowMs = 0
        let passedAtMs = -Infinity
        changes.forEach(({ id, isFinal, afterMs }, index) => {
          nowMs += afterMs
          if (isFinal) done.add(id)
          newest.set(id, index)
          const status = isFinal ? 'final' : done.has(id) ? 'revised' : 'provisional'
          const passed = throttle.pass([aBar(id, '1m', status, index)], nowMs)
          for (const bar of passed) seen.set(bar._id, bar.close)
          if (passed.some((bar) => bar.status === 'provisional')) {
            assert.ok(nowMs - passedAtMs >= INTERVAL_MS)
            passedAtMs = nowMs
          }
        })
        for (const bar of throttle.pass([], Infinity)) seen.set(bar._id, bar.close)
        assert.deepEqual(seen, newest)
      })
    )
  })
})

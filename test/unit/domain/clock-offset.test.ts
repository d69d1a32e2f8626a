import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClockOffset } from '@tapedeck/domain'
import { AHEAD_LIMIT_MS, BEHIND_LIMIT_MS, RECORDED_MS } from '@tapedeck/domain/testing'
import fc from 'fast-check'

const START_MS = Date.parse('2026-11-24T15:00:00Z')
const MINUTE_MS = 60_000
/** From a trade to its receipt on a clock that is right, ms. */
const DELAY_MS = 1000

/** Late prints arrive up to days after their trade. */
const late = fc.array(fc.integer({ min: 0, max: 3 * 86_400_000 }), { maxLength: 5 })
/** A minute with a trade each second, which took `delay` ms, and any late prints beside it. */
const minute = fc.array(
  fc.record({ delay: fc.integer({ min: 0, max: DELAY_MS }), late, isFirst: fc.boolean() }),
  { minLength: 12, maxLength: 59 }
)

/** The times by a clock that trades are ahead of by `aheadMs`. */
function observed(
  seconds: readonly { delay: number; late: readonly number[]; isFirst: boolean }[],
  aheadMs: number
): { readonly offset: ClockOffset; readonly nowMs: number } {
  const offset = new ClockOffset()
  seconds.forEach(({ delay, late: delays, isFirst }, index) => {
    const receivedAtMs = START_MS + index * 1000 + 500
    const all = isFirst ? [delay, ...delays] : [...delays, delay]
    for (const one of all) offset.observe(receivedAtMs, receivedAtMs + aheadMs - one)
  })
  return { offset, nowMs: START_MS + seconds.length * 1000 }
}

describe('ClockOffset', () => {
  it('says nothing about a clock that is right, whatever late prints come', () => {
    fc.assert(
      fc.property(minute, fc.integer({ min: -25_000, max: AHEAD_LIMIT_MS }), (seconds, aheadMs) => {
        const { offset, nowMs } = observed(seconds, aheadMs)
        assert.equal(offset.wrongByMs(nowMs), undefined)
      })
    )
  })

  it('says how far trades are ahead of a clock that is behind, whatever late prints come', () => {
    const ahead = fc.integer({ min: AHEAD_LIMIT_MS + DELAY_MS + 1, max: 50 * 365 * 86_400_000 })
    fc.assert(
      fc.property(minute, ahead, (seconds, aheadMs) => {
        const { offset, nowMs } = observed(seconds, aheadMs)
        const found = offset.wrongByMs(nowMs) ?? 0
        assert.ok(found <= aheadMs && found >= aheadMs - DELAY_MS, `${found} of ${aheadMs}`)
        assert.equal(offset.aheadMs(nowMs), found)
      })
    )
  })

  it('says how far trades are behind a clock that is ahead', () => {
    const behind = fc.integer({ min: BEHIND_LIMIT_MS + 1, max: RECORDED_MS - DELAY_MS - 1 })
    fc.assert(
      fc.property(minute, behind, (seconds, behindMs) => {
        const { offset, nowMs } = observed(seconds, -behindMs)
        const found = -(offset.wrongByMs(nowMs) ?? 0)
        assert.ok(found >= behindMs && found <= behindMs + DELAY_MS, `${found} of ${behindMs}`)
      })
    )
  })

  it('is not misled by prints from the future in fewer than half of the seconds', () => {
    fc.assert(
      fc.property(minute, fc.integer({ min: 1, max: 1e12 }), (seconds, futureMs) => {
        const { offset, nowMs } = observed(seconds, 0)
        for (let index = 0; index * 2 < seconds.length - 2; index++) {
          const receivedAtMs = START_MS + index * 1000
          offset.observe(receivedAtMs, receivedAtMs + futureMs)
        }
        assert.equal(offset.wrongByMs(nowMs), undefined)
      })
    )
  })

  it('knows nothing of few seconds, of an earlier minute, or once the clock was set', () => {
    const seconds = Array.from({ length: 30 }, () => ({ delay: 0, late: [], isFirst: true }))
    assert.equal(observed(seconds.slice(0, 9), 90_000).offset.wrongByMs(START_MS), undefined)
    const { offset, nowMs } = observed(seconds, 90_000)
    assert.equal(offset.wrongByMs(nowMs), 90_000)
    assert.equal(offset.wrongByMs(nowMs + 2 * MINUTE_MS), undefined)
    assert.equal(offset.wrongByMs(START_MS - 10_000), undefined)
    // Set right, by 90 s: what was received before counts no more.
    for (let index = 0; index < 10; index++) {
      const receivedAtMs = nowMs + 90_000 + index * 1000
      offset.observe(receivedAtMs, receivedAtMs)
    }
    assert.equal(offset.wrongByMs(nowMs + 100_000), undefined)
    assert.equal(offset.aheadMs(nowMs + 100_000), 0)
  })

  it('takes trades that are half a day behind for a recorded tape', () => {
    const seconds = Array.from({ length: 30 }, () => ({ delay: 0, late: [], isFirst: true }))
    const { offset, nowMs } = observed(seconds, -RECORDED_MS)
    assert.equal(offset.wrongByMs(nowMs), undefined)
  })

  describe('at its limits', () => {
    /** A trade a second, each with its delay; the last second is the present one. */
    const of = (delays: readonly number[], nowMs = START_MS + (delays.length - 1) * 1000) => {
      const offset = new ClockOffset()
      for (const [index, delay] of delays.entries()) {
        const receivedAtMs = START_MS + index * 1000
        offset.observe(receivedAtMs, receivedAtMs - delay)
      }
      return { ahead: offset.aheadMs(nowMs), wrongBy: offset.wrongByMs(nowMs) }
    }
    const ten = (delay: number): number[] => Array.from({ length: 10 }, () => delay)

    it('needs ten seconds with trades, and takes the higher of two in the middle', () => {
      assert.equal(of(ten(7).slice(1)).ahead, undefined)
      assert.equal(of(ten(7)).ahead, -7)
      assert.equal(of([9, 1, 8, 2, 7, 3, 6, 4, 5, 0]).ahead, -5)
    })

    it('is wrong beyond five seconds ahead, and behind from thirty seconds to half a day', () => {
      assert.deepEqual(
        [
          -AHEAD_LIMIT_MS,
          -AHEAD_LIMIT_MS - 1,
          BEHIND_LIMIT_MS,
          BEHIND_LIMIT_MS + 1,
          RECORDED_MS - 1,
          RECORDED_MS
        ].map((delay) => of(ten(delay)).wrongBy),
        [undefined, AHEAD_LIMIT_MS + 1, undefined, -BEHIND_LIMIT_MS - 1, 1 - RECORDED_MS, undefined]
      )
      // Behind by the least of all delays, not by the one in the middle.
      assert.equal(of([...ten(90_000), 40_000]).wrongBy, -40_000)
      assert.equal(of([...ten(90_000), 10]).wrongBy, undefined)
    })

    it('counts the seconds of the last minute, that of a minute ago included', () => {
      assert.equal(of(ten(7), START_MS + 60_000).ahead, -7)
      assert.equal(of(ten(7), START_MS + 60_001).ahead, undefined)
      assert.equal(of(ten(7), START_MS + 9000).ahead, -7)
      assert.equal(of(ten(7), START_MS + 8999).ahead, undefined)
    })
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RateLimit, type Clock } from '@tapedeck/core'

const NOW_MS = 1_764_000_000_000

/** A clock that only waiting moves. */
function leapClock(): Clock {
  let nowMs = NOW_MS
  return {
    now: () => nowMs,
    delay(ms) {
      nowMs += ms
      return Promise.resolve()
    }
  }
}

describe('RateLimit', () => {
  it('lets as many calls through a minute as it has, and no two more', async () => {
    const clock = leapClock()
    const limit = new RateLimit(clock, 2)
    await limit.enter()
    await limit.enter()
    assert.equal(limit.waitMs, 60_000)
    await limit.enter()
    assert.equal(clock.now(), NOW_MS + 60_000)
  })

  it('waits until a server says, which may be seconds or a date, but not for longer than a minute', () => {
    for (const [after, waitMs] of [
      ['5', 5000],
      [new Date(NOW_MS + 9000).toUTCString(), 9000],
      ['3600', 61_000],
      ['soon', 0],
      ['-1', 0]
    ] as const) {
      const limit = new RateLimit(leapClock(), 60)
      limit.heed(429, new Headers({ 'retry-after': after }))
      assert.equal(limit.waitMs, waitMs, after)
    }
  })
})

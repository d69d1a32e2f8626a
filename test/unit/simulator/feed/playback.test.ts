import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { recordedPace } from '@tapedeck/simulator/testing'
import type { Clock } from '@tapedeck/core'

function aClock(): Clock & { nowMs: number } {
  return {
    nowMs: 1_000_000,
    now() {
      return this.nowMs
    },
    delay: () => Promise.resolve()
  }
}

describe('recordedPace', () => {
  it('plays N times as fast, measured from the first trade, so that delays do not accumulate', () => {
    const clock = aClock()
    const pace = recordedPace(10, false, clock)
    assert.equal(pace.dueMs(50_000), 1_000_000)
    clock.nowMs += 137 // a slow timer
    assert.equal(pace.dueMs(52_000), 1_000_200)
    clock.nowMs += 100
    assert.equal(pace.dueMs(60_000), 1_001_000)
  })

  it('waits through a recorded night, or five seconds of it when gaps are skipped', () => {
    const night = 12 * 3_600_000
    const clock = aClock()
    const faithful = recordedPace(1, false, clock)
    faithful.dueMs(0)
    assert.equal(faithful.dueMs(night), 1_000_000 + night)
    const skipping = recordedPace(1, true, clock)
    skipping.dueMs(0)
    assert.equal(skipping.dueMs(4000), 1_004_000)
    assert.equal(skipping.dueMs(night), 1_005_000)
    clock.nowMs = 1_005_000
    assert.equal(skipping.dueMs(night + 100), 1_005_100)
  })

  it('catches up at most a second', () => {
    const clock = aClock()
    const pace = recordedPace(1, false, clock)
    pace.dueMs(0)
    clock.nowMs += 900
    assert.equal(pace.dueMs(100), 1_000_100)
    clock.nowMs += 60_000
    assert.equal(pace.dueMs(200), clock.nowMs)
    assert.equal(pace.dueMs(1200), clock.nowMs + 1000)
  })

  it('keeps the distance to later positions after a pause', () => {
    const clock = aClock()
    const pace = recordedPace(2, false, clock)
    pace.dueMs(0)
    clock.nowMs += 500
    pace.restart(0)
    assert.equal(pace.dueMs(1000), clock.nowMs + 500)
  })
})

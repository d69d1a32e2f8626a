import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { afterWhatWasUnderWay, type CausedOutage } from '../../../programs/chaos/caused-outages.ts'

describe('afterWhatWasUnderWay()', () => {
  const outage = (kind: CausedOutage['kind'], fromMs: number): CausedOutage => ({
    kind,
    symbol: undefined,
    fromMs,
    toMs: 9000
  })

  it('begins a cut after the last trade from before it that was still received', () => {
    const trades = [
      { t: 900, receivedAt: 990 },
      { t: 950, receivedAt: 1070 },
      { t: 940, receivedAt: 1030 },
      { t: 980, receivedAt: 9500 }
    ]
    assert.deepEqual(afterWhatWasUnderWay([outage('feed cut', 1000)], trades), [
      outage('feed cut', 1070)
    ])
    const down = [outage('producer down', 1000)]
    assert.deepEqual(afterWhatWasUnderWay(down, trades), down)
  })

  it('does not excuse a cut that does not hold', () => {
    const cut = [outage('feed cut', 1000)]
    assert.deepEqual(afterWhatWasUnderWay(cut, [{ t: 1001, receivedAt: 1010 }]), cut)
  })
})

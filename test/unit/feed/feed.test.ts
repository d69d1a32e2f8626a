import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { connectionId, FEED_TIMES, ReconnectDelay, type ConnectionEnd } from '@tapedeck/feed'

const ALMOST_ONE = 1 - Number.EPSILON
const refused: ConnectionEnd = { cause: 'closed', isBusy: false, lastedMs: undefined, frames: 0 }

describe('ReconnectDelay', () => {
  it('doubles the ceiling from 1 s to 60 s', () => {
    const delays = new ReconnectDelay(FEED_TIMES, () => ALMOST_ONE)
    const ceilings = Array.from({ length: 9 }, () => delays.afterMs(refused) + 1)
    assert.deepEqual(ceilings, [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000])
  })

  it('spreads the delays over the whole range', () => {
    const delays = new ReconnectDelay(FEED_TIMES, () => 0)
    assert.equal(delays.afterMs(refused), 1)
  })

  it('is reset only by a connection that lasted a minute and delivered a frame', () => {
    const after = (ending: Partial<ConnectionEnd>): number => {
      const delays = new ReconnectDelay(FEED_TIMES, () => ALMOST_ONE)
      for (let i = 0; i < 8; i++) delays.afterMs(refused)
      return delays.afterMs({ ...refused, ...ending }) + 1
    }
    assert.equal(after({ lastedMs: 59_999, frames: 1000 }), 60_000)
    assert.equal(after({ lastedMs: 600_000, frames: 0 }), 60_000)
    assert.equal(after({ lastedMs: 60_000, frames: 1 }), 1000)
  })

  it('waits at least 30 s while another session holds the key, and never more than 90 s', () => {
    const endings = fc.array(
      fc.record({
        cause: fc.constant('closed'),
        isBusy: fc.boolean(),
        lastedMs: fc.option(fc.nat(200_000), { nil: undefined }),
        frames: fc.nat(3)
      }),
      { maxLength: 100 }
    )
    fc.assert(
      fc.property(
        endings,
        fc.infiniteStream(fc.double({ min: 0, max: ALMOST_ONE, noNaN: true })),
        (list, draws) => {
          const delays = new ReconnectDelay(FEED_TIMES, () => draws.next().value ?? 0)
          for (const ending of list) {
            const ms = delays.afterMs(ending)
            assert.ok(ms >= (ending.isBusy ? 30_000 : 1) && ms < (ending.isBusy ? 90_000 : 60_000))
          }
        }
      )
    )
  })
})

describe('connectionId()', () => {
  it('rises as text, also within one millisecond and when the clock steps back', () => {
    const ids = [5000, 5000, 4000, 1_764_000_600_200].map((ms) => connectionId(1e12 + ms))
    assert.deepEqual(ids.toSorted(), ids)
    assert.equal(new Set(ids).size, 4)
  })
})

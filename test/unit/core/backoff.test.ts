import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fullJitterMs, redactUrl, withTimeout, hasCode } from '@tapedeck/core'

describe('fullJitterMs()', () => {
  it('stays between 1 ms and the cap for any attempt', () => {
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, random) => {
          const ms = fullJitterMs(attempt, { baseMs: 1000, capMs: 60_000, random: () => random })
          assert.ok(ms >= 1 && ms <= 60_000)
        }
      )
    )
  })

  it('doubles its ceiling with each attempt until the cap', () => {
    const ceilings = [0, 1, 2, 10].map((attempt) =>
      fullJitterMs(attempt, { baseMs: 1000, capMs: 60_000, random: () => 0.999_999 })
    )
    assert.deepEqual(ceilings, [999, 1999, 3999, 59_999])
  })
})

describe('redactUrl()', () => {
  it('hides passwords and query values and keeps the rest', () => {
    assert.equal(
      redactUrl('cannot reach wss://ws.example?token=abc&x=1 or mongodb://me:pw@host:1/db'),
      'cannot reach wss://ws.example?token=[secret]&x=[secret] or mongodb://[secret]@host:1/db'
    )
  })
})

describe('withTimeout()', () => {
  it('rejects with TIMED_OUT when the work takes too long', async () => {
    await assert.rejects(
      withTimeout(Promise.withResolvers<never>().promise, 5, 'Waiting'),
      (error) => hasCode(error, 'TIMED_OUT')
    )
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ERROR_CODES, hasCode, messageOf, assert as mustHold, TapedeckError } from '@tapedeck/core'

describe('TapedeckError', () => {
  it('keeps its code, cause and details, and takes from the table whether to try again', () => {
    const cause = new Error('reset')
    const error = new TapedeckError('FEED_DISCONNECTED', 'lost', { cause, details: { frame: 3 } })
    assert.equal(error.cause, cause)
    assert.deepEqual(error.details, { frame: 3 })
    assert.equal(error.retryable, true)
    assert.equal(new TapedeckError('CONFIG_INVALID', 'no').retryable, false)
    assert.ok(!('cause' in new TapedeckError('CONFIG_INVALID', 'no')))
  })

  it('is recognised by its code alone', () => {
    const error = new TapedeckError('TIMED_OUT', 'late')
    for (const code of Object.keys(ERROR_CODES) as (keyof typeof ERROR_CODES)[]) {
      assert.equal(hasCode(error, code), code === 'TIMED_OUT')
    }
    assert.equal(hasCode({ code: 'TIMED_OUT' }, 'TIMED_OUT'), false)
    assert.equal(hasCode(undefined, 'TIMED_OUT'), false)
  })
})

describe('messageOf()', () => {
  it('reads anything that can be thrown', () => {
    assert.equal(messageOf(new RangeError('too far')), 'too far')
    assert.equal(messageOf('text'), 'text')
    assert.equal(messageOf(undefined), 'undefined')
  })
})

describe('assert()', () => {
  it('raises ASSERTION_FAILED for a condition that does not hold, and nothing otherwise', () => {
    mustHold(true, 'holds')
    assert.throws(
      () => mustHold(false, 'n is 1'),
      (error) => hasCode(error, 'ASSERTION_FAILED') && error.message === 'Assertion failed: n is 1'
    )
  })
})

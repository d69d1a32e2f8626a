import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasCode, withTimeout } from '@tapedeck/core'

describe('withTimeout()', () => {
  it('rejects with TIMED_OUT when the work takes too long', async () => {
    await assert.rejects(
      withTimeout(Promise.withResolvers<never>().promise, 5, 'Waiting'),
      (error) => hasCode(error, 'TIMED_OUT')
    )
  })
})

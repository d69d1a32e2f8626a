import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { redactUrl } from '@tapedeck/core'

describe('redactUrl()', () => {
  it('hides passwords and query values and keeps the rest', () => {
    assert.equal(
      redactUrl('cannot reach wss://ws.example?token=abc&x=1 or mongodb://me:pw@host:1/db'),
      'cannot reach wss://ws.example?token=[secret]&x=[secret] or mongodb://[secret]@host:1/db'
    )
  })
})

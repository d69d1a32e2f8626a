import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isObject } from '@tapedeck/core'

describe('isObject()', () => {
  it('tells an object of JSON from every other value', () => {
    for (const object of ['{}', '{"a": [1]}']) assert.equal(isObject(JSON.parse(object)), true)
    for (const other of ['null', '[]', '[{}]', '1', '"{}"', 'true']) {
      assert.equal(isObject(JSON.parse(other)), false, other)
    }
    assert.equal(isObject(undefined), false)
  })
})

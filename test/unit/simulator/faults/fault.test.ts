import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { faultProblems } from '@tapedeck/simulator/testing'

describe('faultProblems', () => {
  it('refuses values that are no fault', () => {
    assert.deepEqual(faultProblems({ do: 'cut' }), [])
    assert.match(faultProblems(null)[0]!, /found null, expected an object/)
    assert.match(faultProblems({ do: 'cut', when: { ms: 1 } })[0]!, /'when' is no field of cut/)
  })
})

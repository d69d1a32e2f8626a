import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readSequence } from '@tapedeck/domain'

function read(modules: string): void {
  readSequence('s', { sequence: '[{"module_name": "a"}]', modules })
}

describe('jsonOf()', () => {
  it('finds a name that comes again in its object, also written otherwise, with its line', () => {
    const twice = '{\n "a": {"cmd": "x"},\n "b": {"cmd": "x"},\n "\\u0061"\n: {"cmd": "y"}}'
    assert.throws(
      () => read(twice),
      /modules\.json, line 4: 'a' found twice, expected names that differ$/
    )
    const inside = '{"a": {"cmd": ["x"], "flags": {},\n\n"flags": {}}}'
    assert.throws(() => read(inside), /modules\.json, line 3: 'flags' found twice/)
  })

  it('lets objects share names, and sees no name in a text', () => {
    read(String.raw`{"a": {"cmd": ["x", "{\"cmd\": 1, \"cmd\": 2}", "cmd"]}, "cmd": {"cmd": "y"}}`)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { problemIn } from '@tapedeck/stack/testing'

describe('problemIn()', () => {
  it('returns the message of warnings and errors, and nothing of the rest', () => {
    assert.equal(problemIn('{"level":"info","msg":"fine"}'), undefined)
    assert.equal(problemIn('{"level":"warn","msg":"slow"}'), 'slow')
    const line = '{"level":"error","msg":"lost","err":{"message":"gone","code":"TIMED_OUT"}}'
    assert.equal(problemIn(line), 'lost: gone (TIMED_OUT)')
    assert.equal(problemIn('{"level":"warn" and no JSON'), undefined)
  })

  it('says a reason once that stands in the messages of an error and of its cause', () => {
    const message =
      'Cannot write: refused 127.0.0.1:27117: refused 127.0.0.1:27117: refused 127.0.0.1:27117'
    const line = JSON.stringify({ level: 'warn', msg: 'trying again', err: { message } })
    assert.equal(problemIn(line), 'trying again: Cannot write: refused 127.0.0.1:27117')
  })

  it('shows the line of a crash that says what happened', () => {
    assert.equal(problemIn('Error: Cannot find module x'), 'Error: Cannot find module x')
    assert.equal(problemIn('    at resolve (node:internal/modules:1:2)'), undefined)
    assert.equal(problemIn('Node.js v24.21.0'), undefined)
  })
})

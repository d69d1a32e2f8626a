import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FrameDeduplicator } from '@tapedeck/domain'

describe('FrameDeduplicator', () => {
  it('accepts each symbol of a frame once and no earlier frame', () => {
    const frames = new FrameDeduplicator()
    const accepted = [
      frames.accept('a', 1, 'X'),
      frames.accept('a', 1, 'Y'),
      frames.accept('a', 1, 'X'),
      frames.accept('a', 2, 'X'),
      frames.accept('a', 1, 'Z'),
      frames.accept('b', 1, 'X')
    ]
    assert.deepEqual(accepted, [true, true, false, true, false, true])
  })

  it('remembers a bounded number of connections', () => {
    const frames = new FrameDeduplicator()
    for (let i = 0; i < 1000; i++) frames.accept(`c${i}`, 1, 'X')
    assert.equal(frames.toState().length, 16)
    assert.equal(frames.accept('c999', 1, 'X'), false)
  })
})

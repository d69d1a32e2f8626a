import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FrameDeduplicator, VendorIdDeduplicator } from '@tapedeck/domain'

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

  it('forgets the symbols of a frame with the next frame, and the connection seen first', () => {
    const frames = new FrameDeduplicator()
    frames.accept('a', 1, 'X')
    frames.accept('a', 1, 'Y')
    frames.accept('a', 3, 'Y')
    assert.deepEqual(frames.toState(), [{ id: 'a', frame: 3, symbols: ['Y'] }])
    for (let i = 0; i < 15; i++) frames.accept(`c${i}`, 1, 'X')
    assert.equal(frames.accept('a', 3, 'Y'), false)
    frames.accept('c15', 1, 'X')
    assert.equal(frames.accept('c0', 1, 'X'), false)
    assert.equal(frames.accept('a', 3, 'Y'), true)
  })

  it('goes on after a restart as if there had been none', () => {
    const frames = new FrameDeduplicator()
    frames.accept('a', 2, 'X')
    frames.accept('b', 5, 'Y')
    const restored = new FrameDeduplicator(frames.toState())
    assert.deepEqual(restored.toState(), frames.toState())
    assert.equal(restored.accept('a', 2, 'X'), false)
    assert.equal(restored.accept('a', 1, 'Y'), false)
    assert.equal(restored.accept('a', 2, 'Y'), true)
  })
})

describe('VendorIdDeduplicator', () => {
  it('knows a vendor id of a symbol under another id of ours for a repeat', () => {
    const trades = new VendorIdDeduplicator()
    assert.equal(trades.isRepeat('A', 'v1', 'c-1-0', 1000), false)
    assert.equal(trades.isRepeat('A', 'v1', 'd-1-0', 1000), true)
    // A replay reads the same trade again.
    assert.equal(trades.isRepeat('A', 'v1', 'c-1-0', 1000), false)
    assert.equal(trades.isRepeat('B', 'v1', 'd-1-1', 1000), false)
    assert.equal(trades.isRepeat('A', 'v2', 'd-1-2', 1000), false)
    assert.equal(trades.isRepeat('A', 'v2', 'd-1-3', 1000), true)
  })

  it('knows trades that were stored before a restart', () => {
    const trades = new VendorIdDeduplicator()
    trades.remember('A', 'v1', 'c-1-0', 1000)
    assert.equal(trades.isRepeat('A', 'v1', 'd-1-0', 1000), true)
    assert.equal(trades.isRepeat('A', 'v1', 'c-1-0', 1000), false)
  })

  it('remembers fifteen minutes of event time', () => {
    const trades = new VendorIdDeduplicator()
    assert.equal(VendorIdDeduplicator.rememberedFromMs(1_000_000), 100_000)
    trades.remember('A', 'old', 'c-1-0', 99_999)
    trades.remember('A', 'young', 'c-1-1', 100_000)
    trades.remember('B', 'old', 'c-1-2', 99_999)
    trades.forget(1_000_000)
    assert.equal(trades.isRepeat('A', 'young', 'd-1-1', 100_000), true)
    assert.equal(trades.isRepeat('A', 'old', 'd-1-0', 99_999), false)
    assert.equal(trades.isRepeat('B', 'old', 'd-1-2', 99_999), false)
  })
})

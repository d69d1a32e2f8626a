import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CopiedFrames } from '@tapedeck/producer/testing'
import fc from 'fast-check'

const T0_MS = 1_764_000_600_000

describe('CopiedFrames', () => {
  it('names the first of equal frames, however often they come', () => {
    const copies = new CopiedFrames()
    const found = ['a', 'a', 'b', 'a', 'b'].map((text, index) =>
      copies.originalOf({ connection: 'c', frame: index + 1, text, receivedAt: T0_MS + index })
    )
    assert.deepEqual(found, [undefined, 1, undefined, 1, 3])
  })

  it('forgets after 32 other frames, five seconds, or with the connection', () => {
    const copies = new CopiedFrames()
    const original = (frame: number, text: string, atMs = 0, connection = 'c') =>
      copies.originalOf({ connection, frame, text, receivedAt: T0_MS + atMs })
    original(1, 'a')
    for (let frame = 2; frame <= 32; frame++) original(frame, `other ${frame}`)
    assert.equal(original(33, 'a'), undefined)

    assert.equal(original(34, 'a', 5000), 33)
    assert.equal(original(35, 'a', 5001), undefined)

    assert.equal(original(36, 'a', 5002), 35)
    assert.equal(original(1, 'a', 5003, 'd'), undefined)
    assert.equal(original(37, 'a', 5004), undefined)
  })

  it('does not remember a very long frame', () => {
    const copies = new CopiedFrames()
    const text = 'x'.repeat(65_537)
    for (const frame of [1, 2]) {
      const found = copies.originalOf({ connection: 'c', frame, text, receivedAt: T0_MS })
      assert.equal(found, undefined)
    }
  })

  it('finds what a search through the last frames finds', () => {
    const frames = fc.array(
      fc.record({
        text: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
        waitMs: fc.constantFrom(0, 1, 2000)
      }),
      { maxLength: 100 }
    )
    fc.assert(
      fc.property(frames, (sent) => {
        const copies = new CopiedFrames()
        const firsts: { text: string; frame: number; receivedAt: number }[] = []
        let receivedAt = T0_MS
        for (const [index, { text, waitMs }] of sent.entries()) {
          receivedAt += waitMs
          const frame = index + 1
          const expected = firsts.findLast(
            (one) => one.text === text && receivedAt - one.receivedAt <= 5000
          )
          if (expected === undefined) firsts.push({ text, frame, receivedAt })
          const found = copies.originalOf({ connection: 'c', frame, text, receivedAt })
          assert.equal(found, expected?.frame)
        }
      })
    )
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BoundedQueue, hasCode } from '@tapedeck/core'

describe('BoundedQueue', () => {
  it('returns items in order, whatever the mix of offers and polls', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 5000 }), (steps) => {
        const queue = new BoundedQueue<number>(1500)
        const model: number[] = []
        let next = 0
        for (const isOffer of steps) {
          if (isOffer) {
            const accepted = queue.offer(next)
            assert.equal(accepted, model.length < 1500)
            if (accepted) model.push(next)
            next++
          } else assert.equal(queue.poll(), model.shift())
          assert.equal(queue.size, model.length)
        }
      })
    )
  })

  it('returns false and adds nothing when it is full', () => {
    const queue = new BoundedQueue<string>(1)
    assert.equal(queue.offer('a'), true)
    assert.equal(queue.offer('b'), false)
    assert.equal(queue.size, 1)
  })

  it('passes an item to a waiting reader', async () => {
    const queue = new BoundedQueue<string>(1)
    const taken = queue.take()
    queue.offer('a')
    assert.equal(await taken, 'a')
  })

  it('drains its items after closing and then ends', async () => {
    const queue = new BoundedQueue<string>(2)
    queue.offer('a')
    queue.close()
    assert.equal(await queue.take(), 'a')
    assert.equal(await queue.take(), undefined)
    assert.throws(
      () => queue.offer('b'),
      (error) => hasCode(error, 'QUEUE_CLOSED')
    )
  })
})

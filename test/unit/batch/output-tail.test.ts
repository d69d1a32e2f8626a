import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { OutputTail } from '../../../services/batch/src/output-tail.ts'

describe('OutputTail', () => {
  it('keeps the end, however the output is cut into pieces, and says how much is missing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary-ascii' })),
        fc.integer({ min: 1, max: 40 }),
        (pieces, limit) => {
          const tail = new OutputTail(limit)
          for (const piece of pieces) tail.add(Buffer.from(piece))
          const all = pieces.join('')
          const missing = Math.max(0, all.length - limit)
          const head = missing === 0 ? '' : `[${missing} bytes before]\n`
          assert.equal(tail.toString(), head + all.slice(missing))
        }
      )
    )
  })

  it('leaves out a letter that is cut', () => {
    const tail = new OutputTail(4)
    tail.add(Buffer.from('ab€cd'))
    assert.equal(tail.toString(), '[3 bytes before]\ncd')
  })
})

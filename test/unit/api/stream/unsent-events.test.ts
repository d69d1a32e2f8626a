import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { UnsentEvents } from '@tapedeck/api/testing'

describe('UnsentEvents', () => {
  it('never gives a point beyond what was sent, nor one before it', () => {
    const step = fc.record({ events: fc.nat(3), isSent: fc.boolean(), isAsked: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let read = 0
        let sentThrough = 0
        const unsent = new UnsentEvents<number>(() => String(read))
        const sent: number[] = []
        for (const { events, isSent, isAsked } of steps) {
          // A record with these events; it may have none.
          if (events > 0) unsent.add(Array.from({ length: events }, () => read))
          read++
          if (isAsked) {
            const point = Number(unsent.resume)
            assert.ok(point >= sentThrough, 'what was sent would come again')
            assert.ok(sent.every((record) => record < point))
          }
          if (isSent) {
            sent.push(...unsent.take())
            sentThrough = read
            assert.equal(unsent.resume, String(read))
          }
        }
        const rest = unsent.resume
        const left = unsent.take()
        assert.ok(
          left.every((record) => record >= Number(rest)),
          'what was not sent would be missed'
        )
      })
    )
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RecentEvents } from '@tapedeck/api/testing'
import { TestClock } from '../../../support/test-clock.ts'
import { anEvent } from './an-event.ts'

describe('RecentEvents', () => {
  it('keeps the events of a time, and knows from which offset on it has them', async () => {
    const clock = new TestClock()
    const recent = new RecentEvents(1000, 100_000, clock)
    recent.begin(
      new Map([
        [
          'trades',
          new Map([
            [0, 5],
            [1, 0]
          ])
        ]
      ])
    )
    assert.equal(recent.reaches('trades', 0, 4), false)
    assert.equal(recent.reaches('trades', 0, 5), true)
    for (let offset = 5; offset < 10; offset++) {
      recent.add({ log: 'trades', partition: 0, offset }, [anEvent({ rows: [`${offset}`] })])
      await clock.advance(400)
    }
    const seen: string[] = []
    const { first, end } = recent.span
    for (let number = first; number < end; number++) {
      for (const { rows } of recent.at(number)?.events ?? []) seen.push(...rows)
    }
    assert.deepEqual({ first, end }, { first: 2, end: 5 })
    assert.deepEqual(seen, ['7', '8', '9'])
    assert.equal(recent.reaches('trades', 0, 6), false)
    assert.equal(recent.reaches('trades', 0, 7), true)
    assert.equal(recent.reaches('trades', 1, 0), true)
  })

  it('keeps less than that time rather than more bytes, objects around the rows included', () => {
    const recent = new RecentEvents(1000, 1500, new TestClock())
    recent.begin(new Map([['trades', new Map([[0, 0]])]]))
    for (let offset = 0; offset < 4; offset++) {
      recent.add({ log: 'trades', partition: 0, offset }, [anEvent({ rows: ['1234'] })])
    }
    assert.deepEqual(recent.span, { first: 2, end: 4 })
    assert.equal(recent.at(1), undefined, 'what was dropped is not kept')
    assert.equal(recent.reaches('trades', 0, 1), false)
    assert.equal(recent.reaches('trades', 0, 2), true)
  })

  it('does not reach back over records that were lost', () => {
    const recent = new RecentEvents(1000, 100_000, new TestClock())
    recent.begin(
      new Map([
        [
          'trades',
          new Map([
            [0, 5],
            [1, 5]
          ])
        ]
      ])
    )
    recent.add({ log: 'trades', partition: 0, offset: 5 }, [anEvent()])
    recent.lose('trades', 0, 20)
    assert.equal(recent.reaches('trades', 0, 19), false)
    assert.equal(recent.reaches('trades', 0, 20), true)
    assert.equal(recent.reaches('trades', 1, 5), true)
  })

  it('has nothing of a log that was replaced, and numbers on', () => {
    const recent = new RecentEvents(1000, 100_000, new TestClock())
    recent.add({ log: 'trades', partition: 0, offset: 5 }, [anEvent()])
    recent.clear()
    assert.deepEqual(recent.span, { first: 1, end: 1 })
    recent.begin(new Map([['trades', new Map([[0, 7]])]]))
    assert.equal(recent.reaches('trades', 0, 6), false)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addDays, holidayDifferences, holidayName, isoDate, tradingDayOf } from '@tapedeck/domain'
import fc from 'fast-check'

/** Our calendar in the form of a vendor's list. */
function listed(year: number) {
  return Array.from({ length: 366 }, (_, i) => addDays({ year, month: 1, day: 1 }, i)).flatMap(
    (date) => {
      const isEarly = tradingDayOf(date) === 'early'
      const name = isEarly ? 'Early close' : holidayName(date)
      const tradingHour = isEarly ? '09:30-13:00' : ''
      return name === undefined ? [] : [{ atDate: isoDate(date), eventName: name, tradingHour }]
    }
  )
}

describe('holidayDifferences()', () => {
  it('finds none between a list and the calendar it was made from', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2015, max: 2040 }), (year) => {
        assert.deepEqual(holidayDifferences(listed(year)), [])
      }),
      { numRuns: 20 }
    )
  })

  it('says what only one of them has, and what is shorter in one', () => {
    const found = listed(2026)
      .filter(({ atDate }) => atDate !== '2026-04-03')
      .map((one) => (one.atDate === '2026-11-27' ? { ...one, tradingHour: '' } : one))
    found.push({ atDate: '2026-03-10', eventName: 'Mourning', tradingHour: '' })
    assert.deepEqual(holidayDifferences(found), [
      '2026-03-10: an ordinary trading day in our calendar, closed for Mourning in theirs',
      '2026-04-03: Good Friday in our calendar, nothing in theirs',
      '2026-11-27: an early close in our calendar, closed for Early close in theirs'
    ])
  })

  it('does not judge what a list does not reach, and names what is no date', () => {
    assert.deepEqual(holidayDifferences([]), [])
    assert.deepEqual(
      holidayDifferences([
        { atDate: '2026-12-25', eventName: 'Christmas', tradingHour: '' },
        { atDate: 'soon', eventName: 'Easter', tradingHour: '' }
      ]),
      ["'soon' is no date (Easter)"]
    )
  })
})

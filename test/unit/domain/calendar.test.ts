import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addDays, isoDate, tradingDayOf } from '@tapedeck/domain'

/** NYSE's published table for the years up to 2027, and its rules from 2028 on. */
const CLOSED: Readonly<Record<number, string>> = {
  2012: '01-02 01-16 02-20 04-06 05-28 07-04 09-03 10-29 10-30 11-22 12-25',
  2018: '01-01 01-15 02-19 03-30 05-28 07-04 09-03 11-22 12-05 12-25',
  2021: '01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24',
  2022: '01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26',
  2025: '01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25',
  2026: '01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25',
  2027: '01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24',
  2028: '01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25',
  2029: '01-01 01-15 02-19 03-30 05-28 06-19 07-04 09-03 11-22 12-25',
  2030: '01-01 01-21 02-18 04-19 05-27 06-19 07-04 09-02 11-28 12-25'
}
const EARLY: Readonly<Record<number, string>> = {
  2012: '07-03 11-23 12-24',
  2018: '07-03 11-23 12-24',
  2021: '11-26',
  2022: '11-25',
  2025: '07-03 11-28 12-24',
  2026: '11-27 12-24',
  2027: '11-26',
  2028: '07-03 11-24',
  2029: '07-03 11-23 12-24',
  2030: '07-03 11-29 12-24'
}

function weekdaysThatAre(year: number, kind: 'closed' | 'early'): string {
  const found: string[] = []
  for (let date = { year, month: 1, day: 1 }; date.year === year; date = addDays(date, 1)) {
    const weekday = new Date(`${isoDate(date)}T00:00:00Z`).getUTCDay()
    if (weekday !== 0 && weekday !== 6 && tradingDayOf(date) === kind) {
      found.push(isoDate(date).slice(5))
    }
  }
  return found.join(' ')
}

describe('tradingDayOf()', () => {
  for (const year of [2012, 2018, 2021, 2022, 2025, 2026, 2027, 2028, 2029, 2030]) {
    it(`knows every closure and early close of ${year}`, () => {
      assert.equal(weekdaysThatAre(year, 'closed'), CLOSED[year])
      assert.equal(weekdaysThatAre(year, 'early'), EARLY[year])
    })
  }

  it('closes two days before Easter Sunday, as the tables of the church have it', () => {
    // Source: the United States Census Bureau's table of Easter dates.
    const easters = [
      '1999-04-04',
      '2000-04-23',
      '2008-03-23',
      '2011-04-24',
      '2014-04-20',
      '2038-04-25',
      '2049-04-18',
      '2076-04-19',
      '2099-04-12',
      '2100-03-28'
    ]
    for (const easter of easters) {
      const [year = 0, month = 0, day = 0] = easter.split('-').map(Number)
      const before = (days: number): string => tradingDayOf(addDays({ year, month, day }, -days))
      assert.deepEqual([3, 2].map(before), ['open', 'closed'], easter)
    }
  })
})

describe('isoDate()', () => {
  it('has four, two and two digits', () => {
    assert.equal(isoDate({ year: 812, month: 3, day: 7 }), '0812-03-07')
    assert.equal(isoDate(addDays({ year: 2024, month: 2, day: 28 }, 2)), '2024-03-01')
  })
})

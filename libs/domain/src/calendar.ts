import {
  addDays,
  easterSunday,
  isoDate,
  nthWeekday,
  weekdayOf,
  type CalendarDate
} from './calendar-date.ts'
import calendar from './market-calendar.json' with { type: 'json' }

/**
 * Days that no rule knows: unscheduled closures, and whatever else turns out otherwise. They stand in
 * market-calendar.json, so that a new one needs no code.
 */
const OVERRIDES = calendar.overrides as Readonly<
  Record<string, { readonly day: TradingDay; readonly name: string }>
>

export type TradingDay = 'open' | 'early' | 'closed'

/**
 * Whether US stocks trade on a date: all day, until 13:00 New York, or not at all.
 * Source: NYSE Rule 7.2 and its holiday table; Juneteenth since 2022.
 */
export function tradingDayOf(date: CalendarDate): TradingDay {
  const override = OVERRIDES[isoDate(date)]
  if (override !== undefined) return override.day
  const weekday = weekdayOf(date)
  if (weekday === 0 || weekday === 6 || isHoliday(date)) return 'closed'
  return closesEarly(date) ? 'early' : 'open'
}

/** The name of the holiday or closure on a weekday; undefined when the exchanges open. */
export function holidayName(date: CalendarDate): string | undefined {
  const override = OVERRIDES[isoDate(date)]
  if (override !== undefined) return override.day === 'closed' ? override.name : undefined
  if (!isHoliday(date)) return undefined
  const { month, day } = date
  if (month === 1) return day <= 2 ? 'New Year' : 'Martin Luther King Day'
  return HOLIDAY_NAMES[month] ?? 'Good Friday'
}

const HOLIDAY_NAMES: Readonly<Record<number, string>> = {
  2: 'Presidents Day',
  5: 'Memorial Day',
  6: 'Juneteenth',
  7: 'Independence Day',
  9: 'Labor Day',
  11: 'Thanksgiving',
  12: 'Christmas'
}

function isHoliday(date: CalendarDate): boolean {
  const { year, month, day } = date
  switch (month) {
    case 1:
      return observedFrom(date, 1, 1, 'sunday only') || day === nthWeekday(year, 1, 1, 3)
    case 2:
      return day === nthWeekday(year, 2, 1, 3)
    case 5:
      return day === nthWeekday(year, 5, 1, -1)
    case 6:
      return year >= 2022 && observedFrom(date, 6, 19)
    case 7:
      return observedFrom(date, 7, 4)
    case 9:
      return day === nthWeekday(year, 9, 1, 1)
    case 11:
      return day === nthWeekday(year, 11, 4, 4)
    case 12:
      return observedFrom(date, 12, 25)
    default:
      return isoDate(date) === isoDate(addDays(easterSunday(year), -2))
  }
}

/** The holiday itself; on a Sunday the Monday after; on a Saturday the Friday before, if observed. */
function observedFrom(
  date: CalendarDate,
  month: number,
  day: number,
  rule: 'both' | 'sunday only' = 'both'
): boolean {
  const holiday = { year: date.year, month, day }
  const weekday = weekdayOf(holiday)
  if (weekday === 6 && rule === 'sunday only') return false
  const shift = weekday === 0 ? 1 : weekday === 6 ? -1 : 0
  return isoDate(date) === isoDate(addDays(holiday, shift))
}

function closesEarly(date: CalendarDate): boolean {
  const { year, month, day } = date
  const weekday = weekdayOf(date)
  if (month === 7) return day === 3 && weekday >= 1 && weekday <= 4
  if (month === 11) return day === nthWeekday(year, 11, 4, 4) + 1
  return month === 12 && day === 24 && weekday >= 1 && weekday <= 4
}

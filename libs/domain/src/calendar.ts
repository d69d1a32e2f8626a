import calendar from './market-calendar.json' with { type: 'json' }

/** A day of the Gregorian calendar, without a time zone. Months count from 1. */
export interface CalendarDate {
  readonly year: number
  readonly month: number
  readonly day: number
}

/** Exceptions to the rules below, such as unscheduled closures. A new one needs no code. */
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

export function isoDate({ year, month, day }: CalendarDate): string {
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}

export function addDays({ year, month, day }: CalendarDate, days: number): CalendarDate {
  const moved = new Date(Date.UTC(year, month - 1, day + days))
  return {
    year: moved.getUTCFullYear(),
    month: moved.getUTCMonth() + 1,
    day: moved.getUTCDate()
  }
}

/** 0 Sunday to 6 Saturday. */
export function weekdayOf({ year, month, day }: CalendarDate): number {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDay()
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

/** Day of the month of the nth given weekday; nth -1 is the last. */
function nthWeekday(year: number, month: number, weekday: number, nth: number): number {
  if (nth < 0) {
    const last = new Date(Date.UTC(year, month, 0)).getUTCDate()
    return last - ((weekdayOf({ year, month, day: last }) - weekday + 7) % 7)
  }
  const first = weekdayOf({ year, month, day: 1 })
  return 1 + ((weekday - first + 7) % 7) + (nth - 1) * 7
}

/** Easter Sunday. Source: anonymous Gregorian algorithm (Meeus, Astronomical Algorithms, ch. 8). */
function easterSunday(year: number): CalendarDate {
  const a = year % 19
  const b = Math.floor(year / 100)
  const c = year % 100
  const d = Math.floor(b / 4)
  const e = b % 4
  const f = Math.floor((b + 8) / 25)
  const g = Math.floor((b - f + 1) / 3)
  const h = (19 * a + b - d - g + 15) % 30
  const i = Math.floor(c / 4)
  const k = c % 4
  const l = (32 + 2 * e + 2 * i - h - k) % 7
  const m = Math.floor((a + 11 * h + 22 * l) / 451)
  const month = Math.floor((h + l - 7 * m + 114) / 31)
  return { year, month, day: ((h + l - 7 * m + 114) % 31) + 1 }
}

import { addDays, holidayName, isoDate, tradingDayOf, type CalendarDate } from './calendar.ts'

/** A day of a vendor's list of market holidays. */
export interface ListedHoliday {
  readonly eventName: string
  /** YYYY-MM-DD. */
  readonly atDate: string
  /** Such as `09:30-13:00`; empty when the exchanges do not open. */
  readonly tradingHour: string
}

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/
/** Finnhub's list goes a few years back and forth; a damaged date must not make this endless. */
const MOST_DAYS = 20_000

/**
 * Compares a vendor's market holidays with our calendar, a sentence a difference. Days that the list does not reach are
 * not judged; dates that are none are differences.
 */
export function holidayDifferences(listed: readonly ListedHoliday[]): string[] {
  const differences: string[] = []
  const byDate = new Map<string, ListedHoliday>()
  for (const one of listed) {
    if (dayOf(one.atDate) === undefined) {
      differences.push(`'${one.atDate}' is no date (${one.eventName})`)
    } else byDate.set(one.atDate, one)
  }
  const dates = [...byDate.keys()].toSorted()
  const last = dates.at(-1) ?? ''
  let date = dayOf(dates[0] ?? '')
  for (let days = 0; date !== undefined && isoDate(date) <= last && days < MOST_DAYS; days++) {
    const theirs = byDate.get(isoDate(date))
    const difference = differenceOn(date, theirs)
    if (difference !== undefined) differences.push(`${isoDate(date)}: ${difference}`)
    date = addDays(date, 1)
  }
  return differences
}

function differenceOn(date: CalendarDate, theirs: ListedHoliday | undefined): string | undefined {
  const day = tradingDayOf(date)
  const ours = day === 'early' ? 'an early close' : (holidayName(date) ?? 'no trading')
  // Weekends are in no list.
  if (theirs === undefined) {
    const isListed = day === 'early' || holidayName(date) !== undefined
    return isListed ? `${ours} in our calendar, nothing in theirs` : undefined
  }
  const isEarly = theirs.tradingHour !== ''
  if (day === (isEarly ? 'early' : 'closed')) return undefined
  const said = `${isEarly ? `open ${theirs.tradingHour}` : 'closed'} for ${theirs.eventName}`
  return `${day === 'open' ? 'an ordinary trading day' : ours} in our calendar, ${said} in theirs`
}

function dayOf(text: string): CalendarDate | undefined {
  const [, year, month, day] = DAY.exec(text)?.map(Number) ?? []
  if (year === undefined || month === undefined || day === undefined) return undefined
  const date = { year, month, day }
  return isoDate(addDays(date, 0)) === text ? date : undefined
}

import { holidayName } from './calendar.ts'
import { isoDate, weekdayOf } from './calendar-date.ts'
import { newYorkTime, sessionAt, tradingDateAt, type Session } from './sessions.ts'

/** Where the US stock market stands at a moment. */
export interface MarketState {
  readonly session: Session
  /** Whether trades are to be expected at all: pre, regular and post. */
  readonly isTrading: boolean
  /** When the next session that trades begins, epoch ms; now's own beginning while one runs. */
  readonly opensMs: number
  /** In words: "regular session until 16:00 New York", "closed for Thanksgiving, …". */
  readonly text: string
}

const US_STOCK = 'US'
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** The state of the US stock market; pre, post, night, weekend and holiday by the calendar. */
export function marketState(nowMs: number): MarketState {
  const date = tradingDateAt(US_STOCK, nowMs)
  const session = sessionAt(US_STOCK, date, nowMs)
  switch (session) {
    case 'pre':
      return trading(session, date.preMs, `pre-market until ${clock(date.openMs)}`)
    case 'regular':
      return trading(session, date.openMs, `regular session until ${clock(date.closeMs)}`)
    case 'post':
      return trading(session, date.closeMs, `after-hours until ${clock(date.postEndMs)}`)
    default: {
      const next = nowMs < date.preMs ? date : tradingDateAt(US_STOCK, date.endMs)
      return {
        session,
        isTrading: false,
        opensMs: next.preMs,
        text: `${closedBecause(nowMs, session)}: pre-market opens ${day(next.preMs)} ${clock(next.preMs)}, the regular session ${clock(next.openMs)} New York`
      }
    }
  }
}

function trading(session: Session, opensMs: number, text: string): MarketState {
  return { session, isTrading: true, opensMs, text: `${text} New York` }
}

function closedBecause(nowMs: number, session: Session): string {
  const { date } = newYorkTime(nowMs)
  const holiday = holidayName(date)
  if (holiday !== undefined) return `closed for ${holiday}`
  const weekday = weekdayOf(date)
  if (weekday === 0 || weekday === 6) return 'closed for the weekend'
  return session === 'overnight' ? 'overnight' : `closed on ${isoDate(date)}`
}

function clock(atMs: number): string {
  const { minutes } = newYorkTime(atMs)
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}

function day(atMs: number): string {
  const { date } = newYorkTime(atMs)
  return `${WEEKDAYS[weekdayOf(date)] ?? ''} ${isoDate(date)}`
}

import {
  addDays,
  holidayName,
  isoDate,
  tradingDayOf,
  weekdayOf,
  type CalendarDate
} from './calendar.ts'
import calendar from './market-calendar.json' with { type: 'json' }
import { tradesRoundTheClock } from './symbols.ts'

export type Session = 'pre' | 'regular' | 'post' | 'overnight' | 'closed' | 'continuous'

/** A trading day, [startMs, endMs), with the limits of its sessions; epoch ms. */
export interface TradingDate {
  /** YYYY-MM-DD. */
  readonly tradeDate: string
  readonly startMs: number
  readonly endMs: number
  readonly overnightMs: number
  readonly preMs: number
  readonly openMs: number
  readonly closeMs: number
  readonly postEndMs: number
}

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** Auction prints and official closes are reported up to minutes after the bell. */
export const CLOSING_PRINTS_MS = 10 * MINUTE_MS
const CLOSING_CODES: readonly string[] = ['16', '35', '36', '39']

/** Minutes after midnight, New York. */
function minutesOf(time: string): number {
  const [hour, minute] = time.split(':').map(Number)
  return (hour ?? 0) * 60 + (minute ?? 0)
}

const TIMES = calendar.sessionsNewYork
const PRE = minutesOf(TIMES.pre)
const OPEN = minutesOf(TIMES.open)
const CLOSE = minutesOf(TIMES.close)
const EARLY_CLOSE = minutesOf(TIMES.earlyClose)
const EARLY_POST_END = minutesOf(TIMES.earlyPostEnd)
/** The trade date rolls where the post session ends and overnight begins. */
const ROLL = minutesOf(TIMES.roll)

const newYork = new Intl.DateTimeFormat('en-US', {
  timeZone: 'America/New_York',
  hourCycle: 'h23',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric'
})

/**
 * The trading date of a moment for a symbol. US stocks: from 20:00 New York of the trading day
 * before to 20:00, so that a weekend belongs to Monday. Round-the-clock symbols: the UTC day.
 */
export function tradingDateAt(symbol: string, atMs: number): TradingDate {
  return tradesRoundTheClock(symbol) ? utcDay(atMs) : newYorkDay(atMs)
}

/** The session of a moment inside its trading date. */
export function sessionAt(symbol: string, date: TradingDate, atMs: number): Session {
  if (tradesRoundTheClock(symbol)) return 'continuous'
  if (atMs >= date.openMs && atMs < date.closeMs) return 'regular'
  if (atMs >= date.preMs && atMs < date.openMs) return 'pre'
  if (atMs >= date.closeMs && atMs < date.postEndMs) return 'post'
  return atMs >= date.overnightMs && atMs < date.preMs ? 'overnight' : 'closed'
}

/** The session that holds a moment, [startMs, endMs), epoch ms. What lies between sessions is `closed`. */
export function sessionSpanAt(
  symbol: string,
  atMs: number
): { readonly session: Session; readonly startMs: number; readonly endMs: number } {
  const date = tradingDateAt(symbol, atMs)
  const session = sessionAt(symbol, date, atMs)
  const limits = [
    date.startMs,
    date.overnightMs,
    date.preMs,
    date.openMs,
    date.closeMs,
    date.postEndMs,
    date.endMs
  ]
  return {
    session,
    startMs: limits.findLast((ms) => ms <= atMs) ?? date.startMs,
    endMs: limits.find((ms) => ms > atMs) ?? date.endMs
  }
}

/** The session of a trade: closing prints within ten minutes of the bell count as regular. */
export function sessionOfTrade(
  symbol: string,
  date: TradingDate,
  atMs: number,
  conditions: readonly string[] | null | undefined
): Session {
  const session = sessionAt(symbol, date, atMs)
  if (session !== 'post' || atMs >= date.closeMs + CLOSING_PRINTS_MS || !conditions) return session
  return CLOSING_CODES.some((code) => conditions.includes(code)) && !conditions.includes('24')
    ? 'regular'
    : session
}

/** The state of the US stock market at a moment. */
export interface MarketState {
  readonly session: Session
  /** True in pre-market, regular and after-hours sessions. */
  readonly isTrading: boolean
  /** Start of the running session, or of the next one when the market is closed; epoch ms. */
  readonly opensMs: number
  /** For people: "regular session until 16:00 New York", "closed for Thanksgiving: …". */
  readonly text: string
}

/** Stands for every symbol that trades at the US exchanges. */
export const US_STOCK = 'US'
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** The state of the US stock market at `nowMs` by the exchange's calendar. */
export function marketState(nowMs: number): MarketState {
  const date = tradingDateAt(US_STOCK, nowMs)
  const session = sessionAt(US_STOCK, date, nowMs)
  switch (session) {
    case 'pre':
      return trading(session, date.preMs, `pre-market until ${clockText(date.openMs)}`)
    case 'regular':
      return trading(session, date.openMs, `regular session until ${clockText(date.closeMs)}`)
    case 'post':
      return trading(session, date.closeMs, `after-hours until ${clockText(date.postEndMs)}`)
    default: {
      const next = nowMs < date.preMs ? date : tradingDateAt(US_STOCK, date.endMs)
      return {
        session,
        isTrading: false,
        opensMs: next.preMs,
        text: `${closedBecause(nowMs, session)}: pre-market opens ${dateText(next.preMs)} ${clockText(next.preMs)}, the regular session ${clockText(next.openMs)} New York`
      }
    }
  }
}

let lastUtcDay: TradingDate | undefined

function utcDay(atMs: number): TradingDate {
  if (lastUtcDay !== undefined && atMs >= lastUtcDay.startMs && atMs < lastUtcDay.endMs) {
    return lastUtcDay
  }
  const startMs = Math.floor(atMs / DAY_MS) * DAY_MS
  const endMs = startMs + DAY_MS
  lastUtcDay = {
    tradeDate: new Date(startMs).toISOString().slice(0, 10),
    startMs,
    endMs,
    overnightMs: startMs,
    preMs: startMs,
    openMs: startMs,
    closeMs: endMs,
    postEndMs: endMs
  }
  return lastUtcDay
}

/** Computed days are cached: Intl is slow, and consecutive trades share a day. */
const MEMORY_DAYS = 64
const newYorkDays: TradingDate[] = []

function newYorkDay(atMs: number): TradingDate {
  const newest = newYorkDays[0]
  if (newest !== undefined && atMs >= newest.startMs && atMs < newest.endMs) return newest
  const index = newYorkDays.findIndex((day) => atMs >= day.startMs && atMs < day.endMs)
  const found = index < 0 ? computeNewYorkDay(atMs) : newYorkDays.splice(index, 1)[0]
  const day = found ?? computeNewYorkDay(atMs)
  newYorkDays.unshift(day)
  if (newYorkDays.length > MEMORY_DAYS) newYorkDays.pop()
  return day
}

function computeNewYorkDay(atMs: number): TradingDate {
  const local = newYorkTime(atMs)
  let date: CalendarDate = local.minutes >= ROLL ? addDays(local.date, 1) : local.date
  while (tradingDayOf(date) === 'closed') date = addDays(date, 1)
  let before = addDays(date, -1)
  while (tradingDayOf(before) === 'closed') before = addDays(before, -1)
  const early = tradingDayOf(date) === 'early'
  return {
    tradeDate: isoDate(date),
    startMs: newYorkMs(before, ROLL),
    endMs: newYorkMs(date, ROLL),
    overnightMs: newYorkMs(addDays(date, -1), ROLL),
    preMs: newYorkMs(date, PRE),
    openMs: newYorkMs(date, OPEN),
    closeMs: newYorkMs(date, early ? EARLY_CLOSE : CLOSE),
    postEndMs: newYorkMs(date, early ? EARLY_POST_END : ROLL)
  }
}

/** The New York wall clock of a moment. */
function newYorkTime(atMs: number): { date: CalendarDate; minutes: number } {
  const parts: Record<string, number> = {}
  for (const { type, value } of newYork.formatToParts(atMs)) parts[type] = Number(value)
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts
  return { date: { year, month, day }, minutes: hour * 60 + minute }
}

/** Epoch ms of a New York wall-clock time; session boundaries never fall into a DST change. */
function newYorkMs({ year, month, day }: CalendarDate, atMinutes: number): number {
  const asUtcMs = Date.UTC(year, month - 1, day) + atMinutes * MINUTE_MS
  const summer = asUtcMs + 4 * 60 * MINUTE_MS
  const local = newYorkTime(summer)
  const back =
    Date.UTC(local.date.year, local.date.month - 1, local.date.day) + local.minutes * MINUTE_MS
  return summer + (asUtcMs - back)
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

function clockText(atMs: number): string {
  const { minutes } = newYorkTime(atMs)
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}

function dateText(atMs: number): string {
  const { date } = newYorkTime(atMs)
  return `${WEEKDAYS[weekdayOf(date)] ?? ''} ${isoDate(date)}`
}

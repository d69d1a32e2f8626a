import { timeframeProblem, tradingDateAt, type Timeframe, type TradingDate } from '@tapedeck/domain'

/** One end of a range: a trading date (YYYY-MM-DD, inclusive) or a moment (epoch ms). */
export type RangeEnd = { readonly date: string } | { readonly ms: number }

/** Noon in New York in summer, 11 o'clock in winter: within the trading date of every symbol. */
const NOON_UTC_MS = 16 * 3_600_000

/** Parses `2026-03-10` or an ISO moment such as 2026-03-10T14:00Z; undefined for anything else. */
function rangeEndOf(text: string): RangeEnd | undefined {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) {
    const ms = Date.parse(`${text}T00:00:00Z`)
    return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text)
      ? { date: text }
      : undefined
  }
  if (!/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : { ms }
}

/** Collects the mistakes of a command line. */
interface Noting {
  mistake(...texts: readonly string[]): void
}

/** The range from `--from` to `--to`. After a mistake its ends have no meaning. */
export function readRange(
  given: Noting,
  fromText: string | undefined,
  toText: string | undefined
): { readonly from: RangeEnd; readonly to: RangeEnd } {
  const from = readRangeEnd(given, '--from', fromText)
  const to = readRangeEnd(given, '--to', toText)
  if (from !== undefined && to !== undefined && !isForward(from, to)) {
    given.mistake(`--to ${toText} found, expected not before --from ${fromText}`)
  }
  return { from: from ?? { ms: 0 }, to: to ?? { ms: 0 } }
}

/** One end of a range; undefined after a mistake. */
export function readRangeEnd(
  given: Noting,
  option: string,
  text: string | undefined
): RangeEnd | undefined {
  const end = text === undefined ? undefined : rangeEndOf(text)
  if (end === undefined) {
    const found = text === undefined ? 'is missing' : `${text} found`
    given.mistake(`${option} ${found}, expected a date such as 2026-03-10 or 2026-03-10T14:00Z`)
  }
  return end
}

/** The date of an option such as `--date`; empty after a mistake. */
export function readDate(given: Noting, option: string, text: string | undefined): string {
  const end = readRangeEnd(given, option, text)
  if (end !== undefined && 'date' in end) return end.date
  if (end !== undefined) {
    given.mistake(`${option} ${text} found, expected a date such as 2026-03-10`)
  }
  return ''
}

/** Checks the names of `--timeframes`. */
export function checkTimeframes(
  given: Noting,
  names: readonly Timeframe[] | undefined
): readonly Timeframe[] | undefined {
  const problems = names?.map(timeframeProblem).filter((one) => one !== undefined) ?? []
  given.mistake(...problems.map((problem) => `--timeframes: ${problem}`))
  return names
}

/** Whether a range is not empty. */
function isForward(from: RangeEnd, to: RangeEnd): boolean {
  if ('date' in from && 'date' in to) return from.date <= to.date
  return startOf(from) < endOf(to)
}

/**
 * The trading dates of a symbol that overlap a range. They are used whole, because a bar is never
 * rebuilt from a part of its trades. An end that is a date is inclusive, one that is a moment exclusive.
 */
export function* tradingDatesOf(
  symbol: string,
  from: RangeEnd,
  to: RangeEnd
): Generator<TradingDate> {
  const firstMs = 'date' in from ? Date.parse(from.date) + NOON_UTC_MS : from.ms
  let date = tradingDateAt(symbol, firstMs)
  while ('date' in to ? date.tradeDate <= to.date : date.startMs < to.ms) {
    yield date
    date = tradingDateAt(symbol, date.endMs)
  }
}

/** The time of a range for a symbol, [fromMs, toMs): of an end that is a date its whole trading date. */
export function boundsOf(
  symbol: string,
  from: RangeEnd,
  to: RangeEnd
): { readonly fromMs: number; readonly toMs: number } {
  const dateOf = (date: string): TradingDate =>
    tradingDateAt(symbol, Date.parse(date) + NOON_UTC_MS)
  return {
    fromMs: 'date' in from ? dateOf(from.date).startMs : from.ms,
    toMs: 'date' in to ? dateOf(to.date).endMs : to.ms
  }
}

function startOf(end: RangeEnd): number {
  return 'date' in end ? Date.parse(end.date) : end.ms
}

function endOf(end: RangeEnd): number {
  return 'date' in end ? Date.parse(end.date) + 2 * NOON_UTC_MS : end.ms
}

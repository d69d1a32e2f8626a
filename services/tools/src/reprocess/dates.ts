import { tradingDateAt, type TradingDate } from '@tapedeck/domain'

/** One end of a range: a trading date (YYYY-MM-DD, inclusive) or a moment (epoch ms). */
export type RangeEnd = { readonly date: string } | { readonly ms: number }

/** Noon in New York, or an hour off: inside the trading date of every symbol. */
const NOON_UTC_MS = 16 * 3_600_000

/** Reads `2026-03-10` or an ISO moment such as 2026-03-10T14:00Z; undefined when it is neither. */
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

/** Where mistakes of the arguments are noted. */
interface Noting {
  mistake(text: string): void
}

/** The range from `--from` to `--to`; the ends are of no use when a mistake was noted. */
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

/** One end of a range; undefined when a mistake was noted. */
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

/** Whether a range has anything between its ends. */
function isForward(from: RangeEnd, to: RangeEnd): boolean {
  if ('date' in from && 'date' in to) return from.date <= to.date
  return startOf(from) < endOf(to)
}

/**
 * The trading dates of a symbol that a range touches, each whole: a bar is never rebuilt from part of
 * its trades. A date includes itself; a moment at the end is exclusive.
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

function startOf(end: RangeEnd): number {
  return 'date' in end ? Date.parse(end.date) : end.ms
}

function endOf(end: RangeEnd): number {
  return 'date' in end ? Date.parse(end.date) + 2 * NOON_UTC_MS : end.ms
}

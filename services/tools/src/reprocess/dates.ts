import { tradingDateAt, type TradingDate } from '@tapedeck/domain'

/** One end of a range: a trading date (YYYY-MM-DD, inclusive) or a moment (epoch ms). */
export type RangeEnd = { readonly date: string } | { readonly ms: number }

/** Noon in New York, or an hour off: inside the trading date of every symbol. */
const NOON_UTC_MS = 16 * 3_600_000

/** Reads `2026-03-10` or an ISO moment such as 2026-03-10T14:00Z; undefined when it is neither. */
export function rangeEndOf(text: string): RangeEnd | undefined {
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

/** Whether a range has anything between its ends. */
export function isForward(from: RangeEnd, to: RangeEnd): boolean {
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

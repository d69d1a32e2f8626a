import { sessionAt, tradingDateAt } from '@tapedeck/domain'
import type { Instrument } from './instrument.ts'

/** No activity is higher. */
export const HIGHEST_ACTIVITY = 1.7

/** Share of the mean rate outside the regular session. */
const HONEST = { pre: 0.15, post: 0.15, overnight: 0.03, closed: 0 } as const
/** So that a demonstration lives at any hour. */
const ALWAYS_OPEN = { pre: 0.7, post: 0.7, overnight: 0.7, closed: 0.7 } as const

/**
 * How busy a symbol is at a moment, as a multiple of its mean rate. Stocks: a U over the regular
 * session (busy at both ends, mean 1) and less around it. Everything else is steady.
 *
 * @param alwaysOpen stocks trade when the exchange is closed, too
 */
export function activityAt({ symbol }: Instrument, atMs: number, alwaysOpen: boolean): number {
  const date = tradingDateAt(symbol, atMs)
  const session = sessionAt(symbol, date, atMs)
  if (session === 'continuous') return 1
  if (session !== 'regular') return (alwaysOpen ? ALWAYS_OPEN : HONEST)[session]
  // -1 at the open, 1 at the close; the square has the mean 1/3.
  const place = (2 * (atMs - date.openMs)) / (date.closeMs - date.openMs) - 1
  return 0.65 + 1.05 * place * place
}

/** Whether a trade of that time carries the extended-hours code 24. */
export function isExtendedHours({ symbol, kind }: Instrument, atMs: number): boolean {
  return kind === 'stock' && sessionAt(symbol, tradingDateAt(symbol, atMs), atMs) !== 'regular'
}

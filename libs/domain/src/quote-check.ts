import { sessionSpanAt } from './sessions.ts'

/** A quote as an API gave it. */
export interface QuoteSeen {
  readonly price: number
  /** When the API says that this price was paid; epoch ms, undefined when it does not say. */
  readonly quotedMs: number | undefined
  /** Epoch ms. */
  readonly receivedMs: number
}

/** The newest trade that sets a price, at the time of the quote. */
export interface TradeSeen {
  readonly price: number
  /** Epoch ms. */
  readonly tradedMs: number
}

/** How far quotes may be from the stream. */
export interface QuoteLimits {
  /** Of the price of the last trade, percent. */
  readonly tolerancePercent: number
  /** A quote received before so long is stale, ms. */
  readonly maxAgeMs: number
}

export type QuoteVerdict = 'agrees' | 'differs' | 'stale' | 'missing' | 'no trade' | 'closed'

/** A quote compared with the stream. */
export interface QuoteCheck {
  readonly verdict: QuoteVerdict
  /** Quote less trade, percent of the trade; null where one of them is missing. */
  readonly differencePercent: number | null
  /** Since the quote was received; null without one. */
  readonly ageMs: number | null
}

/** Verdicts that somebody should look at. */
const ALARMS: readonly QuoteVerdict[] = ['differs', 'stale', 'missing']

export function isQuoteAlarm(verdict: QuoteVerdict): boolean {
  return ALARMS.includes(verdict)
}

/**
 * Compares the quote of a symbol with its last trade at the time of the quote. Outside the regular session it judges
 * nothing: Finnhub's quotes stay at the official close while trades go on.
 * @param quote undefined when the symbol was never asked for, or the API does not know it
 * @param nowMs epoch ms
 */
export function checkQuote(
  symbol: string,
  quote: QuoteSeen | undefined,
  trade: TradeSeen | undefined,
  nowMs: number,
  { tolerancePercent, maxAgeMs }: QuoteLimits
): QuoteCheck {
  const ageMs = quote === undefined ? null : Math.max(0, nowMs - quote.receivedMs)
  const differencePercent =
    quote === undefined || trade === undefined || trade.price === 0
      ? null
      : (100 * (quote.price - trade.price)) / trade.price
  const verdict = (): QuoteVerdict => {
    if (!isQuoted(symbol, nowMs, maxAgeMs)) return 'closed'
    if (ageMs === null) return 'missing'
    if (ageMs > maxAgeMs) return 'stale'
    if (differencePercent === null) return 'no trade'
    return Math.abs(differencePercent) > tolerancePercent ? 'differs' : 'agrees'
  }
  return { verdict: verdict(), differencePercent, ageMs }
}

/** Whether quotes of a symbol move, and have moved for as long as a quote may be old. */
function isQuoted(symbol: string, nowMs: number, sinceMs: number): boolean {
  return [nowMs - sinceMs, nowMs].every((atMs) =>
    ['regular', 'continuous'].includes(sessionSpanAt(symbol, atMs).session)
  )
}

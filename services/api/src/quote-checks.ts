import { checkQuote, isQuoteAlarm, type QuoteLimits } from '@tapedeck/domain'
import type { FeedStatusDocument, StoredQuote } from '@tapedeck/mongo'

/** More symbols than this are not named in a sentence. */
const NAMED = 3
const SECOND_MS = 1000

/**
 * The quotes that were collected beside the stream, compared with it: a row for each symbol that a feed follows or that
 * has a quote, and one sentence about all of them.
 * @param nowMs epoch ms
 */
export function quoteChecks(
  feeds: readonly Pick<FeedStatusDocument, 'symbols'>[],
  quotes: readonly StoredQuote[],
  nowMs: number,
  limits: QuoteLimits
) {
  if (quotes.length === 0) {
    return { isAlarm: false, text: 'no quotes are collected beside the stream', symbols: [] }
  }
  const bySymbol = new Map(quotes.map((quote) => [quote.symbol, quote]))
  // A symbol that nobody follows any more is not asked for either.
  const followed = new Set(feeds.flatMap(({ symbols }) => symbols.map(({ symbol }) => symbol)))
  const names = followed.size > 0 ? [...followed] : [...bySymbol.keys()]
  const symbols = names
    .toSorted()
    .map((symbol) => rowOf(symbol, bySymbol.get(symbol), nowMs, limits))
  return {
    isAlarm: symbols.some(({ verdict }) => isQuoteAlarm(verdict)),
    text: textOf(symbols, limits),
    symbols
  }
}

type Row = ReturnType<typeof rowOf>

function rowOf(symbol: string, quote: StoredQuote | undefined, nowMs: number, limits: QuoteLimits) {
  const seen = quote && {
    price: quote.price,
    quotedMs: quote.quotedAt?.getTime(),
    receivedMs: quote.receivedAt.getTime()
  }
  const trade = quote?.trade
    ? { price: quote.trade.price, tradedMs: quote.trade.tradedAt.getTime() }
    : undefined
  const { verdict, differencePercent, ageMs } = checkQuote(symbol, seen, trade, nowMs, limits)
  return {
    symbol,
    verdict,
    quotedAt: seen?.quotedMs ?? null,
    receivedAt: seen?.receivedMs ?? null,
    price: seen?.price ?? null,
    lastPrice: trade?.price ?? null,
    lastTradeAt: trade?.tradedMs ?? null,
    differencePercent,
    ageSeconds: ageMs === null ? null : ageMs / SECOND_MS
  }
}

function textOf(rows: readonly Row[], { maxAgeMs, tolerancePercent }: QuoteLimits): string {
  const of = (verdict: Row['verdict']): Row[] => rows.filter((row) => row.verdict === verdict)
  const [differing, stale, missing] = [of('differs'), of('stale'), of('missing')]
  const agreeing = of('agrees')
  const judged = rows.length - of('closed').length
  if (judged === 0) return 'quotes are not compared while the market is closed'
  const parts = [
    differing.length > 0 &&
      `quotes differ from the stream by more than ${tolerancePercent} %: ` +
        named(differing, (row) => `${row.symbol} by ${percentText(row.differencePercent)}`),
    stale.length > 0 && `no quote for more than ${maxAgeMs / SECOND_MS} s: ${named(stale)}`,
    missing.length > 0 && `no quote: ${named(missing)}`,
    (agreeing.length > 0 || (differing.length === 0 && stale.length === 0)) &&
      `${agreeing.length} of ${judged} quotes agree with the stream`
  ]
  return parts.filter((part) => part !== false).join('; ')
}

function named(rows: readonly Row[], textOfRow = (row: Row): string => row.symbol): string {
  const more = rows.length - NAMED
  return rows.slice(0, NAMED).map(textOfRow).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function percentText(percent: number | null): string {
  return percent === null ? '?' : `${percent > 0 ? '+' : ''}${percent.toFixed(2)} %`
}

import {
  mergeSymbols,
  type FeedStatusDocument,
  type KnownSymbol,
  type SubscriptionDocument
} from '@tapedeck/mongo'
import { isStale } from './feed-rows.ts'

export type Mode = 'simulated' | 'live' | 'mixed' | 'none'

/** Only Finnhub's own feed counts as live, every other as simulated. */
const LIVE_FEED = 'finnhub'

export interface SymbolRow {
  readonly symbol: string
  /** Whether it is in SYMBOLS. */
  readonly configured: boolean
  /** Whether it is to be followed: by SYMBOLS and the changes made at run time. */
  readonly wanted: boolean
  /** Its state in the feed; null when no producer reports it. */
  readonly standing: string | null
  readonly reason: string | null
  readonly feed: string | null
  readonly lastPrice: number | null
  readonly lastTradeAt: number | null
  readonly firstSeenAt: number | null
}

export interface SymbolFacts {
  readonly configured: readonly string[]
  readonly maxSymbols: number
  readonly seen: readonly KnownSymbol[]
  readonly subscriptions: readonly SubscriptionDocument[]
  readonly feeds: readonly FeedStatusDocument[]
}

/** The configured symbols in their order, then all others that are wanted or were seen, by name; pure. */
export function symbolList(
  { configured, maxSymbols, seen, subscriptions, feeds }: SymbolFacts,
  nowMs: number
): { readonly mode: Mode; readonly symbols: readonly SymbolRow[] } {
  const documents = new Map(seen.map((document) => [document._id, document]))
  const desired = mergeSymbols(configured, subscriptions, maxSymbols)
  const wanted = new Set([...desired.symbols, ...desired.overflow])
  const others = [...new Set([...documents.keys(), ...wanted])]
    .filter((symbol) => !configured.includes(symbol))
    .toSorted()
  const fresh = feeds.filter((feed) => !isStale(feed, nowMs))
  const standings = new Map(fresh.flatMap(({ symbols }) => symbols.map((one) => [one.symbol, one])))
  const symbols = [...configured, ...others].map((symbol): SymbolRow => {
    const document = documents.get(symbol)
    const said = standings.get(symbol)
    const isWanted = wanted.has(symbol)
    const unsaid = isWanted ? reasonUnsaid(feeds.length, fresh.length) : null
    return {
      symbol,
      configured: configured.includes(symbol),
      wanted: isWanted,
      standing: said?.standing ?? (desired.overflow.includes(symbol) ? 'over the limit' : null),
      reason: said === undefined ? unsaid : said.reason,
      feed: document?.feed ?? null,
      lastPrice: document?.lastPrice ?? null,
      lastTradeAt: document?.lastTradeAt?.getTime() ?? null,
      firstSeenAt: document?.firstSeenAt?.getTime() ?? null
    }
  })
  return { mode: modeOf(seen), symbols }
}

function reasonUnsaid(known: number, fresh: number): string | null {
  if (fresh > 0) return 'not followed by the producer yet'
  return known > 0 ? 'no report from the producer' : null
}

function modeOf(seen: readonly KnownSymbol[]): Mode {
  if (seen.length === 0) return 'none'
  const live = seen.filter(({ feed }) => feed === LIVE_FEED).length
  if (live === 0) return 'simulated'
  return live === seen.length ? 'live' : 'mixed'
}

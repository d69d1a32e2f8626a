import type { SymbolDocument } from '@tapedeck/mongo'

export type Mode = 'simulated' | 'live' | 'mixed' | 'none'

/** Only Finnhub's own feed is live; anything else is said to be simulated. */
const LIVE_FEED = 'finnhub'

export interface SymbolRow {
  readonly symbol: string
  /** Whether SYMBOLS names it. */
  readonly configured: boolean
  readonly feed: string | null
  readonly lastPrice: number | null
  readonly lastTradeAt: number | null
  readonly firstSeenAt: number | null
}

/** The configured symbols in their order, then every other that was ever seen, by name; pure. */
export function symbolList(
  configured: readonly string[],
  seen: readonly SymbolDocument[]
): { readonly mode: Mode; readonly symbols: readonly SymbolRow[] } {
  const documents = new Map(seen.map((document) => [document._id, document]))
  const others = [...documents.keys()].filter((symbol) => !configured.includes(symbol)).toSorted()
  const symbols = [...configured, ...others].map((symbol): SymbolRow => {
    const document = documents.get(symbol)
    return {
      symbol,
      configured: configured.includes(symbol),
      feed: document?.feed ?? null,
      lastPrice: document?.lastPrice ?? null,
      lastTradeAt: document?.lastTradeAt.getTime() ?? null,
      firstSeenAt: document?.firstSeenAt.getTime() ?? null
    }
  })
  return { mode: modeOf(seen), symbols }
}

function modeOf(seen: readonly SymbolDocument[]): Mode {
  if (seen.length === 0) return 'none'
  const live = seen.filter(({ feed }) => feed === LIVE_FEED).length
  if (live === 0) return 'simulated'
  return live === seen.length ? 'live' : 'mixed'
}

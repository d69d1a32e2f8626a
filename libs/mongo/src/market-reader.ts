import type { Database } from './database.ts'
import type { BarDocument, SymbolDocument, TradeDocument } from './documents.ts'
import { between, newestRows } from './newest-rows.ts'
import { reading } from './reading.ts'
import { ascending } from './row-order.ts'

/** A half-open range of time, [fromMs, toMs), and how many rows of it at most: the newest ones. */
export interface RangeQuery {
  /** Undefined: every symbol that is stored. */
  readonly symbols: readonly string[] | undefined
  /** Epoch milliseconds, inclusive. */
  readonly fromMs: number
  /** Epoch milliseconds, exclusive. */
  readonly toMs: number
  readonly limit: number
}

export interface WindowQuery extends RangeQuery {
  readonly timeframe: string
}

export type BarRow = Omit<BarDocument, 'exact' | 'source' | 'updatedAt'>

/**
 * What readers ask of the database. Rows come ascending in time, ties by symbol, trades of the same
 * millisecond in the order the feed sent them. Each call rejects with DATABASE_UNREACHABLE when the
 * server is away or has not answered within the reader's time limit.
 */
export interface MarketReader {
  ping(): Promise<void>
  symbols(): Promise<readonly SymbolDocument[]>
  trades(query: RangeQuery): Promise<readonly TradeDocument[]>
  /** The range is over the start of a bar. */
  bars(query: WindowQuery): Promise<readonly BarRow[]>
}

/** What a bar document has beside its BarRow. */
export const BAR_BOOKKEEPING = { exact: 0, source: 0, updatedAt: 0 } as const
/** Symbols read from the collection `symbols` at most. */
const MAX_SYMBOLS = 10_000

/** Reads the collections; every operation ends within `timeoutMs`, also when the server hangs. */
export function marketReader(
  { trades, bars, symbols, ping }: Database,
  { timeoutMs = 2500 } = {}
): MarketReader {
  return {
    ping: () => reading('the server', timeoutMs, () => ping(timeoutMs)),
    symbols: () =>
      reading('symbols', timeoutMs, () =>
        symbols.find({}, { timeoutMS: timeoutMs }).limit(MAX_SYMBOLS).toArray()
      ),
    trades: (query) =>
      reading('trades', timeoutMs, async () => {
        const rows = await newestRows(trades, query, {
          timeField: 'tradedAt',
          range: { tradedAt: between(query) },
          projection: {},
          timeoutMs
        })
        return ascending(rows, query.limit, ({ tradedAt }) => tradedAt)
      }),
    bars: (query) =>
      reading('bars', timeoutMs, async () => {
        const rows = await newestRows(bars, query, {
          timeField: 'start',
          range: { timeframe: query.timeframe, start: between(query) },
          projection: BAR_BOOKKEEPING,
          timeoutMs
        })
        return ascending(rows, query.limit, ({ start }) => start)
      })
  }
}

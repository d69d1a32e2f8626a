import type { Collection, Filter } from 'mongodb'
import type { Database } from './database.ts'
import type { BarDocument, ForecastDocument, SymbolDocument, TradeDocument } from './documents.ts'
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
export type ForecastRow = Omit<ForecastDocument, 'source' | 'createdAt' | 'scoredAt' | 'lookback'>

/** The mean absolute errors of the scored next-bar forecasts of one symbol. */
export interface ForecastScore {
  readonly symbol: string
  readonly scored: number
  readonly mae: number
  readonly naiveMae: number
}

/**
 * What readers ask of the database. Rows come ascending in time, ties by symbol, trades of the same
 * millisecond in the order the feed sent them. Each call rejects with DATABASE_UNREACHABLE when the
 * server is away or has not answered within the reader's time limit.
 */
export interface MarketReader {
  ping(): Promise<void>
  symbols(): Promise<readonly SymbolDocument[]>
  /** Symbols that have forecasts. */
  forecastSymbols(): Promise<readonly string[]>
  trades(query: RangeQuery): Promise<readonly TradeDocument[]>
  /** The range is over the start of a bar. */
  bars(query: WindowQuery): Promise<readonly BarRow[]>
  /** The range is over the start of the bar that is forecast. */
  forecasts(query: WindowQuery): Promise<readonly ForecastRow[]>
  /** One row a symbol with at least one scored forecast for the next bar, by symbol. */
  forecastScores(query: Omit<WindowQuery, 'limit'>): Promise<readonly ForecastScore[]>
}

/** Symbols asked for in one query: MongoDB merges at most 200 index scans in sorted order. */
const SYMBOLS_PER_QUERY = 200
/** Symbols read from the collection `symbols` at most. */
const MAX_SYMBOLS = 10_000

/** Reads the collections; every operation ends within `timeoutMs`, also when the server hangs. */
export function marketReader(
  { trades, bars, forecasts, symbols, ping }: Database,
  { timeoutMs = 2500 } = {}
): MarketReader {
  /**
   * The newest rows of each group of symbols. "All" is answered as the list of stored symbols: an
   * index that begins with the symbol then serves it, and the work is bounded by `limit`.
   */
  async function newest<D extends { readonly _id: string; readonly symbol: string }>(
    collection: Collection<D>,
    { symbols: asked, limit }: RangeQuery,
    timeField: string,
    range: object,
    projection: object
  ): Promise<D[]> {
    const known = asked ?? (await collection.distinct('symbol', {}, { timeoutMS: timeoutMs }))
    const rows: D[] = []
    for (let at = 0; at < known.length; at += SYMBOLS_PER_QUERY) {
      const group = known.slice(at, at + SYMBOLS_PER_QUERY)
      const filter = { symbol: { $in: group }, ...range } as unknown as Filter<D>
      const found = await collection
        .find(filter, {
          projection,
          sort: { [timeField]: -1 },
          limit,
          batchSize: limit,
          timeoutMS: timeoutMs
        })
        .toArray()
      rows.push(...(found as unknown as D[]))
    }
    return rows
  }

  return {
    ping: () => reading('the server', timeoutMs, () => ping(timeoutMs)),
    symbols: () =>
      reading('symbols', timeoutMs, () =>
        symbols.find({}, { timeoutMS: timeoutMs }).limit(MAX_SYMBOLS).toArray()
      ),
    forecastSymbols: () =>
      reading('forecasts', timeoutMs, () =>
        forecasts.distinct('symbol', {}, { timeoutMS: timeoutMs })
      ),
    trades: (query) =>
      reading('trades', timeoutMs, async () => {
        const range = { tradedAt: between(query) }
        const rows = await newest(trades, query, 'tradedAt', range, {})
        return ascending(rows, query.limit, ({ tradedAt }) => tradedAt)
      }),
    bars: (query) =>
      reading('bars', timeoutMs, async () => {
        const range = { timeframe: query.timeframe, start: between(query) }
        const unread = { exact: 0, source: 0, updatedAt: 0 }
        const rows = await newest(bars, query, 'start', range, unread)
        return ascending(rows, query.limit, ({ start }) => start)
      }),
    forecasts: (query) =>
      reading('forecasts', timeoutMs, async () => {
        const range = { timeframe: query.timeframe, target: between(query) }
        const unread = { source: 0, createdAt: 0, scoredAt: 0, lookback: 0 }
        const rows = await newest(forecasts, query, 'target', range, unread)
        return ascending(rows, query.limit, ({ target }) => target)
      }),
    forecastScores: (query) =>
      reading('forecasts', timeoutMs, async () => {
        const known =
          query.symbols ?? (await forecasts.distinct('symbol', {}, { timeoutMS: timeoutMs }))
        return forecasts
          .aggregate<ForecastScore>(
            [
              {
                $match: {
                  symbol: { $in: known },
                  timeframe: query.timeframe,
                  target: between(query),
                  status: 'scored',
                  horizon: 1
                }
              },
              {
                $group: {
                  _id: '$symbol',
                  scored: { $sum: 1 },
                  mae: { $avg: { $abs: '$error' } },
                  naiveMae: { $avg: { $abs: '$naiveError' } }
                }
              },
              { $sort: { _id: 1 } },
              { $project: { _id: 0, symbol: '$_id', scored: 1, mae: 1, naiveMae: 1 } }
            ],
            { timeoutMS: timeoutMs }
          )
          .toArray()
      })
  }
}

function between({ fromMs, toMs }: Pick<RangeQuery, 'fromMs' | 'toMs'>): object {
  return { $gte: new Date(fromMs), $lt: new Date(toMs) }
}

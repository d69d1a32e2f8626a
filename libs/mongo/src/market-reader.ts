import type { Database } from './database.ts'
import type { BarDocument, SymbolDocument, TradeDocument } from './documents.ts'
import type { ForecastDocument } from './forecast-documents.ts'
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

/** What a bar document has beside its BarRow. */
export const BAR_BOOKKEEPING = { exact: 0, source: 0, updatedAt: 0 } as const
/** Symbols read from the collection `symbols` at most. */
const MAX_SYMBOLS = 10_000

/** Reads the collections; every operation ends within `timeoutMs`, also when the server hangs. */
export function marketReader(
  { trades, bars, forecasts, symbols, ping }: Database,
  { timeoutMs = 2500 } = {}
): MarketReader {
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
      }),
    forecasts: (query) =>
      reading('forecasts', timeoutMs, async () => {
        const rows = await newestRows(forecasts, query, {
          timeField: 'target',
          range: { timeframe: query.timeframe, target: between(query) },
          projection: { source: 0, createdAt: 0, scoredAt: 0, lookback: 0 },
          timeoutMs
        })
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

import type { Clock } from '@tapedeck/core'
import type { ForecastSpec } from '@tapedeck/domain'
import type { BarSummary } from './bar-account.ts'
import type { Reader } from './database-reader.ts'
import type { LoadCache } from './load-cache.ts'
import type { Parameter, Query } from './query.ts'
import type { SharedTrades } from './recent-trades.ts'
import { DEFAULT_WINDOWS, onGrid, timeRange, windowMs } from './time-range.ts'

/** A normalised request: requests with the same key get the same answer. */
export interface Question {
  readonly key: string
  answer(): Promise<object>
}

/** The parameters in the path of a route such as /bars/:id/trades, decoded. */
export type PathParameters = Readonly<Record<string, string | undefined>>

export interface DataRoute {
  readonly path: string
  readonly summary: string
  readonly parameters: readonly Parameter[]
  readonly response: object
  /** Time limit of the answer, ms; the default is that of buildApi. */
  readonly limitMs?: number
  /** @throws an error that sendFailure answers with 400, when the path is invalid */
  question(query: Query, path: PathParameters): Question
}

export interface DataRouteTools {
  readonly reader: Reader
  /** The configured symbols. */
  readonly symbols: readonly string[]
  readonly maxSymbols: number
  /** The configured forecasts. */
  readonly forecasts: readonly ForecastSpec[]
  /** Whether symbols can be added and removed with a token. */
  readonly isChangeable: boolean
  readonly sharedTrades: LoadCache<SharedTrades>
  readonly summaries: LoadCache<BarSummary>
  readonly clock: Clock
}

/** A question whose parameters are its key. */
export function ask(asked: object, answer: () => Promise<object>): Question {
  return { key: JSON.stringify(asked), answer }
}

/** The range of windows of a request; see timeRange. */
export function windowsOf(query: Query, nowMs: number, windowsAhead: number) {
  const { symbols, timeframe, limit } = query
  const lengthMs = windowMs(timeframe)
  const defaults = { spanMs: DEFAULT_WINDOWS * lengthMs, aheadMs: windowsAhead * lengthMs }
  return { symbols, timeframe, ...onGrid(timeRange(query, nowMs, defaults), timeframe), limit }
}

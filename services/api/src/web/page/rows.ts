import type { BarRow, ForecastRow, TradeRow } from '@tapedeck/client'

export interface SymbolRow {
  readonly symbol: string
  readonly configured: boolean
  readonly wanted: boolean
  readonly standing: string | null
  readonly reason: string | null
  readonly feed: string | null
  readonly lastPrice: number | null
  readonly lastTradeAt: number | null
}

export interface SymbolList {
  readonly mode: 'live' | 'simulated' | 'mixed' | 'none'
  readonly changeable: boolean
  readonly symbols: readonly SymbolRow[]
}

export interface FeedRow {
  readonly feed: string
  readonly state: string
  readonly isStale: boolean
  readonly explanation: string
  readonly warnings: readonly string[]
  readonly lastError: string | null
  readonly queuedFrames: number
  readonly spooledBytes: number
}

/** An outage for the time axis, epoch ms. */
export interface Outage {
  readonly id: string
  readonly time: number
  readonly timeEnd: number
  readonly isOpen: boolean
  readonly symbols: readonly string[]
  readonly log: string | null
  readonly text: string
}

/** A forecast as GET /api/v1/forecasts returns it: more than the stream sends. */
export interface StoredForecast extends ForecastRow {
  readonly modelVersion: number
  readonly n: number
  readonly r2: number | null
  readonly lower: number
  readonly upper: number
  readonly leadSeconds: number
}

export interface SummaryRow {
  readonly label: string
  readonly verdict: string
  readonly scored: number
  readonly skill: number | null
  readonly hitRate: number | null
  readonly coverageBand: number | null
}

export interface ScoreRow extends SummaryRow {
  readonly model: string
}

/** The answer of GET /api/v1/bars/:id/trades. */
export interface BarAccount {
  readonly bar: BarRow & { readonly lateVolume?: number; readonly coveragePercent?: number | null }
  readonly window: { readonly text: string }
  readonly summary: {
    readonly trades: number
    readonly in: number
    readonly out: number
    readonly unhindered: number
    readonly isComplete: boolean
    readonly rules: readonly { code: string; name: string; hinders: string; trades: number }[]
    readonly leftOut: readonly { reason: string; trades: number }[]
  }
  readonly check: { readonly isEqual: boolean | null; readonly text: string }
  readonly trades: readonly (TradeRow & {
    readonly isIn: boolean
    readonly counts: string
    readonly roles: readonly string[]
    readonly rules: readonly { code: string; name: string }[]
    readonly reason: string | null
  })[]
  readonly next: string | null
}

export interface RateRow {
  readonly symbol: string
  readonly time: number
  readonly tradesPerSecond: number
}

/**
 * The documents tapedeck keeps. Field names are words a person can query; times are Dates.
 * Bars and forecasts are replaced whole under the guard in `source`; trades are only inserted.
 */
export const COLLECTIONS = {
  trades: 'trades',
  bars: 'bars',
  forecasts: 'forecasts',
  forecastSeries: 'forecast_series',
  forecastScores: 'forecast_scores',
  forecastEvents: 'forecast_events',
  forecastAbsences: 'forecast_absences',
  lateTrades: 'late_trades',
  symbols: 'symbols',
  checkpoints: 'checkpoints',
  amendments: 'amendments',
  feedGaps: 'feed_gaps',
  feedStatus: 'feed_status',
  subscriptions: 'subscriptions',
  leases: 'leases'
} as const

/** One trade (print), kept whole. `_id` is `<connection>-<frame>-<index>`. */
export interface TradeDocument {
  readonly _id: string
  readonly symbol: string
  readonly price: number
  readonly size: number
  readonly tradedAt: Date
  readonly receivedAt: Date
  /** Finnhub's codes as sent; null when the feed sent none. */
  readonly conditions: readonly string[] | null
  readonly session: string
  /** The exchange's trading date, YYYY-MM-DD; it rolls at 20:00 New York for stocks. */
  readonly tradeDate: string
  /** What its conditions let it do to a bar under the consumer's policy: `price and volume`, `volume`, ... */
  readonly eligible: string
  readonly feed: string
  /** The vendor's own id, where it has one. */
  readonly vendorId?: string
}

/** Where a document's content comes from: every record of that log below `offset`. */
export interface Source {
  /** `<topic>/<partition>`, the checkpoint's `_id`. */
  readonly log: string
  readonly offset: number
  readonly epoch: number
}

export type BarStatus = 'provisional' | 'final' | 'revised'

/**
 * One bar. `_id` is `<symbol>|<timeframe>|<start in epoch ms>`; of counted windows
 * `<symbol>|<timeframe>|<id of its first trade>`. Prices are null without a price-setting trade.
 */
export interface BarDocument {
  readonly _id: string
  readonly symbol: string
  readonly timeframe: string
  readonly start: Date
  readonly end: Date
  readonly open: number | null
  readonly high: number | null
  readonly low: number | null
  readonly close: number | null
  readonly volume: number
  /** Sum of price x size over the trades that count for the VWAP. */
  readonly notional: number
  readonly vwap: number | null
  /** Mean and standard deviation (population) of the prices that set the price. */
  readonly meanPrice: number | null
  readonly sdPrice: number | null
  /** ln(close / open) */
  readonly logReturn: number | null
  /** Square root of the summed squared log returns from print to print. */
  readonly realisedVolatility: number | null
  /** Volume by which way its trade moved the price; inferred by the tick rule, the feed does not say. */
  readonly inferredUpVolume: number
  readonly inferredDownVolume: number
  readonly inferredUnchangedVolume: number
  readonly tradeCount: number
  readonly firstTradeAt: Date
  readonly lastTradeAt: Date
  readonly session: string
  readonly tradeDate: string
  readonly status: BarStatus
  /** 0 until final; then one more for every record with late trades, and every gap known late. */
  readonly revision: number
  readonly revisionCause: 'late trades' | 'feed gap' | 'reprocessed' | null
  /** Trades that came after the bar was final, and their volume. */
  readonly lateCount: number
  readonly lateVolume: number
  /** Share of the window in which the feed was up, 0 to 1; null before it was first followed. */
  readonly coverage: number | null
  /** The feed gaps in the window; see feed_gaps. */
  readonly gapIds: readonly string[]
  readonly policy: string
  /** Version of the condition table. */
  readonly conditionVersion: number
  readonly feed: string
  readonly updatedAt: Date
  readonly source: Source
  /** The exact sums and order keys from which the bar can be merged further; see libs/domain. */
  readonly exact: unknown
}

/** A trade kept out of every bar, with the reason; `_id` as in trades. */
export interface LateTradeDocument extends TradeDocument {
  readonly reason: 'too late' | 'from the future' | 'redelivered'
  /** How far behind the watermark (or ahead of its receipt) it was, ms. */
  readonly byMs: number
}

/** What was last seen of a symbol; `_id` is the symbol. */
export interface SymbolDocument {
  readonly _id: string
  readonly feed: string
  readonly firstSeenAt: Date
  readonly lastPrice: number
  readonly lastTradeAt: Date
  readonly lastReceivedAt: Date
}

/** The process that reads a partition, and its name in the consumer group. */
export interface PartitionOwner {
  readonly host: string
  readonly pid: number
  /** When the process started, as the system words it. */
  readonly started: string
  readonly memberId: string
}

/** The truth about one partition; `_id` is `<topic>/<partition>`. */
export interface CheckpointDocument {
  readonly _id: string
  /** Rises with each owner; a writer whose epoch is gone must stop. */
  readonly epoch: number
  /** The first epoch that read the present log; older documents say nothing about its offsets. */
  readonly logEpoch: number
  readonly clusterId: string
  readonly owner: PartitionOwner
  /** Every record below is in trades, bars and forecasts. */
  readonly nextOffset: number
  /** Documents may hold records up to here: a flush was announced but perhaps not finished. */
  readonly flushingTo: number
  /** The watermark of that flush, epoch ms: the clock may have moved it beyond what its records say. */
  readonly flushingWatermarkMs?: number | null
  /** No bar of this log begins later, epoch ms; null while there is none. */
  readonly storedUntilMs: number | null
  /** Forecast series last changed at this offset or later may have older scores; null: none has. */
  readonly unscoredFrom?: number | null
  /** Serialised pure state of libs/domain: watermark and last frame of each connection. */
  readonly state: unknown
  /** Hash of what shapes results: timeframes, policy, lateness. */
  readonly configHash: string
  readonly updatedAt: Date
}

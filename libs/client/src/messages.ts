/** What can be subscribed to. */
export type Channel = 'trades' | 'bars' | 'forecasts' | 'feed'

/** A trade as GET /api/v1/trades returns it. Times are epoch ms. */
export interface TradeRow {
  /** `<connection>-<frame>-<index>`; content never identifies a trade. */
  readonly id: string
  readonly symbol: string
  readonly time: number
  /** `time` as ISO 8601. */
  readonly tradedAt: string
  readonly price: number
  readonly size: number
  /** Finnhub's codes; null when the feed sent none. */
  readonly conditions: readonly string[] | null
  readonly session: string
  /** YYYY-MM-DD */
  readonly tradeDate: string
  /** What its conditions let it do to a bar. */
  readonly eligible: string
  readonly receivedAt: number
  readonly feed: string
}

/** A version of a bar: a newer one has the same id. Times are epoch ms, prices in the quote currency. */
export interface BarRow {
  readonly id: string
  readonly symbol: string
  readonly timeframe: string
  /** Start of its window, inclusive. */
  readonly time: number
  /** End of its window, exclusive. */
  readonly end: number
  readonly status: 'provisional' | 'final' | 'revised'
  readonly revision: number
  readonly revisionCause: string | null
  readonly open: number | null
  readonly high: number | null
  readonly low: number | null
  readonly close: number | null
  readonly volume: number
  readonly notional: number
  readonly vwap: number | null
  readonly tradeCount: number
  readonly lastTradeAt: number
  readonly lateCount: number
  /** Share of the window in which the feed was up, 0 to 1. */
  readonly coverage: number | null
  readonly gapIds: readonly string[]
  readonly session: string
  readonly tradeDate: string
  readonly policy: string
  readonly feed: string
}

/** A version of a forecast of the close of one bar: a newer one has the same id. */
export interface ForecastRow {
  readonly id: string
  readonly symbol: string
  readonly timeframe: string
  /** In bars. */
  readonly horizon: number
  readonly model: string
  /** Start of the bar whose close is forecast. */
  readonly time: number
  readonly targetEnd: number
  readonly madeFrom: number
  readonly lastClose: number
  readonly forecast: number
  readonly bandLower: number | null
  readonly bandUpper: number | null
  readonly bandFrom: string | null
  readonly status: 'open' | 'scored' | 'void'
  readonly reason: string | null
  readonly actual: number | null
  readonly error: number | null
  readonly naiveError: number | null
  readonly inBand: boolean | null
  readonly scoreRevision: number | null
  readonly createdAt: number
  readonly feed: string
}

/** An outage of the feed as it begins, and again as it ends. */
export interface GapRow {
  readonly kind: 'gap'
  readonly id: string
  readonly feed: string
  readonly from: number | null
  readonly to: number | null
  readonly isOpen: boolean
  readonly cause: string
  /** None: the whole feed. */
  readonly symbols: readonly string[]
  readonly log: string | null
}

/** What a client may send. */
export type StreamRequest =
  | ({
      readonly type: 'subscribe'
      readonly since?: number | string
      readonly resume?: string
    } & Selected)
  | ({ readonly type: 'unsubscribe' } & Partial<Selected>)
  | { readonly type: 'ping'; readonly id?: string | number }
  | ({
      readonly type: 'replay'
      readonly from: number | string
      readonly to?: number | string
      readonly speed?: ReplaySpeed
    } & Replayed)
  | ReplayCommand

/** What can be replayed. */
export type ReplayChannel = Exclude<Channel, 'feed'>

/** So many times as fast as the market did, 0.1 to 1000, or `max`: as fast as the client reads. */
export type ReplaySpeed = number | 'max'

interface Replayed {
  /** Names the replay in its messages and commands. */
  readonly id: string | number
  readonly channels: readonly ReplayChannel[]
  readonly symbols: '*' | readonly string[]
  readonly timeframes?: readonly string[]
}

/** What a replay can be told. Rows that come after the answer, a `progress` with `answer`, obey it. */
export type ReplayCommand = { readonly id: string | number } & (
  | { readonly type: 'pause' | 'play' | 'stop' }
  | { readonly type: 'seek'; readonly time: number | string }
  | { readonly type: 'speed'; readonly speed: ReplaySpeed }
)

/** `waiting`: the database does not answer at present. */
export type ReplayState = 'playing' | 'paused' | 'waiting'

/** Rows that a replay has sent; those before a time that was sought again count twice. */
export interface ReplayCounts {
  readonly trades: number
  readonly bars: number
  readonly forecasts: number
}

interface Selected {
  readonly id?: Id
  readonly channels: readonly Channel[]
  readonly symbols?: '*' | readonly string[]
  readonly timeframes?: readonly string[]
}

/** Rows by channel; channels without rows are left out. */
export interface Rows {
  readonly trades?: readonly TradeRow[]
  readonly bars?: readonly BarRow[]
  readonly forecasts?: readonly ForecastRow[]
  readonly feed?: readonly GapRow[]
}

/** Trades of a symbol that a slow client was not sent. */
export interface DroppedTrades {
  readonly symbol: string
  readonly trades: number
  readonly from: number
  readonly to: number
  /** The request that gets them. */
  readonly ask: string
}

/** As in the request. */
type Id = string | number | undefined

/** What the api sends. */
export type StreamMessage =
  | {
      readonly type: 'welcome'
      readonly time: number
      readonly isReading: boolean
      readonly reason: string | null
    }
  | ({ readonly type: 'subscribed'; readonly time: number } & Selected)
  | { readonly type: 'unsubscribed'; readonly id?: Id; readonly keys: number }
  | ({ readonly type: 'snapshot'; readonly id?: Id } & Rows)
  | {
      readonly type: 'cut'
      readonly id?: Id
      readonly channel: Channel
      readonly from: number
      /** The request that gets the older ones, the newest first. */
      readonly ask: string
    }
  | { readonly type: 'live'; readonly id?: Id; readonly resume: string }
  | ({ readonly type: 'data'; readonly resume?: string } & Rows)
  | {
      readonly type: 'dropped'
      readonly trades: number
      readonly symbols: readonly DroppedTrades[]
    }
  | { readonly type: 'status'; readonly isReading: boolean; readonly reason: string | null }
  | { readonly type: 'heartbeat'; readonly time: number; readonly resume?: string }
  | { readonly type: 'pong'; readonly id?: Id; readonly time: number }
  | ({
      readonly type: 'replaying'
      readonly from: number
      readonly to: number
      readonly speed: ReplaySpeed
    } & Replayed)
  | ({
      readonly type: 'replay'
      readonly id: string | number
      /** Of its newest row. */
      readonly time: number
    } & Rows)
  | {
      readonly type: 'progress'
      readonly id: string | number
      /** Which time of the market it is. */
      readonly time: number
      readonly state: ReplayState
      readonly speed: ReplaySpeed
      readonly sent: ReplayCounts
      /** What it waits for. */
      readonly reason?: string
      /** The command that it answers. */
      readonly answer?: ReplayCommand['type']
    }
  | {
      readonly type: 'replayed'
      readonly id: string | number
      readonly reason: 'end' | 'stopped' | 'failed'
      readonly time: number
      readonly sent: ReplayCounts
    }
  | {
      readonly type: 'error'
      readonly id?: Id
      readonly error: {
        readonly code: string
        readonly field?: string | undefined
        readonly message: string
        readonly problems?: readonly { readonly field: string; readonly message: string }[]
      }
    }

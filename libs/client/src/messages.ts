import type { BarRow, ForecastRow, GapRow, RunRow, TradeRow } from './rows.ts'

/** What can be subscribed to. */
export type Channel = 'trades' | 'bars' | 'forecasts' | 'feed' | 'runs'

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
export type ReplayChannel = Exclude<Channel, 'feed' | 'runs'>

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
  /** Of the channel `runs`; every job unless given. */
  readonly jobs?: '*' | readonly string[]
}

/** Rows by channel; channels without rows are left out. */
export interface Rows {
  readonly trades?: readonly TradeRow[]
  readonly bars?: readonly BarRow[]
  readonly forecasts?: readonly ForecastRow[]
  readonly feed?: readonly GapRow[]
  readonly runs?: readonly RunRow[]
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
  /** Without `resume` where the channel `runs` is all that is subscribed to. */
  | { readonly type: 'live'; readonly id?: Id; readonly resume?: string }
  | ({ readonly type: 'data'; readonly resume?: string } & Rows)
  | {
      readonly type: 'dropped'
      readonly trades: number
      readonly symbols: readonly DroppedTrades[]
    }
  /** Of the broker, or of the database where the channel `runs` is all that is subscribed to. */
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

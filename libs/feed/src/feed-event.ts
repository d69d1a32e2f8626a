/** The state of a symbol's subscription on the present connection. */
export type FeedStanding =
  'asked for' | 'acknowledged' | 'over the limit' | 'rejected' | 'unsubscribed'

/** What happens on a feed, in order. Times are epoch ms. */
export type FeedEvent =
  | { readonly kind: 'connected'; readonly connection: string; readonly atMs: number }
  | FrameEvent
  | StandingEvent
  | SubscribedEvent
  /** Every subscription ended; all symbols are subscribed to again on the next connection. */
  | {
      readonly kind: 'disconnected'
      /** Undefined when the connection never opened. */
      readonly connection: string | undefined
      readonly atMs: number
      readonly cause: string
      readonly retryInMs: number
    }

/**
 * Every wanted symbol was subscribed to or is over the limit, and the feed has answered a ping that followed these
 * requests: what it sends from here on, it sends for all of them. After every series of requests on a connection.
 */
interface SubscribedEvent {
  readonly kind: 'subscribed'
  readonly connection: string
  readonly atMs: number
  /** The list of wanted symbols, the same array as it was given. */
  readonly symbols: readonly string[]
}

export interface FrameEvent {
  readonly kind: 'frame'
  readonly connection: string
  /** Counts the frames of the connection from 1. */
  readonly frame: number
  readonly receivedAt: number
  readonly text: string
}

export interface StandingEvent {
  readonly kind: 'standing'
  readonly connection: string
  readonly atMs: number
  readonly symbol: string
  readonly standing: FeedStanding
  /** The feed's own words; null when it gave none. */
  readonly reason: string | null
  /** When a rejected symbol is asked for again, unless the feed is connected to again before; epoch ms. */
  readonly againAtMs?: number
}

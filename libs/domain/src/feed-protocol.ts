import type { FrameAmendment, FrameTrade } from './trade-record.ts'

/** A trade, correction or cancel in a frame that did not fit, with the reason. */
export interface RefusedTrade {
  readonly index: number
  readonly reason: string
  /** As received, as JSON. */
  readonly raw: string
}

/** A refused value as JSON, for people; never throws. */
export function rawOf(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    // The parser accepts any depth, the writer does not.
    return '"nested too deep to show"'
  }
}

/** The content of one text frame, in terms common to all feeds. */
export type Frame =
  | {
      readonly kind: 'trades'
      readonly trades: readonly FrameTrade[]
      readonly amendments: readonly FrameAmendment[]
      readonly refused: readonly RefusedTrade[]
    }
  | { readonly kind: 'ping' }
  /** The feed accepted the credentials: subscriptions may follow. */
  | { readonly kind: 'welcome' }
  /** The whole set of symbols that the feed now sends, for feeds that acknowledge. */
  | { readonly kind: 'subscribed'; readonly symbols: readonly string[] }
  /** The feed's own error text, its meaning, and the symbol that a `symbol refused` names. */
  | {
      readonly kind: 'error'
      readonly message: string
      readonly meaning: FeedErrorMeaning
      readonly symbol?: string
    }
  /** A type that carries no trades: news, status, or one not known. */
  | { readonly kind: 'other'; readonly type: string }
  | { readonly kind: 'malformed'; readonly reason: string }

/**
 * `over the limit`: the last requested symbol is not followed. `refused`: the credentials are wrong and
 * no retry can help. `in use`: another connection holds the key. `symbol refused`: the symbol that it names is not
 * followed at present. `unknown`: only logged and counted.
 */
export type FeedErrorMeaning =
  'over the limit' | 'refused' | 'in use' | 'symbol refused' | 'unknown'

/**
 * The protocol of one vendor's feed: pure text in and out. The session handles sockets, time and retries, so
 * a further vendor needs only this.
 */
export interface FeedProtocol {
  /** `finnhub`, `alpaca`: the default name of the feed in records. */
  readonly name: string
  /** Where to connect, with the credentials that belong in the address; never logged. */
  address(): { readonly url: string; readonly headers?: Readonly<Record<string, string>> }
  /** Texts to send once the socket is open, before any subscription; empty when none are needed. */
  greeting(): readonly string[]
  /** True: subscriptions wait for a `welcome` frame. */
  readonly waitsForWelcome: boolean
  /** Texts that add and remove these symbols. */
  subscribe(symbols: readonly string[]): readonly string[]
  unsubscribe(symbols: readonly string[]): readonly string[]
  /** Never throws: a frame that does not fit gives the reason. */
  parse(text: string): Frame
  /**
   * A cheap test whether a text can only be a trade frame. The session parses every other frame at once,
   * because it handles errors, welcomes and acknowledgements. A false negative costs a second parse; a false
   * positive hides a control frame.
   */
  isTradeFrame?(text: string): boolean
}

import type { FrameAmendment, FrameTrade } from './trade-record.ts'

/** A trade, correction or cancel of a frame that did not fit, with the reason. */
export interface RefusedTrade {
  readonly index: number
  readonly reason: string
  /** As it came, as JSON. */
  readonly raw: string
}

/** A refused value as JSON, for whoever looks into it; never throws. */
export function rawOf(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    // The parser takes any depth, the writer does not.
    return '"nested too deep to show"'
  }
}

/** What one text frame of a feed says, in terms every feed shares. */
export type Frame =
  | {
      readonly kind: 'trades'
      readonly trades: readonly FrameTrade[]
      readonly amendments: readonly FrameAmendment[]
      readonly refused: readonly RefusedTrade[]
    }
  | { readonly kind: 'ping' }
  /** The feed accepts the credentials: subscriptions may follow. */
  | { readonly kind: 'welcome' }
  /** The whole set of symbols that the feed now sends, for feeds that acknowledge. */
  | { readonly kind: 'subscribed'; readonly symbols: readonly string[] }
  /** The feed's own error text, and what follows from it. */
  | { readonly kind: 'error'; readonly message: string; readonly meaning: FeedErrorMeaning }
  /** A type that carries no trades: news, status, or one not known. */
  | { readonly kind: 'other'; readonly type: string }
  | { readonly kind: 'malformed'; readonly reason: string }

/**
 * `over the limit`: the last symbol asked for is not followed. `refused`: the credentials are wrong,
 * no retry can help. `in use`: another connection holds the key. `unknown`: said, counted, no more.
 */
export type FeedErrorMeaning = 'over the limit' | 'refused' | 'in use' | 'unknown'

/**
 * How to speak to one vendor's feed: pure text in and out. Sockets, time and retries are the
 * session's; so a further vendor is one of these and nothing else.
 */
export interface FeedProtocol {
  /** `finnhub`, `alpaca`: what records say of their origin unless told otherwise. */
  readonly name: string
  /** Where to connect, with the credentials it takes there; never logged. */
  address(): { readonly url: string; readonly headers?: Readonly<Record<string, string>> }
  /** Texts to send once the socket is open, before any subscription; empty when none are needed. */
  greeting(): readonly string[]
  /** True: subscriptions wait for a `welcome` frame. */
  readonly waitsForWelcome: boolean
  /** Texts that add and remove these symbols. */
  subscribe(symbols: readonly string[]): readonly string[]
  unsubscribe(symbols: readonly string[]): readonly string[]
  /** Never throws: what does not fit says why. */
  parse(text: string): Frame
  /**
   * A cheap look that says a text can only be a trade frame. The session reads every other frame
   * itself at once, for it acts on errors, welcomes and acknowledgements. A wrong no costs a second
   * parse; a wrong yes hides a control frame.
   */
  isTradeFrame?(text: string): boolean
}

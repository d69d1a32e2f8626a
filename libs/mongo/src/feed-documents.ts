/** The documents that say how the feed stands; see documents.ts for what comes of it. */

/**
 * A cancel or correction that a feed sent of an earlier trade; `_id` as of a trade. It is kept and
 * shown; bars are not changed by it.
 */
export interface AmendmentDocument {
  readonly _id: string
  readonly symbol: string
  readonly kind: 'cancel' | 'correction'
  /** The vendor's id of the trade; `vendorId` in trades. */
  readonly of: string
  readonly price: number | null
  readonly size: number | null
  readonly conditions: readonly string[] | null
  readonly amendedAt: Date
  readonly receivedAt: Date
  readonly feed: string
}

/** An outage of the feed; `_id` is the gap's id. Written by the consumer from the topic. */
export interface FeedGapDocument {
  readonly _id: string
  readonly feed: string
  /** Last frame before; null when there was none. */
  readonly from: Date | null
  /** First frame after; null while it lasts. */
  readonly to: Date | null
  readonly cause: string
  /** Empty: all symbols of the feed. */
  readonly symbols: readonly string[]
  /** Only this partition lacks something: records were removed from it before they were read. */
  readonly log?: string
  readonly updatedAt: Date
}

/** A symbol's standing with the feed, in the words shown to people. */
export type SymbolStanding =
  | 'asked for'
  | 'receiving'
  | 'quiet, normal for the hour'
  | 'quiet, not normal'
  | 'over the limit'
  | 'rejected'

/** What the producer says of its feed, written each second; `_id` is the feed's name. */
export interface FeedStatusDocument {
  readonly _id: string
  /** `connected`, `connecting`, `waiting for the lease`, `stopped`. */
  readonly state: string
  /** One sentence for people: why it is silent, or that it is not. */
  readonly explanation: string
  /** The feed's own last error text. */
  readonly lastError: string | null
  readonly connection: string | null
  readonly connectedAt: Date | null
  readonly lastFrameAt: Date | null
  readonly lastTradeAt: Date | null
  readonly maxSymbols: number
  /** Frames waiting in memory and bytes on disk while the broker is away. */
  readonly queuedFrames: number
  readonly spooledBytes: number
  readonly symbols: readonly {
    readonly symbol: string
    readonly standing: SymbolStanding
    readonly lastTradeAt: Date | null
    /** The symbol's usual time between trades, ms; null while unknown. */
    readonly usualGapMs: number | null
    /** The feed's own words, or why it is quiet. */
    readonly reason: string | null
  }[]
  readonly updatedAt: Date
}

/** A symbol that was added or removed while running, over the list of SYMBOLS; `_id` is the symbol. */
export interface SubscriptionDocument {
  readonly _id: string
  readonly wanted: boolean
  readonly by: string
  readonly at: Date
}

/**
 * Who may do what only one may at a time, such as using a feed's key; `_id` names it (a key without
 * showing it). The fields from `lastFrameAt` on are a producer's, for the one that comes next.
 */
export interface LeaseDocument {
  readonly _id: string
  readonly owner: string
  /** Since when its owner has it without a break. */
  readonly since?: Date
  readonly expiresAt: Date
  /** Receive time of the last frame its owner saw. */
  readonly lastFrameAt: Date | null
  /** The symbols it followed until then (null), and until when those that it gave up. */
  readonly followed?: readonly { readonly symbol: string; readonly until: Date | null }[]
  /** The outage that lasted; the fields as in feed_gaps. */
  readonly open?: {
    readonly id: string
    readonly from: Date | null
    readonly cause: string
    readonly symbols: readonly string[]
  } | null
}

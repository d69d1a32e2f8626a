import { CollectionSpec, type Has } from './collection.ts'
import { reading } from './failure.ts'
import { optional, orEmpty, orNull, readable, shapeOf, type HasReport } from './shape.ts'

/** The status of a symbol at the feed, in the words that people are shown. */
export type SymbolStanding =
  | 'asked for'
  | 'receiving'
  | 'quiet, normal for the hour'
  | 'quiet, not normal'
  | 'over the limit'
  | 'rejected'

/** The status of a feed, which its producer writes each second; `_id` is the feed's name. */
export interface FeedStatusDocument {
  readonly _id: string
  /** `connected`, `connecting`, `waiting for the lease`, `stopped`. */
  readonly state: string
  /** One sentence for people that says whether the feed is silent, and why. */
  readonly explanation: string
  /** What is wrong beside the feed itself, in sentences; absent in documents of earlier versions. */
  readonly warnings?: readonly string[]
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
  /**
   * Frames that repeat an earlier one of their connection as a whole, and their trades, since the producer was
   * started. Absent in documents of earlier versions.
   */
  readonly copiedFrames?: number
  readonly copiedTrades?: number
  readonly symbols: readonly {
    readonly symbol: string
    readonly standing: SymbolStanding
    readonly lastTradeAt: Date | null
    /** The symbol's usual time between trades, ms; null while unknown. */
    readonly usualGapMs: number | null
    /** The feed's own message, or why the symbol is quiet. */
    readonly reason: string | null
    /** When a symbol that the feed rejected is asked for again; absent in documents of earlier versions. */
    readonly askedAgainAt?: Date | null
  }[]
  readonly updatedAt: Date
}

/** What is wrong stands behind what the producer says, in one sentence. */
export function withWarnings(explanation: string, warnings: readonly string[]): string {
  return warnings.length === 0 ? explanation : `${explanation}, but ${warnings.join('; ')}`
}

export const FEED_STATUS = new CollectionSpec<FeedStatusDocument>('feed_status')

const STATUS_SHAPE = shapeOf({
  _id: 'text',
  state: 'text',
  explanation: 'text',
  warnings: orEmpty('texts'),
  lastError: orNull('text'),
  connection: orNull('text'),
  connectedAt: orNull('date'),
  lastFrameAt: orNull('date'),
  lastTradeAt: orNull('date'),
  maxSymbols: 'whole',
  queuedFrames: 'whole',
  spooledBytes: 'whole',
  copiedFrames: optional('whole'),
  copiedTrades: optional('whole'),
  symbols: {
    each: shapeOf({
      symbol: 'text',
      standing: 'text',
      lastTradeAt: orNull('date'),
      usualGapMs: orNull('number'),
      reason: orNull('text'),
      askedAgainAt: orNull('date')
    })
  },
  updatedAt: 'date'
})

/** More feeds than this are not read; a producer has one. */
const MOST_FEEDS = 100

/** The last status that each producer wrote, by the feed's name. */
export function findFeeds(
  { feedStatus, unreadable }: Has<'feedStatus', FeedStatusDocument> & HasReport,
  timeoutMs: number
): Promise<FeedStatusDocument[]> {
  return reading('feed_status', timeoutMs, async () => {
    const found = await feedStatus
      .find({}, { sort: { _id: 1 }, timeoutMS: timeoutMs })
      .limit(MOST_FEEDS)
      .toArray()
    return readable('feed_status', STATUS_SHAPE, found, { unreadable })
  })
}

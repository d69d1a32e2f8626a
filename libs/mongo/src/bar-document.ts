import {
  CONDITION_TABLE_VERSION,
  coverageOf,
  finalAt,
  type ActivitySpan,
  type Bar,
  type ExactParts,
  type StoredAccumulator,
  type StoredActivityBar,
  type StoredBar,
  type StoredSum,
  type TapePlace
} from '@tapedeck/domain'
import { MOST_BYTES_PER_CHARACTER } from './bulk.ts'
import type { Owner, Ownership, Source } from './guard.ts'

/**
 * One bar, replaced whole under the guard. `_id` is `<symbol>|<timeframe>|<start in epoch ms>`, of activity
 * bars `<symbol>|<timeframe>|<id of its first trade>`. Prices are null without a price-setting trade.
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
  readonly status: Bar['status']
  /** 0 until final; then one more for every record with late trades, and every gap known late. */
  readonly revision: number
  readonly revisionCause: Bar['revisionCause']
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

/** The `exact` of a document: what the consumer needs to restore the bar. */
interface StoredExact extends ExactParts {
  readonly lateVolume?: StoredSum
  readonly gaps?: readonly (readonly [id: string, fromMs: number, toMs: number])[]
  /** Activity bars: the places of their first and last trade. */
  readonly from?: TapePlace
  readonly through?: TapePlace
}

/** A bar as the consumer restores it. The offset is 0 for a document of another or an older log. */
export function storedBarOf(document: BarDocument, { log, logEpoch }: Ownership): StoredBar {
  const { source, symbol, timeframe } = document
  const { gaps = [], lateVolume = 0, ...exact } = document.exact as StoredExact
  const endMs = document.end.getTime()
  return {
    id: document._id,
    symbol,
    timeframe,
    startMs: document.start.getTime(),
    endMs,
    finalAtMs: finalAt(timeframe, symbol, endMs),
    status: document.status,
    revision: document.revision,
    revisionCause: document.revisionCause,
    lateCount: document.lateCount,
    lateVolume,
    gaps: gaps.map(([id, fromMs, toMs]) => ({ id, fromMs, toMs })),
    offset: source.log === log && source.epoch >= logEpoch ? source.offset : 0,
    accumulator: {
      ...exact,
      high: document.high,
      low: document.low,
      tradeCount: document.tradeCount,
      firstTradeMs: document.firstTradeAt.getTime(),
      lastTradeMs: document.lastTradeAt.getTime(),
      session: document.session as StoredAccumulator['session'],
      feed: document.feed
    }
  }
}

const NOWHERE: TapePlace = [-1, -1]

/** An activity bar as the consumer restores it. */
export function storedActivityBarOf(document: BarDocument, owner: Ownership): StoredActivityBar {
  const { from = NOWHERE, through = NOWHERE } = document.exact as StoredExact
  const bar = storedBarOf(document, owner)
  return { ...bar, id: document._id, tradeDate: document.tradeDate, from, through }
}

/** The fields of a document that its bar does not know. */
interface BarContext {
  readonly policy: string
  readonly tradeDate: string
  readonly updatedAt: Date
  /** Activity bars: the places of their first and last trade. */
  readonly span?: Pick<ActivitySpan, 'from' | 'through'>
}

/** A bar as it is stored. */
export function barDocument(
  bar: Bar,
  { log, epoch }: Owner,
  { policy, tradeDate, updatedAt, span }: BarContext
): BarDocument {
  const { accumulator, gaps } = bar
  const lateVolume = bar.lateVolume.toStored()
  return {
    _id: bar.id,
    symbol: bar.symbol,
    timeframe: bar.timeframe,
    start: new Date(bar.startMs),
    end: new Date(bar.endMs),
    open: accumulator.open,
    high: accumulator.high,
    low: accumulator.low,
    close: accumulator.close,
    volume: accumulator.volume,
    notional: accumulator.notional,
    vwap: accumulator.vwap,
    meanPrice: accumulator.meanPrice,
    sdPrice: accumulator.sdPrice,
    logReturn: accumulator.logReturn,
    realisedVolatility: accumulator.realisedVolatility,
    inferredUpVolume: accumulator.upVolume,
    inferredDownVolume: accumulator.downVolume,
    inferredUnchangedVolume: accumulator.unchangedVolume,
    tradeCount: accumulator.tradeCount,
    firstTradeAt: new Date(accumulator.firstTradeMs),
    lastTradeAt: new Date(accumulator.lastTradeMs),
    session: accumulator.session,
    tradeDate,
    status: bar.status,
    revision: bar.revision,
    revisionCause: bar.revisionCause,
    lateCount: bar.lateCount,
    lateVolume: bar.lateVolume.toNumber(),
    coverage: coverageOf(bar.symbol, bar.timeframe, bar.startMs, bar.endMs, gaps),
    gapIds: gaps.map(({ id }) => id),
    policy,
    conditionVersion: CONDITION_TABLE_VERSION,
    feed: accumulator.feed,
    updatedAt,
    source: { log, epoch, offset: bar.offset },
    exact: {
      ...accumulator.exactParts(),
      ...(lateVolume !== 0 && { lateVolume }),
      ...(gaps.length > 0 && { gaps: gaps.map(({ id, fromMs, toMs }) => [id, fromMs, toMs]) }),
      ...(span !== undefined && { from: span.from, through: span.through })
    }
  }
}

/** Bytes of field names, numbers and the texts that tapedeck itself writes. */
const FIXED_BYTES = 1600

/** A SizeBound of bars. */
export function barBytes({ _id, symbol, feed, gapIds }: BarDocument): number {
  let characters = _id.length + symbol.length + feed.length
  // `exact` has each again, with its times.
  for (const id of gapIds) characters += 2 * id.length + 24
  return FIXED_BYTES + MOST_BYTES_PER_CHARACTER * characters
}

import { eligibilityOf, MAY, type ConditionPolicy } from '../conditions.ts'
import { GapList, knownGap, type GapRecord, type KnownGap } from '../feed-gaps.ts'
import { sessionOfTrade, tradingDateAt, type Session, type TradingDate } from '../sessions.ts'
import { frameId, sequenceOf, type FeedTrade, type TradeRecord } from '../trade-record.ts'
import { ActivityBarAggregator } from './activity-bars.ts'
import { BarAggregator } from './aggregator.ts'
import { FrameDeduplicator, VendorIdDeduplicator, type SeenConnection } from './deduplication.ts'
import { TickRule, type TickState } from './tick-rule.ts'
import { Watermark, type WatermarkState } from './watermark.ts'
import type { Timeframe } from './window.ts'

export interface FoldOptions {
  readonly timeframes: readonly Timeframe[]
  readonly policy: ConditionPolicy
  /** How far the watermark stays behind the newest trade, so that bars wait for disordered trades. */
  readonly allowedDelayMs: number
  /** Trades further behind the watermark are excluded. */
  readonly latenessLimitMs: number
  /** Trades further ahead of their receipt are excluded, are not stored in `trades` and do not raise the watermark. */
  readonly futureLimitMs: number
  /** Whether trades with a vendor id that was seen before are excluded. */
  readonly redelivered: 'drop' | 'keep'
}

/** The part of a fold in the checkpoint. It is small, because the stored bars hold the rest. */
export interface FoldState {
  readonly watermark: WatermarkState | null
  readonly connections: readonly SeenConnection[]
  readonly ticks?: TickState
  /** When the newest record was received, epoch ms; null before the first. */
  readonly receivedAtMs?: number | null
  /** The feed sends vendor ids, so that trades delivered again are recognised. */
  readonly hasVendorIds?: boolean
}

/** Why a trade is in no bar. */
export type ExclusionReason = 'too late' | 'from the future' | 'redelivered'

/** A trade with everything that is stored about it. */
export interface FoldedTrade {
  readonly id: string
  readonly trade: FeedTrade
  readonly session: Session
  readonly tradeDate: string
  /** What its conditions allow it to do to a bar, as bits of MAY; also for an excluded trade. */
  readonly eligibility: number
  /** Why it is in no bar; undefined for a trade that is in its bars. */
  readonly exclusion: ExclusionReason | undefined
  /** How far it is behind the watermark or ahead of its receipt, ms; 0 for a trade that is in its bars. */
  readonly byMs: number
}

/**
 * Folds the records of one partition, in offset order, into bars, a watermark and trades to store.
 *
 * Depends on the records and the state only, so that a replay from the checkpoint gives the same
 * results. The wall clock only raises the watermark of an idle partition.
 */
export class PartitionFold {
  readonly gaps = new GapList()
  readonly bars: BarAggregator
  readonly activity: ActivityBarAggregator
  readonly watermark: Watermark
  readonly vendorIds = new VendorIdDeduplicator()
  readonly #options: FoldOptions
  readonly #frames: FrameDeduplicator
  readonly #ticks: TickRule
  #takenGaps: KnownGap[] = []
  readonly #unknownCodes = new Map<string, number>()
  #receivedAtMs: number | null
  #hasVendorIds: boolean

  constructor(options: FoldOptions, state: FoldState | undefined, storedUntilMs: number) {
    this.#options = options
    const { timeframes } = options
    this.bars = new BarAggregator({ timeframes, storedUntilMs, gaps: this.gaps })
    this.activity = new ActivityBarAggregator(timeframes, this.gaps)
    this.watermark = new Watermark(options.allowedDelayMs, state?.watermark ?? undefined)
    this.#frames = new FrameDeduplicator(state?.connections)
    this.#ticks = new TickRule(state?.ticks)
    this.#receivedAtMs = state?.receivedAtMs ?? null
    this.#hasVendorIds = state?.hasVendorIds ?? false
  }

  /** When the newest record was received, epoch ms; null before the first. */
  get receivedAtMs(): number | null {
    return this.#receivedAtMs
  }

  /** Whether `vendorIds` needs the stored trades after a restart. */
  get hasVendorIds(): boolean {
    return this.#hasVendorIds
  }

  /**
   * Folds one record and returns its trades. Returns undefined and folds nothing when the record was
   * published before (same connection, frame and symbol).
   */
  take(record: TradeRecord, offset: number): readonly FoldedTrade[] | undefined {
    const { symbol, connection, frame, receivedAt, feed } = record
    if (!this.#frames.accept(connection, frame, symbol)) return undefined
    if (this.#receivedAtMs === null || receivedAt > this.#receivedAtMs) {
      this.#receivedAtMs = receivedAt
    }
    const { policy } = this.#options
    const watermarkMs = this.watermark.ms
    const idOfFrame = frameId(connection, frame)
    const firstSequence = sequenceOf(frame, 0)
    const folded: FoldedTrade[] = []
    let newestMs = -Infinity
    let date: TradingDate | undefined
    for (let i = 0; i < record.trades.length; i++) {
      const trade = record.trades[i] as FeedTrade
      const index = record.indexes[i] as number
      const tMs = trade.t
      if (date === undefined || tMs < date.startMs || tMs >= date.endMs) {
        date = tradingDateAt(symbol, tMs)
      }
      const session = sessionOfTrade(symbol, date, tMs, trade.c)
      const id = `${idOfFrame}${index}`
      const eligibility = eligibilityOf(trade.c, policy, session, this.#countUnknown)
      const exclusion = this.#exclusionReason(symbol, id, trade, receivedAt, watermarkMs)
      if (exclusion === undefined) {
        if (tMs > newestMs) newestMs = tMs
        if (eligibility !== 0) {
          const setsPrice = (eligibility & MAY.setLast) !== 0
          const tick = setsPrice ? this.#ticks.next(symbol, trade.p, date.tradeDate) : NO_TICK
          const barTrade = {
            tMs,
            connection,
            sequence: firstSequence + index,
            price: trade.p,
            size: trade.v,
            eligibility,
            session,
            feed,
            direction: tick.direction,
            squaredReturn: tick.squaredReturn
          }
          this.bars.fold(symbol, barTrade, offset, watermarkMs)
          this.activity.fold(symbol, id, barTrade, date.tradeDate, [offset, index])
        }
      }
      folded.push({
        id,
        trade,
        session,
        tradeDate: date.tradeDate,
        eligibility,
        exclusion,
        byMs: byMs(exclusion, tMs, receivedAt, watermarkMs)
      })
    }
    if (this.watermark.frozenFeed !== null && this.watermark.frozenFeed !== feed)
      this.watermark.thaw()
    if (newestMs > -Infinity) this.watermark.observe(newestMs, receivedAt)
    return folded
  }

  /**
   * Adds a gap, or its newer version, to the bars of the batch that is closed next. The watermark is frozen
   * while the feed is down; a gap of this partition alone (`log`) says nothing about the feed.
   */
  takeGap(gap: GapRecord): void {
    this.learnGap(knownGap(gap))
    if (gap.log !== undefined) return
    if (gap.toMs === null) this.watermark.freeze(gap.feed)
    else if (gap.feed === this.watermark.frozenFeed) this.watermark.thaw()
  }

  /** The same for a gap that another partition has read, which says nothing of the watermark of this one. */
  learnGap(gap: KnownGap): void {
    this.#takenGaps.push(gap)
  }

  /** Adds the gaps taken since the last call to `gaps`. Returns each as it is known now. */
  drainGaps(): readonly KnownGap[] {
    const drained = new Map<string, KnownGap>()
    for (const gap of this.#takenGaps) drained.set(gap.id, this.gaps.add(gap))
    this.#takenGaps = []
    return [...drained.values()]
  }

  /** Unknown condition codes since the last call, with the number of their trades. */
  drainUnknownCodes(): ReadonlyMap<string, number> {
    const drained = new Map(this.#unknownCodes)
    this.#unknownCodes.clear()
    return drained
  }

  toState(): FoldState {
    this.vendorIds.forget(this.watermark.ms)
    return {
      watermark: this.watermark.toState(),
      connections: this.#frames.toState(),
      ticks: this.#ticks.toState(),
      receivedAtMs: this.#receivedAtMs,
      hasVendorIds: this.#hasVendorIds
    }
  }

  #exclusionReason(
    symbol: string,
    id: string,
    { t, i }: FeedTrade,
    receivedAt: number,
    watermarkMs: number
  ): ExclusionReason | undefined {
    const { latenessLimitMs, futureLimitMs, redelivered } = this.#options
    if (i !== undefined) {
      this.#hasVendorIds = true
      if (redelivered === 'drop' && this.vendorIds.isRepeat(symbol, i, id, t)) return 'redelivered'
    }
    if (t - receivedAt > futureLimitMs) return 'from the future'
    return t < watermarkMs - latenessLimitMs ? 'too late' : undefined
  }

  readonly #countUnknown = (code: string): void => {
    if (this.#unknownCodes.size < MAX_UNKNOWN_CODES || this.#unknownCodes.has(code)) {
      this.#unknownCodes.set(code, (this.#unknownCodes.get(code) ?? 0) + 1)
    }
  }
}

/** Further codes are not counted by name. */
const MAX_UNKNOWN_CODES = 100
const NO_TICK = { direction: 0, squaredReturn: 0 }

/** See FoldedTrade.byMs. */
function byMs(
  exclusion: ExclusionReason | undefined,
  tMs: number,
  receivedAt: number,
  watermarkMs: number
): number {
  if (exclusion === undefined) return 0
  return exclusion === 'from the future' ? tMs - receivedAt : Math.max(0, watermarkMs - tMs)
}

import { BarAggregator } from './bar-book.ts'
import { ActivityBarAggregator } from './counted-book.ts'
import { GapList } from './coverage.ts'
import { eligibilityOf, MAY, type ConditionPolicy } from './conditions.ts'
import { FrameDeduplicator, type SeenConnection } from './frame-ledger.ts'
import type { GapRecord } from './gap-record.ts'
import { VendorIdDeduplicator } from './redelivery.ts'
import { sessionOfTrade, tradingDateAt, type Session } from './sessions.ts'
import { TickRule, type TickState } from './tick-rule.ts'
import type { Timeframe } from './timeframe.ts'
import { frameId, sequenceOf, type FeedTrade, type TradeRecord } from './trade-record.ts'
import { Watermark, type WatermarkState } from './watermark.ts'

export interface FoldOptions {
  readonly timeframes: readonly Timeframe[]
  readonly policy: ConditionPolicy
  /** How long to wait for stragglers before a bar is final. */
  readonly allowedDelayMs: number
  /** Trades further behind the watermark are kept aside. */
  readonly latenessLimitMs: number
  /** Trades further ahead of their receipt are kept aside and never move the watermark. */
  readonly futureLimitMs: number
  /** What becomes of a trade whose vendor's id was met before. */
  readonly redelivered: 'drop' | 'keep'
}

/** What survives a restart beside the stored bars; small, whatever the number of symbols. */
export interface FoldState {
  readonly watermark: WatermarkState | null
  readonly connections: readonly SeenConnection[]
  readonly ticks?: TickState
  /** When the newest record was received; null before the first. */
  readonly receivedAtMs?: number | null
  /** The feed names its trades, so that repeated ones can be told. */
  readonly hasVendorIds?: boolean
}

/** Why a trade is in no bar. */
export type AsideReason = 'too late' | 'from the future' | 'redelivered'

/** A trade with everything that is stored of it. */
export interface FoldedTrade {
  readonly id: string
  readonly trade: FeedTrade
  readonly session: Session
  readonly tradeDate: string
  /** What it may do to a bar, as bits of MAY; also while it is kept aside. */
  readonly eligibility: number
  /** Why it is in no bar; undefined when it is. */
  readonly aside: AsideReason | undefined
  /** How far behind the watermark, or ahead of its receipt, when aside. */
  readonly byMs: number
}

/**
 * Turns the records of one partition, in offset order, into panes, a watermark and trades to store.
 *
 * Depends on nothing but the records and the state, so a replay from the checkpoint gives the same
 * again; the wall clock only moves an idle watermark.
 */
export class PartitionFold {
  readonly gaps = new GapList()
  readonly book: BarAggregator
  readonly counted: ActivityBarAggregator
  readonly watermark: Watermark
  readonly redelivery = new VendorIdDeduplicator()
  readonly #options: FoldOptions
  readonly #ledger: FrameDeduplicator
  readonly #ticks: TickRule
  readonly #unknownCodes = new Map<string, number>()
  #receivedAtMs: number | null
  #hasVendorIds: boolean

  constructor(options: FoldOptions, state: FoldState | undefined, storedUntilMs: number) {
    this.#options = options
    const { timeframes } = options
    this.book = new BarAggregator({ timeframes, storedUntilMs, gaps: this.gaps })
    this.counted = new ActivityBarAggregator(timeframes, this.gaps)
    this.watermark = new Watermark(options.allowedDelayMs, state?.watermark ?? undefined)
    this.#ledger = new FrameDeduplicator(state?.connections)
    this.#ticks = new TickRule(state?.ticks)
    this.#receivedAtMs = state?.receivedAtMs ?? null
    this.#hasVendorIds = state?.hasVendorIds ?? false
  }

  /** When the newest record was received, epoch ms; null before the first. */
  get receivedAtMs(): number | null {
    return this.#receivedAtMs
  }

  /** Whether `redelivery` must be told of stored trades after a restart. */
  get hasVendorIds(): boolean {
    return this.#hasVendorIds
  }

  /**
   * Folds one record; `store` gets each of its trades. False when the record was published before
   * (same connection, frame and symbol): nothing is folded or stored then.
   */
  take(
    record: TradeRecord,
    offset: number,
    nowMs: number,
    store: (folded: FoldedTrade) => void
  ): boolean {
    const { symbol, connection, frame, receivedAt, feed } = record
    if (!this.#ledger.accept(connection, frame, symbol)) return false
    if (this.#receivedAtMs === null || receivedAt > this.#receivedAtMs) {
      this.#receivedAtMs = receivedAt
    }
    const { policy } = this.#options
    const watermarkMs = this.watermark.ms
    const idOfFrame = frameId(connection, frame)
    const firstSequence = sequenceOf(frame, 0)
    let newestMs = -Infinity
    for (let i = 0; i < record.trades.length; i++) {
      const trade = record.trades[i] as FeedTrade
      const index = record.indexes[i] as number
      const tMs = trade.t
      const date = tradingDateAt(symbol, tMs)
      const session = sessionOfTrade(symbol, date, tMs, trade.c)
      const id = `${idOfFrame}${index}`
      const eligibility = eligibilityOf(trade.c, policy, session, this.#countUnknown)
      const aside = this.#asideReason(symbol, id, trade, receivedAt, watermarkMs)
      if (aside === undefined) {
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
          this.book.fold(symbol, barTrade, offset, watermarkMs)
          this.counted.fold(symbol, id, barTrade, date.tradeDate, [offset, index])
        }
      }
      store({
        id,
        trade,
        session,
        tradeDate: date.tradeDate,
        eligibility,
        aside,
        byMs: byMs(aside, tMs, receivedAt, watermarkMs)
      })
    }
    if (newestMs > -Infinity) this.watermark.observe(newestMs, nowMs)
    return true
  }

  /** The feed went down, or is up again: the watermark stands still in between. */
  takeGap({ toMs, fromMs }: GapRecord, nowMs: number): void {
    if (toMs === null) this.watermark.freeze(nowMs)
    else if (fromMs !== null) this.watermark.thaw(nowMs)
  }

  /** Unknown condition codes met since the last call, with how often. */
  takeUnknownCodes(): ReadonlyMap<string, number> {
    const taken = new Map(this.#unknownCodes)
    this.#unknownCodes.clear()
    return taken
  }

  toState(): FoldState {
    this.redelivery.forget(this.watermark.ms)
    return {
      watermark: this.watermark.toState(),
      connections: this.#ledger.toState(),
      ticks: this.#ticks.toState(),
      receivedAtMs: this.#receivedAtMs,
      hasVendorIds: this.#hasVendorIds
    }
  }

  #asideReason(
    symbol: string,
    id: string,
    { t, i }: FeedTrade,
    receivedAt: number,
    watermarkMs: number
  ): AsideReason | undefined {
    const { latenessLimitMs, futureLimitMs, redelivered } = this.#options
    if (i !== undefined) {
      this.#hasVendorIds = true
      if (redelivered === 'drop' && this.redelivery.isRepeat(symbol, i, id, t)) return 'redelivered'
    }
    if (t - receivedAt > futureLimitMs) return 'from the future'
    return t < watermarkMs - latenessLimitMs ? 'too late' : undefined
  }

  readonly #countUnknown = (code: string): void => {
    if (this.#unknownCodes.size < 100 || this.#unknownCodes.has(code)) {
      this.#unknownCodes.set(code, (this.#unknownCodes.get(code) ?? 0) + 1)
    }
  }
}

const NO_TICK = { direction: 0, squaredReturn: 0 }

/** How far behind the watermark, or ahead of its receipt, a trade kept aside was. */
function byMs(
  aside: AsideReason | undefined,
  tMs: number,
  receivedAt: number,
  watermarkMs: number
): number {
  if (aside === undefined) return 0
  return aside === 'from the future' ? tMs - receivedAt : Math.max(0, watermarkMs - tMs)
}

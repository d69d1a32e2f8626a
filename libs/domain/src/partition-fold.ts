import { BarBook } from './bar-book.ts'
import { eligibilityOf, type ConditionPolicy } from './conditions.ts'
import { FrameLedger, type SeenConnection } from './frame-ledger.ts'
import type { GapRecord } from './gap-record.ts'
import { sessionOfTrade, tradingDateAt, type Session } from './sessions.ts'
import type { Timeframe } from './timeframe.ts'
import { MAX_FRAME_INDEX, tradeId, type FeedTrade, type TradeRecord } from './trade-record.ts'
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
}

/** What survives a restart beside the stored bars; small, whatever the number of symbols. */
export interface FoldState {
  readonly watermark: WatermarkState | null
  readonly connections: readonly SeenConnection[]
}

/** A trade with everything that is stored of it. */
export interface FoldedTrade {
  readonly id: string
  readonly trade: FeedTrade
  readonly session: Session
  readonly tradeDate: string
  /** Why it is in no bar; undefined when it is. */
  readonly aside: 'too late' | 'from the future' | undefined
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
  readonly book: BarBook
  readonly watermark: Watermark
  readonly #options: FoldOptions
  readonly #ledger: FrameLedger
  readonly #unknownCodes = new Map<string, number>()

  constructor(options: FoldOptions, state: FoldState | undefined, storedUntilMs: number) {
    this.#options = options
    this.book = new BarBook({ timeframes: options.timeframes, storedUntilMs })
    this.watermark = new Watermark(options.allowedDelayMs, state?.watermark ?? undefined)
    this.#ledger = new FrameLedger(state?.connections)
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
    const { policy, latenessLimitMs, futureLimitMs } = this.#options
    const tooLateMs = this.watermark.ms - latenessLimitMs
    let newestMs = -Infinity
    for (let i = 0; i < record.trades.length; i++) {
      const trade = record.trades[i] as FeedTrade
      const index = record.indexes[i] as number
      const tMs = trade.t
      const date = tradingDateAt(symbol, tMs)
      const session = sessionOfTrade(symbol, date, tMs, trade.c)
      const aheadMs = tMs - receivedAt
      const aside =
        aheadMs > futureLimitMs ? 'from the future' : tMs < tooLateMs ? 'too late' : undefined
      if (aside === undefined) {
        if (tMs > newestMs) newestMs = tMs
        const eligibility = eligibilityOf(trade.c, policy, session, this.#countUnknown)
        if (eligibility !== 0) {
          this.book.fold(
            symbol,
            {
              tMs,
              connection,
              sequence: frame * MAX_FRAME_INDEX + index,
              price: trade.p,
              size: trade.v,
              eligibility,
              session,
              feed
            },
            offset
          )
        }
      }
      store({
        id: tradeId(connection, frame, index),
        trade,
        session,
        tradeDate: date.tradeDate,
        aside,
        byMs: aside === 'from the future' ? aheadMs : aside ? this.watermark.ms - tMs : 0
      })
    }
    if (newestMs > -Infinity) this.watermark.observe(newestMs, nowMs)
    return true
  }

  /** The feed went down, or is up again: the watermark stands still in between. */
  takeGap({ toMs }: GapRecord, nowMs: number): void {
    if (toMs === null) this.watermark.freeze(nowMs)
    else this.watermark.thaw(nowMs)
  }

  /** Unknown condition codes met since the last call, with how often. */
  takeUnknownCodes(): ReadonlyMap<string, number> {
    const taken = new Map(this.#unknownCodes)
    this.#unknownCodes.clear()
    return taken
  }

  toState(): FoldState {
    return { watermark: this.watermark.toState(), connections: this.#ledger.toState() }
  }

  readonly #countUnknown = (code: string): void => {
    if (this.#unknownCodes.size < 100 || this.#unknownCodes.has(code)) {
      this.#unknownCodes.set(code, (this.#unknownCodes.get(code) ?? 0) + 1)
    }
  }
}

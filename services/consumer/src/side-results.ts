import type { FoldedTrade, GapRecord, TradeRecord } from '@tapedeck/domain'
import type { DeadLetter } from '@tapedeck/kafka'
import {
  amendmentDocuments,
  tradeDocument,
  type AmendmentDocument,
  type LateTradeDocument,
  type SymbolDocument
} from '@tapedeck/mongo'

export type SeenSymbol = Omit<SymbolDocument, 'firstSeenAt'>

/** What records leave beside trades and bars, from one flush to the next. */
export interface SideResults {
  readonly late: readonly LateTradeDocument[]
  readonly dead: readonly DeadLetter[]
  readonly gaps: readonly GapRecord[]
  readonly amendments: readonly AmendmentDocument[]
  readonly symbols: readonly SeenSymbol[]
}

/** Collects side results until a flush takes them. */
export class SideCollector {
  #late: LateTradeDocument[] = []
  #dead: DeadLetter[] = []
  #gaps: GapRecord[] = []
  #amendments: AmendmentDocument[] = []
  #symbols = new Map<string, SeenSymbol>()

  /** A trade that is in no bar. */
  aside(record: TradeRecord, folded: FoldedTrade, reason: LateTradeDocument['reason']): void {
    this.#late.push({ ...tradeDocument(record, folded), reason, byMs: folded.byMs })
  }

  dead(letter: DeadLetter): void {
    this.#dead.push(letter)
  }

  gap(gap: GapRecord): void {
    this.#gaps.push(gap)
  }

  /** A record that was folded: its amendments, and what was last seen of its symbol. */
  seen(record: TradeRecord): void {
    if (record.amendments !== undefined) this.#amendments.push(...amendmentDocuments(record))
    const newest = record.trades.at(-1)
    if (newest === undefined) return
    this.#symbols.set(record.symbol, {
      _id: record.symbol,
      feed: record.feed,
      lastPrice: newest.p,
      lastTradeAt: new Date(newest.t),
      lastReceivedAt: new Date(record.receivedAt)
    })
  }

  take(): SideResults {
    const taken = {
      late: this.#late,
      dead: this.#dead,
      gaps: this.#gaps,
      amendments: this.#amendments,
      symbols: [...this.#symbols.values()]
    }
    this.#late = []
    this.#dead = []
    this.#gaps = []
    this.#amendments = []
    this.#symbols = new Map()
    return taken
  }
}

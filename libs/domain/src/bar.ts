import { assert } from '@tapedeck/core'
import { tradingDateAt } from './sessions.ts'
import { Tally, type StoredTally } from './tally.ts'
import { WINDOW_MS, type Timeframe } from './timeframe.ts'

export type BarStatus = 'provisional' | 'final' | 'revised'

/** [startMs, endMs) of a window. */
export interface Window {
  readonly startMs: number
  readonly endMs: number
}

/** The window of a timeframe that holds a moment, for a symbol. */
export function windowAt(symbol: string, timeframe: Timeframe, atMs: number): Window {
  if (timeframe === '1d') {
    const { startMs, endMs } = tradingDateAt(symbol, atMs)
    return { startMs, endMs }
  }
  const lengthMs = WINDOW_MS[timeframe]
  const startMs = Math.floor(atMs / lengthMs) * lengthMs
  return { startMs, endMs: startMs + lengthMs }
}

export function barId(symbol: string, timeframe: Timeframe, startMs: number): string {
  return `${symbol}|${timeframe}|${startMs}`
}

/** What a store must give back so that a bar can be taken up again. */
export interface StoredBar {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly startMs: number
  readonly endMs: number
  readonly status: BarStatus
  readonly revision: number
  readonly lateCount: number
  /** Every record of the partition below this offset is in the tally. */
  readonly offset: number
  readonly tally: StoredTally
}

/**
 * One symbol's trades in one window, on its way from provisional to final and through revisions.
 *
 * Its content is a function of the partition's records below `offset`; replaying them onto a bar
 * taken up from the store changes nothing.
 */
export class Bar {
  readonly id: string
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly startMs: number
  readonly endMs: number
  readonly tally: Tally
  status: BarStatus
  revision: number
  lateCount: number
  offset: number
  /** Changed since it was last handed out for storing. */
  isDirty = false
  /** Taken up from the store or handed out for storing before. */
  isStored: boolean

  constructor(bar: Omit<StoredBar, 'tally'> & { readonly tally?: StoredTally }) {
    this.isStored = bar.tally !== undefined
    this.id = barId(bar.symbol, bar.timeframe, bar.startMs)
    this.symbol = bar.symbol
    this.timeframe = bar.timeframe
    this.startMs = bar.startMs
    this.endMs = bar.endMs
    this.status = bar.status
    this.revision = bar.revision
    this.lateCount = bar.lateCount
    this.offset = bar.offset
    this.tally = new Tally(bar.tally)
  }

  /**
   * Whether a part read from records [fromOffset, toOffset) is still to be taken in. False: the bar
   * holds it already (a replay).
   */
  lacks(fromOffset: number, toOffset: number): boolean {
    if (this.offset <= fromOffset) return true
    assert(
      this.offset >= toOffset,
      `bar ${this.id} holds records below ${this.offset}, a part spans ${fromOffset} to ${toOffset}`
    )
    return false
  }

  /** Takes in part of the window; `settled` says when all parts of a span of records are in. */
  absorb(part: Tally): void {
    this.tally.merge(part)
    if (this.status !== 'provisional') this.lateCount += part.tradeCount
    this.isDirty = true
  }

  /** All records below `offset` are in. A bar that was final is now revised, once for the span. */
  settled(offset: number): void {
    this.offset = offset
    if (this.status === 'provisional') return
    this.status = 'revised'
    this.revision++
  }
}

import { assert } from '@tapedeck/core'
import { NO_GAPS, type GapSpan } from './coverage.ts'
import { ExactSum, type StoredSum } from './exact-sum.ts'
import { BarAccumulator, type StoredAccumulator } from './tally.ts'
import type { Timeframe } from './timeframe.ts'

export type BarStatus = 'provisional' | 'final' | 'revised'

/** Why a bar was changed after it was final. */
export type RevisionCause = 'late trades' | 'feed gap' | 'reprocessed'

/** Of the many bars that nothing came late to; never added to. */
const NO_VOLUME = new ExactSum()

export function barId(symbol: string, timeframe: Timeframe, startMs: number): string {
  return `${symbol}|${timeframe}|${startMs}`
}

/** What a store must give back so that a bar can be taken up again. */
export interface StoredBar {
  readonly id?: string
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly startMs: number
  readonly endMs: number
  /** When the watermark is here the bar is final; its end unless said otherwise. */
  readonly settlesMs?: number
  readonly status: BarStatus
  readonly revision: number
  readonly revisionCause?: RevisionCause | null
  readonly lateCount: number
  readonly lateVolume?: StoredSum
  readonly gaps?: readonly GapSpan[]
  /** Every record of the partition below this offset is in the accumulator. */
  readonly offset: number
  readonly accumulator: StoredAccumulator
}

/** Trades that came when the watermark had passed the window: from which records, how many, how much. */
export interface LateAmount {
  readonly offsets: readonly number[]
  readonly trades: number
  readonly volume: ExactSum
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
  endMs: number
  readonly settlesMs: number
  /** Undefined while nothing was taken in. */
  #accumulator: BarAccumulator | undefined
  status: BarStatus
  /** Records with late trades, and gaps known late, that changed it. */
  revision: number
  revisionCause: RevisionCause | null
  lateCount: number
  lateVolume = NO_VOLUME
  gaps: readonly GapSpan[]
  offset: number
  /** Taken up from the store or handed out for storing before. */
  isStored: boolean

  constructor(bar: Omit<StoredBar, 'accumulator'> & { readonly accumulator?: StoredAccumulator }) {
    this.isStored = bar.accumulator !== undefined
    this.id = bar.id ?? barId(bar.symbol, bar.timeframe, bar.startMs)
    this.symbol = bar.symbol
    this.timeframe = bar.timeframe
    this.startMs = bar.startMs
    this.endMs = bar.endMs
    this.settlesMs = bar.settlesMs ?? bar.endMs
    this.status = bar.status
    this.revision = bar.revision
    this.revisionCause = bar.revisionCause ?? null
    this.lateCount = bar.lateCount
    if (bar.lateVolume !== undefined && bar.lateVolume !== 0) {
      this.lateVolume = new ExactSum()
      this.lateVolume.set(bar.lateVolume)
    }
    this.gaps = bar.gaps ?? NO_GAPS
    this.offset = bar.offset
    if (bar.accumulator !== undefined) this.#accumulator = new BarAccumulator(bar.accumulator)
  }

  get accumulator(): BarAccumulator {
    this.#accumulator ??= new BarAccumulator()
    return this.#accumulator
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

  /**
   * Takes in part of the window, with what of it came late; `settled` says when all of a span is in.
   * A part that is `given` is never added to again, so that an empty bar may keep it as its own.
   */
  absorb(part: BarAccumulator, late: LateAmount | undefined, isGiven = false): void {
    if (isGiven && this.#accumulator === undefined) this.#accumulator = part
    else this.accumulator.merge(part)
    if (late === undefined) return
    this.lateCount += late.trades
    if (this.lateVolume === NO_VOLUME) this.lateVolume = new ExactSum()
    this.lateVolume.merge(late.volume)
  }

  /**
   * All records below `offset` are in, this many of which came late: each is a revision. A bar that
   * was final is now revised.
   */
  settled(offset: number, lateRecords: number): void {
    this.offset = offset
    if (lateRecords > 0) {
      this.revision += lateRecords
      this.revisionCause = 'late trades'
    }
    if (this.status !== 'provisional') this.status = 'revised'
  }

  /** The watermark passed the window. */
  finalise(): void {
    this.status = this.revision > 0 ? 'revised' : 'final'
  }

  /** A gap in its window, or a newer version of one; false when nothing of it is new. */
  cover({ id, fromMs, toMs }: GapSpan): boolean {
    const gap = clipped(id, fromMs, toMs, this)
    const known = this.gaps.find((one) => one.id === id)
    if (known?.fromMs === gap.fromMs && known.toMs === gap.toMs) return false
    this.gaps = [...this.gaps.filter((one) => one.id !== id), gap].toSorted(byStart)
    if (this.status === 'provisional') return true
    this.status = 'revised'
    this.revision++
    this.revisionCause = 'feed gap'
    return true
  }
}

/** The part of a gap inside a window, so that a later end outside changes nothing. */
function clipped(
  id: string,
  fromMs: number,
  toMs: number,
  { startMs, endMs }: Pick<Bar, 'startMs' | 'endMs'>
): GapSpan {
  // Minus infinity stays: nothing is known of the time before, see coverageOf.
  const beginMs = fromMs === -Infinity ? fromMs : Math.max(fromMs, startMs)
  return { id, fromMs: beginMs, toMs: Math.min(toMs, endMs) }
}

function byStart(a: GapSpan, b: GapSpan): number {
  return a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1)
}

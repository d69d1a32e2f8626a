import { assert } from '@tapedeck/core'
import { NO_GAPS, type GapList, type GapSpan } from '../feed-gaps.ts'
import type { Session } from '../sessions.ts'
import { BarAccumulator, type BarTrade, type StoredAccumulator } from './accumulator.ts'
import { ExactSum, type StoredSum } from './exact-sum.ts'
import { PANE_MS, type Timeframe } from './window.ts'

export type BarStatus = 'provisional' | 'final' | 'revised'

/** Why a bar changed after it was final. */
export type RevisionCause = 'late trades' | 'feed gap' | 'reprocessed'

/** A bar as a store returns it. */
export interface StoredBar {
  readonly id: string
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly startMs: number
  readonly endMs: number
  /** The watermark at which the bar becomes final; by default its end. */
  readonly finalAtMs?: number
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

/** Trades that arrived after the watermark had passed a bar. */
export interface LateAmount {
  /** The offsets of their records. */
  readonly offsets: readonly number[]
  readonly trades: number
  readonly volume: ExactSum
}

export function barId(symbol: string, timeframe: Timeframe, startMs: number): string {
  return `${symbol}|${timeframe}|${startMs}`
}

/** Shared by all bars without late trades; never changed. */
const NO_VOLUME = new ExactSum()

/**
 * One symbol's trades in one window, from provisional to final and through revisions.
 *
 * The content is a function of the partition's records below `offset`. Replaying those records onto a
 * restored bar changes nothing.
 */
export class Bar {
  readonly id: string
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly startMs: number
  readonly finalAtMs: number
  #endMs: number
  /** Undefined while the bar is empty. */
  #accumulator: BarAccumulator | undefined
  #status: BarStatus
  #revision: number
  #revisionCause: RevisionCause | null
  #lateCount: number
  #lateVolume = NO_VOLUME
  #gaps: readonly GapSpan[]
  #offset: number
  #isStored: boolean

  constructor(bar: Omit<StoredBar, 'accumulator'> & { readonly accumulator?: StoredAccumulator }) {
    this.id = bar.id
    this.symbol = bar.symbol
    this.timeframe = bar.timeframe
    this.startMs = bar.startMs
    this.finalAtMs = bar.finalAtMs ?? bar.endMs
    this.#endMs = bar.endMs
    this.#status = bar.status
    this.#revision = bar.revision
    this.#revisionCause = bar.revisionCause ?? null
    this.#lateCount = bar.lateCount
    if (bar.lateVolume !== undefined && bar.lateVolume !== 0) {
      this.#lateVolume = new ExactSum()
      this.#lateVolume.set(bar.lateVolume)
    }
    this.#gaps = bar.gaps ?? NO_GAPS
    this.#offset = bar.offset
    this.#isStored = bar.accumulator !== undefined
    if (bar.accumulator !== undefined) this.#accumulator = new BarAccumulator(bar.accumulator)
  }

  get accumulator(): BarAccumulator {
    this.#accumulator ??= new BarAccumulator()
    return this.#accumulator
  }

  get endMs(): number {
    return this.#endMs
  }

  get status(): BarStatus {
    return this.#status
  }

  /** Number of records with late trades, and of gaps recorded late, that changed the bar. */
  get revision(): number {
    return this.#revision
  }

  get revisionCause(): RevisionCause | null {
    return this.#revisionCause
  }

  /** Trades that arrived after the watermark had passed the bar. */
  get lateCount(): number {
    return this.#lateCount
  }

  get lateVolume(): ExactSum {
    return this.#lateVolume
  }

  /** The feed gaps in its window, by start. */
  get gaps(): readonly GapSpan[] {
    return this.#gaps
  }

  /** Every record of the partition below this offset is in the bar. */
  get offset(): number {
    return this.#offset
  }

  /**
   * Whether the part from records [fromOffset, toOffset) is not in the bar yet. False when the bar was stored
   * before a crash and the records are replayed.
   */
  lacks(fromOffset: number, toOffset: number): boolean {
    if (this.#offset <= fromOffset) return true
    assert(
      this.#offset >= toOffset,
      `bar ${this.id} holds records below ${this.#offset}, a part spans ${fromOffset} to ${toOffset}`
    )
    return false
  }

  /**
   * Merges a pane of its window; `late` is the part of it that arrived late. Call `endBatch` after all panes
   * of a batch. If `isOwned`, an empty bar may keep the accumulator of the pane, which the caller must not
   * change afterwards.
   */
  merge(pane: BarAccumulator, late: LateAmount | undefined, isOwned: boolean): void {
    if (isOwned && this.#accumulator === undefined) this.#accumulator = pane
    else this.accumulator.merge(pane)
    if (late === undefined) return
    this.#lateCount += late.trades
    if (this.#lateVolume === NO_VOLUME) this.#lateVolume = new ExactSum()
    this.#lateVolume.merge(late.volume)
  }

  /** All records below `offset` are merged. Each of the `lateRecords` is a revision. */
  endBatch(offset: number, lateRecords: number): void {
    this.#offset = offset
    if (lateRecords > 0) {
      this.#revision += lateRecords
      this.#revisionCause = 'late trades'
    }
    if (this.#status !== 'provisional') this.#status = 'revised'
  }

  /** Adds the next trade on the tape to an activity bar, which ends with its last trade. */
  append(trade: BarTrade, offset: number, gaps: GapList): void {
    this.accumulator.add(trade)
    this.#endMs = Math.max(this.startMs, this.accumulator.lastTradeMs)
    this.#offset = offset + 1
    this.coverBy(gaps)
  }

  /** The watermark passed the window, or the activity bar is full. */
  finalise(): void {
    this.#status = this.#revision > 0 ? 'revised' : 'final'
  }

  /**
   * Sets its gaps to those of its window that are recorded: call it whenever one of both may have changed.
   * False when they are the same. A change after the bar was final is a revision.
   */
  coverBy(recorded: GapList): boolean {
    const { symbol, startMs, endMs } = this
    const gaps = recorded.within({ symbol, feed: this.accumulator.feed }, startMs, endMs)
    if (isSame(gaps, this.#gaps)) return false
    this.#gaps = gaps
    if (this.#status === 'provisional') return true
    this.#status = 'revised'
    this.#revision++
    this.#revisionCause = 'feed gap'
    return true
  }

  /** True on the first call for a bar that was not restored from a store: it must be inserted. */
  markStored(): boolean {
    const isNew = !this.#isStored
    this.#isStored = true
    return isNew
  }

  toStored(): Required<StoredBar> {
    const { id, symbol, timeframe, startMs, endMs, finalAtMs, status, revision } = this
    const { revisionCause, lateCount, gaps, offset } = this
    return {
      id,
      symbol,
      timeframe,
      startMs,
      endMs,
      finalAtMs,
      status,
      revision,
      revisionCause,
      lateCount,
      lateVolume: this.#lateVolume.toStored(),
      gaps,
      offset,
      accumulator: this.accumulator.toStored()
    }
  }
}

function isSame(a: readonly GapSpan[], b: readonly GapSpan[]): boolean {
  if (a.length !== b.length) return false
  return a.every(({ id, fromMs, toMs }, index) => {
    const other = b[index]
    return id === other?.id && fromMs === other.fromMs && toMs === other.toMs
  })
}

/** Bars that changed since the last drain. */
export interface ChangedBars<T> {
  /** Never stored before. */
  readonly fresh: readonly T[]
  readonly changed: readonly T[]
}

/** Splits changed bars into new and stored ones; from now on all of them count as stored. */
export function byNovelty<T>(all: Iterable<T>, barOf: (one: T) => Bar): ChangedBars<T> {
  const fresh: T[] = []
  const changed: T[] = []
  for (const one of all) (barOf(one).markStored() ? fresh : changed).push(one)
  return { fresh, changed }
}

/** The trades of one record that arrived after the watermark had passed their pane. */
interface LatePart {
  readonly offset: number
  /** The watermark before the record. */
  readonly watermarkMs: number
  trades: number
  readonly volume: ExactSum
}

/** One second of one symbol in one session. Trades are folded into it once; bars merge it. */
export class Pane {
  readonly startMs: number
  readonly session: Session
  readonly accumulator = new BarAccumulator()
  #late: LatePart[] | undefined

  constructor(startMs: number, session: Session) {
    this.startMs = startMs
    this.session = session
  }

  /** Adds a trade of the record at `offset`; `watermarkMs` is the watermark before the record. */
  add(trade: BarTrade, offset: number, watermarkMs: number): void {
    this.accumulator.add(trade)
    if (watermarkMs < this.startMs + PANE_MS) return
    this.#late ??= []
    let part = this.#late.at(-1)
    if (part?.offset !== offset) {
      part = { offset, watermarkMs, trades: 0, volume: new ExactSum() }
      this.#late.push(part)
    }
    part.trades++
    part.volume.add(trade.size)
  }

  /** The trades that arrived after the watermark had reached `finalAtMs`; undefined without one. */
  lateFor(finalAtMs: number): LateAmount | undefined {
    if (this.#late === undefined) return undefined
    const parts = this.#late.filter(({ watermarkMs }) => watermarkMs >= finalAtMs)
    if (parts.length === 0) return undefined
    const volume = new ExactSum()
    for (const part of parts) volume.merge(part.volume)
    return {
      offsets: parts.map(({ offset }) => offset),
      trades: parts.reduce((sum, { trades }) => sum + trades, 0),
      volume
    }
  }

  /** The whole pane as late, for a bar that the clock made final before a crash lost that watermark. */
  allLate(): LateAmount {
    const { tradeCount, exactVolume } = this.accumulator
    return { offsets: [-1], trades: tradeCount, volume: exactVolume }
  }
}

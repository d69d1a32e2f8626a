import { assert } from '@tapedeck/core'
import { Bar, barId, windowAt, type StoredBar } from './bar.ts'
import { Tally, type TalliedTrade } from './tally.ts'
import { PANE_MS, type Timeframe } from './timeframe.ts'

export interface BarBookOptions {
  readonly timeframes: readonly Timeframe[]
  /** No stored bar of this partition begins after this moment; -Infinity for an empty store. */
  readonly storedUntilMs: number
  /** A final bar stays in memory this long past its end, so that usual latecomers find it there. */
  readonly keepFinalMs?: number
}

/** One second of one symbol, folded once; then merged into a bar of every timeframe. */
interface Pane {
  readonly symbol: string
  readonly startMs: number
  readonly tally: Tally
}

/** Panes folded from records [fromOffset, toOffset). */
interface Span {
  readonly panes: Map<string, Pane>
  fromOffset: number
  toOffset: number
}

function emptySpan(): Span {
  return { panes: new Map(), fromOffset: Infinity, toOffset: -Infinity }
}

const KEEP_FINAL_MS = 30_000

/**
 * The bars of one partition: folds trades into one-second panes and merges each pane into the bar
 * of every timeframe.
 *
 * Pure: what is not in memory is asked for by `missing` and handed in by `adopt`; so the store can be
 * anything. Order of use: fold ... fold, seal, missing, adopt, settle, finalise, takeDirty. After
 * `seal` further trades may be folded at any time; they wait for the next round.
 */
export class BarBook {
  readonly #timeframes: readonly Timeframe[]
  readonly #keepFinalMs: number
  #storedUntilMs: number
  readonly #bars = new Map<string, Bar>()
  /** Provisional bars by the moment their window ends. */
  readonly #open = new Map<number, Set<Bar>>()
  /** Final bars in memory, oldest first, until they are let go. */
  #finals: Bar[] = []
  #waiting = emptySpan()
  #sealed = emptySpan()
  /** The pane each symbol was last folded into. */
  readonly #current = new Map<string, Pane>()
  readonly #dirty = new Set<Bar>()

  constructor(options: BarBookOptions) {
    this.#timeframes = options.timeframes
    this.#storedUntilMs = options.storedUntilMs
    this.#keepFinalMs = options.keepFinalMs ?? KEEP_FINAL_MS
  }

  /** Folds one trade of the record at `offset` into its pane. */
  fold(symbol: string, trade: TalliedTrade, offset: number): void {
    const startMs = Math.floor(trade.tMs / PANE_MS) * PANE_MS
    let pane = this.#current.get(symbol)
    if (pane === undefined || pane.startMs !== startMs) {
      pane = this.#paneAt(symbol, startMs)
      this.#current.set(symbol, pane)
    }
    pane.tally.add(trade)
    const span = this.#waiting
    if (offset < span.fromOffset) span.fromOffset = offset
    if (offset >= span.toOffset) span.toOffset = offset + 1
  }

  /** Panes waiting to be sealed. */
  get paneCount(): number {
    return this.#waiting.panes.size
  }

  /** Closes the span of records to be settled next. */
  seal(): void {
    assert(this.#sealed.panes.size === 0, 'a sealed span is settled before the next is sealed')
    this.#sealed = this.#waiting
    this.#waiting = emptySpan()
    this.#current.clear()
  }

  /** Ids of bars that the sealed panes touch and that may be in the store but are not in memory. */
  missing(): string[] {
    const ids = new Set<string>()
    for (const pane of this.#sealed.panes.values()) {
      for (const timeframe of this.#timeframes) {
        const { startMs } = windowAt(pane.symbol, timeframe, pane.startMs)
        if (startMs > this.#storedUntilMs) continue
        const id = barId(pane.symbol, timeframe, startMs)
        if (!this.#bars.has(id)) ids.add(id)
      }
    }
    return [...ids]
  }

  /** Takes up stored bars. What was asked for and does not come is known not to be stored. */
  adopt(stored: readonly StoredBar[]): void {
    for (const one of stored) {
      if (this.#bars.has(barId(one.symbol, one.timeframe, one.startMs))) continue
      this.#keep(new Bar(one))
    }
  }

  /** Merges the sealed panes into their bars. Call after `missing` was answered by `adopt`. */
  settle(): void {
    const { fromOffset, toOffset } = this.#sealed
    const touched = new Set<Bar>()
    for (const pane of this.#sealed.panes.values()) {
      for (const timeframe of this.#timeframes) {
        const bar = this.#barAt(pane.symbol, timeframe, pane.startMs)
        if (!bar.lacks(fromOffset, toOffset)) continue
        bar.absorb(pane.tally)
        touched.add(bar)
      }
    }
    for (const bar of touched) {
      bar.settled(toOffset)
      this.#dirty.add(bar)
    }
    this.#sealed = emptySpan()
  }

  /** Makes every bar final whose window ends by the watermark; answers them by end, then by id. */
  finalise(watermarkMs: number): Bar[] {
    const finals: Bar[] = []
    for (const [endMs, bars] of this.#open) {
      if (endMs > watermarkMs) continue
      for (const bar of bars) {
        bar.status = 'final'
        bar.isDirty = true
        this.#dirty.add(bar)
        finals.push(bar)
      }
      this.#open.delete(endMs)
    }
    finals.sort((a, b) => a.endMs - b.endMs || (a.id < b.id ? -1 : 1))
    this.#finals.push(...finals)
    return finals
  }

  /** The bars that changed since the last call, and lets go of old final ones. */
  takeDirty(watermarkMs: number): Bar[] {
    const dirty = [...this.#dirty]
    this.#dirty.clear()
    for (const bar of dirty) bar.isDirty = false
    this.#letGo(watermarkMs - this.#keepFinalMs)
    return dirty
  }

  /** Bars in memory. */
  get size(): number {
    return this.#bars.size
  }

  #paneAt(symbol: string, startMs: number): Pane {
    const key = `${symbol}|${startMs}`
    let pane = this.#waiting.panes.get(key)
    if (pane === undefined) {
      pane = { symbol, startMs, tally: new Tally() }
      this.#waiting.panes.set(key, pane)
    }
    return pane
  }

  #barAt(symbol: string, timeframe: Timeframe, atMs: number): Bar {
    const { startMs, endMs } = windowAt(symbol, timeframe, atMs)
    const found = this.#bars.get(barId(symbol, timeframe, startMs))
    if (found !== undefined) return found
    const bar = new Bar({
      symbol,
      timeframe,
      startMs,
      endMs,
      status: 'provisional',
      revision: 0,
      lateCount: 0,
      offset: 0
    })
    this.#keep(bar)
    return bar
  }

  #keep(bar: Bar): void {
    this.#bars.set(bar.id, bar)
    if (bar.status !== 'provisional') {
      this.#finals.push(bar)
      return
    }
    const open = this.#open.get(bar.endMs)
    if (open === undefined) this.#open.set(bar.endMs, new Set([bar]))
    else open.add(bar)
  }

  #letGo(beforeMs: number): void {
    const kept: Bar[] = []
    for (const bar of this.#finals) {
      if (bar.endMs >= beforeMs || bar.isDirty) kept.push(bar)
      else {
        this.#bars.delete(bar.id)
        if (bar.startMs > this.#storedUntilMs) this.#storedUntilMs = bar.startMs
      }
    }
    this.#finals = kept
  }
}

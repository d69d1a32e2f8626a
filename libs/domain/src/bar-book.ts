import { assert } from '@tapedeck/core'
import { Bar, barId, type StoredBar } from './bar.ts'
import { concerns, GapList, spanOf, type KnownGap } from './coverage.ts'
import { Pane } from './pane.ts'
import type { TalliedTrade } from './tally.ts'
import { PANE_MS, windowSpec, type Timeframe } from './timeframe.ts'
import { windowsAt, type Window } from './window.ts'

export interface BarBookOptions {
  /** Counted windows among them are passed over; see CountedBook. */
  readonly timeframes: readonly Timeframe[]
  /** No stored bar of this partition begins after this moment; -Infinity for an empty store. */
  readonly storedUntilMs: number
  /** A final bar stays in memory this long past its end, so that usual latecomers find it there. */
  readonly keepFinalMs?: number
  /** The feed gaps that are known, shared with whoever needs them too. */
  readonly gaps?: GapList
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
  /** Provisional bars by the moment their window settles. */
  readonly #open = new Map<number, Set<Bar>>()
  /** Final bars in memory, oldest first, until they are let go. */
  #finals: Bar[] = []
  #waiting = emptySpan()
  #sealed = emptySpan()
  /** The pane each symbol was last folded into. */
  readonly #current = new Map<string, Pane>()
  readonly #dirty = new Set<Bar>()
  readonly #gaps: GapList

  constructor(options: BarBookOptions) {
    this.#gaps = options.gaps ?? new GapList()
    this.#timeframes = options.timeframes.filter((name) => windowSpec(name).kind !== 'counted')
    this.#storedUntilMs = options.storedUntilMs
    this.#keepFinalMs = options.keepFinalMs ?? KEEP_FINAL_MS
  }

  /** Folds one trade of the record at `offset` into its pane; `watermarkMs` is that before the record. */
  fold(symbol: string, trade: TalliedTrade, offset: number, watermarkMs: number): void {
    const startMs = Math.floor(trade.tMs / PANE_MS) * PANE_MS
    let pane = this.#current.get(symbol)
    if (pane === undefined || pane.startMs !== startMs || pane.session !== trade.session) {
      pane = this.#paneAt(symbol, startMs, trade)
      this.#current.set(symbol, pane)
    }
    pane.add(trade, offset, watermarkMs)
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
        for (const { startMs } of windowsOf(pane, timeframe)) {
          if (startMs > this.#storedUntilMs) continue
          const id = barId(pane.symbol, timeframe, startMs)
          if (!this.#bars.has(id)) ids.add(id)
        }
      }
    }
    return [...ids]
  }

  /** Takes up stored bars. What was asked for and does not come is known not to be stored. */
  adopt(stored: readonly StoredBar[]): void {
    for (const one of stored) {
      if (this.#bars.has(one.id ?? barId(one.symbol, one.timeframe, one.startMs))) continue
      this.#keep(new Bar(one))
    }
  }

  /** Merges the sealed panes into their bars. Call after `missing` was answered by `adopt`. */
  settle(): void {
    const { fromOffset, toOffset } = this.#sealed
    const touched = new Map<Bar, Set<number> | undefined>()
    for (const pane of this.#sealed.panes.values()) {
      for (const timeframe of this.#timeframes) {
        for (const window of windowsOf(pane, timeframe)) {
          const bar = this.#barAt(pane.symbol, timeframe, window)
          if (!bar.lacks(fromOffset, toOffset)) continue
          const isFinal = bar.status !== 'provisional'
          const late = pane.lateFor(window.settlesMs) ?? (isFinal ? pane.whole() : undefined)
          bar.absorb(pane.tally, late)
          touched.set(
            bar,
            late === undefined ? touched.get(bar) : union(touched.get(bar), late.offsets)
          )
        }
      }
    }
    for (const [bar, lateOffsets] of touched) {
      bar.settled(toOffset, lateOffsets?.size ?? 0)
      this.#dirty.add(bar)
    }
    this.#sealed = emptySpan()
  }

  /**
   * Takes a feed gap, or its newer version, into every bar in memory that it overlaps. Those that left
   * memory are adopted before.
   */
  cover(gap: KnownGap): void {
    this.#gaps.add(gap)
    for (const bar of this.#bars.values()) {
      if (!concerns(gap, bar.symbol, bar.startMs, bar.endMs)) continue
      if (bar.cover(spanOf(gap))) this.#dirty.add(bar)
    }
  }

  /** Makes every bar final that settles by the watermark; answers them by end, then by id. */
  finalise(watermarkMs: number): Bar[] {
    const finals: Bar[] = []
    for (const [settlesMs, bars] of this.#open) {
      if (settlesMs > watermarkMs) continue
      for (const bar of bars) {
        bar.finalise()
        this.#dirty.add(bar)
        finals.push(bar)
      }
      this.#open.delete(settlesMs)
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

  #paneAt(symbol: string, startMs: number, { session }: TalliedTrade): Pane {
    const key = `${symbol}|${startMs}|${session}`
    let pane = this.#waiting.panes.get(key)
    if (pane === undefined) {
      pane = new Pane(symbol, startMs, session)
      this.#waiting.panes.set(key, pane)
    }
    return pane
  }

  #barAt(symbol: string, timeframe: Timeframe, { startMs, endMs, settlesMs }: Window): Bar {
    const found = this.#bars.get(barId(symbol, timeframe, startMs))
    if (found !== undefined) return found
    const bar = new Bar({
      symbol,
      timeframe,
      startMs,
      endMs,
      settlesMs,
      status: 'provisional',
      revision: 0,
      lateCount: 0,
      offset: 0
    })
    for (const gap of this.#gaps.within(symbol, startMs, endMs)) bar.cover(gap)
    this.#keep(bar)
    return bar
  }

  #keep(bar: Bar): void {
    this.#bars.set(bar.id, bar)
    if (bar.status !== 'provisional') {
      this.#finals.push(bar)
      return
    }
    const open = this.#open.get(bar.settlesMs)
    if (open === undefined) this.#open.set(bar.settlesMs, new Set([bar]))
    else open.add(bar)
  }

  #letGo(beforeMs: number): void {
    const kept: Bar[] = []
    for (const bar of this.#finals) {
      if (bar.settlesMs >= beforeMs || bar.isDirty) kept.push(bar)
      else {
        this.#bars.delete(bar.id)
        if (bar.startMs > this.#storedUntilMs) this.#storedUntilMs = bar.startMs
      }
    }
    this.#finals = kept
  }
}

function windowsOf({ symbol, startMs, session }: Pane, timeframe: Timeframe): readonly Window[] {
  return windowsAt(symbol, timeframe, startMs, session)
}

function union(known: Set<number> | undefined, offsets: readonly number[]): Set<number> {
  const all = known ?? new Set()
  for (const offset of offsets) all.add(offset)
  return all
}

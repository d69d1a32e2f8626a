import { assert } from '@tapedeck/core'
import { Bar, barId, type StoredBar } from './bar.ts'
import { concerns, GapList, spanOf, type KnownGap } from './coverage.ts'
import type { Pane } from './pane.ts'
import { timeframeSlots, SymbolBars, type TimeframeSlot } from './symbol-bars.ts'
import type { BarTrade } from './tally.ts'
import { PANE_MS, type Timeframe } from './timeframe.ts'
import type { Window } from './window.ts'

export interface BarAggregatorOptions {
  /** Counted windows among them are passed over; see ActivityBarAggregator. */
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
  readonly panes: Pane[]
  fromOffset: number
  toOffset: number
}

function emptySpan(): Span {
  return { panes: [], fromOffset: Infinity, toOffset: -Infinity }
}

const KEEP_FINAL_MS = 30_000

/**
 * The bars of one partition: folds trades into one-second panes and merges each pane into the bar
 * of every timeframe.
 *
 * Pure: what is not in memory is asked for by `missing` and handed in by `adopt`; so the store can be
 * anything. Order of use: fold ... fold, seal, missing, adopt, settle, finalise, drainChanged. After
 * `seal` further trades may be folded at any time; they wait for the next round.
 */
export class BarAggregator {
  readonly #slots: readonly TimeframeSlot[]
  readonly #slotOf: ReadonlyMap<Timeframe, TimeframeSlot>
  readonly #keepFinalMs: number
  #storedUntilMs: number
  readonly #symbols = new Map<string, SymbolBars>()
  /** The one asked for last: a record's trades are all of one symbol. */
  #recent: SymbolBars | undefined
  #size = 0
  /** Provisional bars by the moment their window settles. */
  readonly #open = new Map<number, Bar[]>()
  /** Final bars in memory by the same, until they are let go. */
  readonly #finals = new Map<number, Bar[]>()
  #waiting = emptySpan()
  #sealed = emptySpan()
  readonly #dirty = new Set<Bar>()
  readonly #gaps: GapList

  constructor(options: BarAggregatorOptions) {
    this.#gaps = options.gaps ?? new GapList()
    this.#slots = timeframeSlots(options.timeframes)
    this.#slotOf = new Map(this.#slots.map((slot) => [slot.timeframe, slot]))
    this.#storedUntilMs = options.storedUntilMs
    this.#keepFinalMs = options.keepFinalMs ?? KEEP_FINAL_MS
  }

  /** Folds one trade of the record at `offset` into its pane; `watermarkMs` is that before the record. */
  fold(symbol: string, trade: BarTrade, offset: number, watermarkMs: number): void {
    const startMs = Math.floor(trade.tMs / PANE_MS) * PANE_MS
    const owner = this.#symbolOf(symbol)
    const span = this.#waiting
    let pane = owner.current
    if (pane === undefined || pane.startMs !== startMs || pane.session !== trade.session) {
      const place = owner.paneAt(startMs, trade.session)
      if (place.isNew) span.panes.push(place.pane)
      pane = place.pane
      owner.current = pane
    }
    pane.add(trade, offset, watermarkMs)
    if (offset < span.fromOffset) span.fromOffset = offset
    if (offset >= span.toOffset) span.toOffset = offset + 1
  }

  /** Panes waiting to be sealed. */
  get paneCount(): number {
    return this.#waiting.panes.length
  }

  /** Closes the span of records to be settled next. */
  closeBatch(): void {
    assert(this.#sealed.panes.length === 0, 'a sealed span is settled before the next is sealed')
    this.#sealed = this.#waiting
    this.#waiting = emptySpan()
    for (const { owner } of this.#sealed.panes) owner.closeBatch()
  }

  /** Ids of bars that the sealed panes touch and that may be in the store but are not in memory. */
  missing(): string[] {
    const ids = new Set<string>()
    for (const pane of this.#sealed.panes) {
      const { owner } = pane
      for (const slot of this.#slots) {
        if (owner.recent(slot, pane.startMs) !== undefined) continue
        for (const { startMs } of owner.windows(slot, pane)) {
          if (startMs > this.#storedUntilMs || owner.bar(slot, startMs) !== undefined) continue
          ids.add(barId(owner.symbol, slot.timeframe, startMs))
        }
      }
    }
    return [...ids]
  }

  /**
   * Takes up stored bars; those of timeframes that are no longer kept are passed over. What was asked
   * for and does not come is known not to be stored.
   */
  adopt(stored: readonly StoredBar[]): void {
    for (const one of stored) {
      const slot = this.#slotOf.get(one.timeframe)
      if (slot === undefined) continue
      const owner = this.#symbolOf(one.symbol)
      if (owner.bar(slot, one.startMs) === undefined) this.#keep(owner, slot, new Bar(one))
    }
  }

  /** Merges the sealed panes into their bars. Call after `missing` was answered by `adopt`. */
  mergeBatch(): void {
    const { panes, fromOffset, toOffset } = this.#sealed
    const touched = new Map<Bar, Set<number> | undefined>()
    const merge = (pane: Pane, bar: Bar, isGiven: boolean): void => {
      if (!bar.lacks(fromOffset, toOffset)) return
      const isFinal = bar.status !== 'provisional'
      const late = pane.lateFor(bar.settlesMs) ?? (isFinal ? pane.whole() : undefined)
      bar.absorb(pane.accumulator, late, isGiven)
      if (late !== undefined) touched.set(bar, union(touched.get(bar), late.offsets))
      else if (!touched.has(bar)) touched.set(bar, undefined)
    }
    for (const pane of panes) {
      const { owner } = pane
      for (const slot of this.#slots) {
        const recent = owner.recent(slot, pane.startMs)
        if (recent !== undefined) {
          merge(pane, recent, slot.isPane)
          continue
        }
        for (const window of owner.windows(slot, pane)) {
          const bar = this.#barAt(owner, slot, window)
          owner.found(slot, bar)
          merge(pane, bar, slot.isPane)
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
    for (const owner of this.#symbols.values()) {
      for (const bar of owner.bars()) {
        if (!concerns(gap, bar.symbol, bar.startMs, bar.endMs)) continue
        if (bar.cover(spanOf(gap))) this.#dirty.add(bar)
      }
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
        put(this.#finals, settlesMs, bar)
      }
      this.#open.delete(settlesMs)
    }
    return finals.sort((a, b) => a.endMs - b.endMs || (a.id < b.id ? -1 : 1))
  }

  /** The bars that changed since the last call, and lets go of old final ones. */
  drainChanged(watermarkMs: number): Bar[] {
    const dirty = [...this.#dirty]
    this.#dirty.clear()
    this.#letGo(watermarkMs - this.#keepFinalMs)
    return dirty
  }

  /** Bars in memory. */
  get size(): number {
    return this.#size
  }

  #symbolOf(symbol: string): SymbolBars {
    if (this.#recent?.symbol === symbol) return this.#recent
    let found = this.#symbols.get(symbol)
    if (found === undefined) {
      found = new SymbolBars(symbol, this.#slots.length)
      this.#symbols.set(symbol, found)
    }
    this.#recent = found
    return found
  }

  #barAt(owner: SymbolBars, slot: TimeframeSlot, { startMs, endMs, settlesMs }: Window): Bar {
    const found = owner.bar(slot, startMs)
    if (found !== undefined) return found
    const { symbol } = owner
    const bar = new Bar({
      symbol,
      timeframe: slot.timeframe,
      startMs,
      endMs,
      settlesMs,
      status: 'provisional',
      revision: 0,
      lateCount: 0,
      offset: 0
    })
    for (const gap of this.#gaps.within(symbol, startMs, endMs)) bar.cover(gap)
    this.#keep(owner, slot, bar)
    return bar
  }

  #keep(owner: SymbolBars, slot: TimeframeSlot, bar: Bar): void {
    owner.keep(slot, bar)
    this.#size++
    put(bar.status === 'provisional' ? this.#open : this.#finals, bar.settlesMs, bar)
  }

  #letGo(beforeMs: number): void {
    for (const [settlesMs, bars] of this.#finals) {
      if (settlesMs >= beforeMs) continue
      this.#finals.delete(settlesMs)
      for (const bar of bars) {
        const slot = this.#slotOf.get(bar.timeframe)
        if (slot !== undefined) this.#symbols.get(bar.symbol)?.letGo(slot, bar)
        this.#size--
        if (bar.startMs > this.#storedUntilMs) this.#storedUntilMs = bar.startMs
      }
    }
  }
}

function put(bars: Map<number, Bar[]>, key: number, bar: Bar): void {
  const found = bars.get(key)
  if (found === undefined) bars.set(key, [bar])
  else found.push(bar)
}

function union(known: Set<number> | undefined, offsets: readonly number[]): Set<number> {
  const all = known ?? new Set()
  for (const offset of offsets) all.add(offset)
  return all
}

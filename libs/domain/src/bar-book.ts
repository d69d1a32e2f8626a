import { assert } from '@tapedeck/core'
import { Bar, barId, type StoredBar } from './bar.ts'
import { concerns, GapList, spanOf, type KnownGap } from './coverage.ts'
import type { Pane } from './pane.ts'
import { shelvesOf, SymbolBars, type Shelf } from './symbol-bars.ts'
import type { TalliedTrade } from './tally.ts'
import { PANE_MS, type Timeframe } from './timeframe.ts'
import type { Window } from './window.ts'

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
 * anything. Order of use: fold ... fold, seal, missing, adopt, settle, finalise, takeDirty. After
 * `seal` further trades may be folded at any time; they wait for the next round.
 */
export class BarBook {
  readonly #shelves: readonly Shelf[]
  readonly #shelfOf: ReadonlyMap<Timeframe, Shelf>
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

  constructor(options: BarBookOptions) {
    this.#gaps = options.gaps ?? new GapList()
    this.#shelves = shelvesOf(options.timeframes)
    this.#shelfOf = new Map(this.#shelves.map((shelf) => [shelf.timeframe, shelf]))
    this.#storedUntilMs = options.storedUntilMs
    this.#keepFinalMs = options.keepFinalMs ?? KEEP_FINAL_MS
  }

  /** Folds one trade of the record at `offset` into its pane; `watermarkMs` is that before the record. */
  fold(symbol: string, trade: TalliedTrade, offset: number, watermarkMs: number): void {
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
  seal(): void {
    assert(this.#sealed.panes.length === 0, 'a sealed span is settled before the next is sealed')
    this.#sealed = this.#waiting
    this.#waiting = emptySpan()
    for (const { owner } of this.#sealed.panes) owner.seal()
  }

  /** Ids of bars that the sealed panes touch and that may be in the store but are not in memory. */
  missing(): string[] {
    const ids = new Set<string>()
    for (const pane of this.#sealed.panes) {
      const { owner } = pane
      for (const shelf of this.#shelves) {
        if (owner.recent(shelf, pane.startMs) !== undefined) continue
        for (const { startMs } of owner.windows(shelf, pane)) {
          if (startMs > this.#storedUntilMs || owner.bar(shelf, startMs) !== undefined) continue
          ids.add(barId(owner.symbol, shelf.timeframe, startMs))
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
      const shelf = this.#shelfOf.get(one.timeframe)
      if (shelf === undefined) continue
      const owner = this.#symbolOf(one.symbol)
      if (owner.bar(shelf, one.startMs) === undefined) this.#keep(owner, shelf, new Bar(one))
    }
  }

  /** Merges the sealed panes into their bars. Call after `missing` was answered by `adopt`. */
  settle(): void {
    const { panes, fromOffset, toOffset } = this.#sealed
    const touched = new Map<Bar, Set<number> | undefined>()
    const merge = (pane: Pane, bar: Bar, isGiven: boolean): void => {
      if (!bar.lacks(fromOffset, toOffset)) return
      const isFinal = bar.status !== 'provisional'
      const late = pane.lateFor(bar.settlesMs) ?? (isFinal ? pane.whole() : undefined)
      bar.absorb(pane.tally, late, isGiven)
      if (late !== undefined) touched.set(bar, union(touched.get(bar), late.offsets))
      else if (!touched.has(bar)) touched.set(bar, undefined)
    }
    for (const pane of panes) {
      const { owner } = pane
      for (const shelf of this.#shelves) {
        const recent = owner.recent(shelf, pane.startMs)
        if (recent !== undefined) {
          merge(pane, recent, shelf.isPane)
          continue
        }
        for (const window of owner.windows(shelf, pane)) {
          const bar = this.#barAt(owner, shelf, window)
          owner.found(shelf, bar)
          merge(pane, bar, shelf.isPane)
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
  takeDirty(watermarkMs: number): Bar[] {
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
      found = new SymbolBars(symbol, this.#shelves.length)
      this.#symbols.set(symbol, found)
    }
    this.#recent = found
    return found
  }

  #barAt(owner: SymbolBars, shelf: Shelf, { startMs, endMs, settlesMs }: Window): Bar {
    const found = owner.bar(shelf, startMs)
    if (found !== undefined) return found
    const { symbol } = owner
    const bar = new Bar({
      symbol,
      timeframe: shelf.timeframe,
      startMs,
      endMs,
      settlesMs,
      status: 'provisional',
      revision: 0,
      lateCount: 0,
      offset: 0
    })
    for (const gap of this.#gaps.within(symbol, startMs, endMs)) bar.cover(gap)
    this.#keep(owner, shelf, bar)
    return bar
  }

  #keep(owner: SymbolBars, shelf: Shelf, bar: Bar): void {
    owner.keep(shelf, bar)
    this.#size++
    put(bar.status === 'provisional' ? this.#open : this.#finals, bar.settlesMs, bar)
  }

  #letGo(beforeMs: number): void {
    for (const [settlesMs, bars] of this.#finals) {
      if (settlesMs >= beforeMs) continue
      this.#finals.delete(settlesMs)
      for (const bar of bars) {
        const shelf = this.#shelfOf.get(bar.timeframe)
        if (shelf !== undefined) this.#symbols.get(bar.symbol)?.letGo(shelf, bar)
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

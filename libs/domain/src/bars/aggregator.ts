import { assert } from '@tapedeck/core'
import type { GapList } from '../feed-gaps.ts'
import type { Session } from '../sessions.ts'
import type { BarTrade } from './accumulator.ts'
import { Bar, barId, byNovelty, Pane, type ChangedBars, type StoredBar } from './bar.ts'
import {
  isActivity,
  PANE_MS,
  windowsAt,
  windowSpec,
  type Timeframe,
  type Window
} from './window.ts'

export interface BarAggregatorOptions {
  /** Timeframes of activity bars are ignored; see ActivityBarAggregator. */
  readonly timeframes: readonly Timeframe[]
  /** No stored bar of this partition begins later; -Infinity for an empty store. */
  readonly storedUntilMs: number
  /** The recorded feed gaps, shared with the other users of the partition. */
  readonly gaps: GapList
}

/** Final bars stay in memory this long past their end, because most late trades come soon. */
const KEEP_FINAL_MS = 30_000

/** A timeframe in time: its index in the lists of each symbol, and the shape of its windows. */
interface TimeframeSlot {
  readonly index: number
  readonly timeframe: Timeframe
  /** A moment is in one window at most, whatever its session, so the last bar found can be reused. */
  readonly isSimple: boolean
  /** A window is a pane, so its bar may keep the pane's accumulator. True for one slot at most. */
  readonly isPane: boolean
}

/** The panes of records [fromOffset, toOffset), kept by their symbols. */
interface Batch {
  readonly symbols: SymbolBars[]
  paneCount: number
  fromOffset: number
  toOffset: number
}

function emptyBatch(): Batch {
  return { symbols: [], paneCount: 0, fromOffset: Infinity, toOffset: -Infinity }
}

/**
 * The bars in time of one partition: folds trades into one-second panes and merges each pane into the
 * bar of every timeframe.
 *
 * Pure: `missing` returns the ids of stored bars that are not in memory, and `adopt` restores them.
 * `closeBatch` in close-fold.ts is the only caller of these steps and defines their order.
 */
export class BarAggregator {
  readonly #slots: readonly TimeframeSlot[]
  readonly #slotOf: ReadonlyMap<Timeframe, TimeframeSlot>
  readonly #gaps: GapList
  #storedUntilMs: number
  readonly #symbols = new Map<string, SymbolBars>()
  /** The last one used, because all trades of a record are of one symbol. */
  #recent: SymbolBars | undefined
  #size = 0
  /** Provisional bars by the watermark at which they become final. */
  readonly #open = new Map<number, Bar[]>()
  /** Final bars in memory, in the same way. */
  readonly #finals = new Map<number, Bar[]>()
  #waiting = emptyBatch()
  #closed = emptyBatch()
  readonly #changed = new Set<Bar>()

  constructor({ timeframes, storedUntilMs, gaps }: BarAggregatorOptions) {
    this.#gaps = gaps
    this.#slots = slotsOf(timeframes)
    this.#slotOf = new Map(this.#slots.map((slot) => [slot.timeframe, slot]))
    this.#storedUntilMs = storedUntilMs
  }

  /** Folds a trade of the record at `offset`; `watermarkMs` is the watermark before the record. */
  fold(symbol: string, trade: BarTrade, offset: number, watermarkMs: number): void {
    const owner = this.#symbolOf(symbol)
    const batch = this.#waiting
    const pane = owner.paneAt(Math.floor(trade.tMs / PANE_MS) * PANE_MS, trade.session, batch)
    pane.add(trade, offset, watermarkMs)
    if (offset < batch.fromOffset) batch.fromOffset = offset
    if (offset >= batch.toOffset) batch.toOffset = offset + 1
  }

  /** Panes of the open batch. */
  get paneCount(): number {
    return this.#waiting.paneCount
  }

  /** Bars in memory. */
  get size(): number {
    return this.#size
  }

  /** Closes the batch: trades folded from now on belong to the next one. */
  closeBatch(): void {
    assert(this.#closed.paneCount === 0, 'a closed batch is merged before the next is closed')
    this.#closed = this.#waiting
    this.#waiting = emptyBatch()
    for (const owner of this.#closed.symbols) owner.closeBatch()
  }

  /** Ids of bars that the closed batch changes and that may be stored but are not in memory. */
  missing(): string[] {
    const ids = new Set<string>()
    for (const owner of this.#closed.symbols) {
      for (const pane of owner.closed) {
        for (const slot of this.#slots) {
          if (owner.recent(slot, pane.startMs) !== undefined) continue
          for (const { startMs } of owner.windows(slot, pane)) {
            if (startMs > this.#storedUntilMs || owner.bar(slot, startMs) !== undefined) continue
            ids.add(barId(owner.symbol, slot.timeframe, startMs))
          }
        }
      }
    }
    return [...ids]
  }

  /** Restores stored bars that are not in memory. Bars of other timeframes are ignored. */
  adopt(stored: readonly StoredBar[]): void {
    for (const one of stored) {
      const slot = this.#slotOf.get(one.timeframe)
      if (slot === undefined) continue
      const owner = this.#symbolOf(one.symbol)
      if (owner.bar(slot, one.startMs) === undefined) this.#keep(owner, slot, new Bar(one))
    }
  }

  /** Merges the closed batch into its bars. A missing bar that was not adopted begins empty. */
  mergeBatch(): void {
    const { symbols, fromOffset, toOffset } = this.#closed
    const touched = new Map<Bar, Set<number> | undefined>()
    const merge = (pane: Pane, bar: Bar, isPane: boolean): void => {
      if (!bar.lacks(fromOffset, toOffset)) return
      const isFinal = bar.status !== 'provisional'
      const late = pane.lateFor(bar.finalAtMs) ?? (isFinal ? pane.allLate() : undefined)
      bar.merge(pane.accumulator, late, isPane)
      if (late !== undefined) touched.set(bar, union(touched.get(bar), late.offsets))
      else if (!touched.has(bar)) touched.set(bar, undefined)
    }
    for (const owner of symbols) {
      for (const pane of owner.closed) {
        for (const slot of this.#slots) {
          const recent = owner.recent(slot, pane.startMs)
          if (recent !== undefined) {
            merge(pane, recent, slot.isPane)
            continue
          }
          for (const window of owner.windows(slot, pane)) {
            const bar = owner.bar(slot, window.startMs) ?? this.#newBar(owner, slot, window)
            owner.setRecent(slot, bar)
            merge(pane, bar, slot.isPane)
          }
        }
      }
      owner.closed = NO_PANES
    }
    for (const [bar, lateOffsets] of touched) {
      bar.coverBy(this.#gaps)
      bar.endBatch(toOffset, lateOffsets?.size ?? 0)
      this.#changed.add(bar)
    }
    this.#closed = emptyBatch()
  }

  /** Corrects the gaps of the bars in memory after gaps were recorded. */
  recover(): void {
    for (const owner of this.#symbols.values()) {
      for (const bar of owner.bars()) if (bar.coverBy(this.#gaps)) this.#changed.add(bar)
    }
  }

  /** Corrects the gaps of a stored bar, and restores it if they were wrong. The bars in memory are newer. */
  recoverStored(stored: StoredBar): void {
    const slot = this.#slotOf.get(stored.timeframe)
    if (slot === undefined) return
    const owner = this.#symbolOf(stored.symbol)
    if (owner.bar(slot, stored.startMs) !== undefined) return
    const bar = new Bar(stored)
    if (!bar.coverBy(this.#gaps)) return
    this.#keep(owner, slot, bar)
    this.#changed.add(bar)
  }

  /** Makes every bar final that the watermark has passed. Returns them by end, then by id. */
  finalise(watermarkMs: number): Bar[] {
    const finals: Bar[] = []
    for (const [finalAtMs, bars] of this.#open) {
      if (finalAtMs > watermarkMs) continue
      for (const bar of bars) {
        bar.finalise()
        this.#changed.add(bar)
        finals.push(bar)
        put(this.#finals, finalAtMs, bar)
      }
      this.#open.delete(finalAtMs)
    }
    return finals.sort((a, b) => a.endMs - b.endMs || (a.id < b.id ? -1 : 1))
  }

  /** The bars that changed since the last call, all to be stored. Evicts old final bars from memory. */
  drainChanged(watermarkMs: number): ChangedBars<Bar> {
    const drained = byNovelty(this.#changed, (bar) => bar)
    this.#changed.clear()
    this.#evict(watermarkMs - KEEP_FINAL_MS)
    return drained
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

  #newBar(owner: SymbolBars, slot: TimeframeSlot, { startMs, endMs, finalAtMs }: Window): Bar {
    const { symbol } = owner
    const { timeframe } = slot
    const bar = new Bar({
      id: barId(symbol, timeframe, startMs),
      symbol,
      timeframe,
      startMs,
      endMs,
      finalAtMs,
      status: 'provisional',
      revision: 0,
      lateCount: 0,
      offset: 0
    })
    this.#keep(owner, slot, bar)
    return bar
  }

  #keep(owner: SymbolBars, slot: TimeframeSlot, bar: Bar): void {
    owner.keep(slot, bar)
    this.#size++
    put(bar.status === 'provisional' ? this.#open : this.#finals, bar.finalAtMs, bar)
  }

  #evict(beforeMs: number): void {
    for (const [finalAtMs, bars] of this.#finals) {
      if (finalAtMs >= beforeMs) continue
      this.#finals.delete(finalAtMs)
      for (const bar of bars) {
        const slot = this.#slotOf.get(bar.timeframe)
        if (slot !== undefined) this.#symbols.get(bar.symbol)?.evict(slot, bar)
        this.#size--
        if (bar.startMs > this.#storedUntilMs) this.#storedUntilMs = bar.startMs
      }
    }
  }
}

const NO_PANES: readonly Pane[] = []

/** The panes and bars of one symbol in memory, so that a trade costs one look-up of its symbol. */
class SymbolBars {
  readonly symbol: string
  /** The panes of the closed batch, until they are merged. */
  closed: readonly Pane[] = NO_PANES
  #waiting: Pane[] = []
  /** The pane of the last trade, unless its batch was closed. */
  #current: Pane | undefined
  /** Waiting panes by their start; of two sessions in one second the later one. */
  readonly #byStart = new Map<number, Pane>()
  /** For each slot: bars by their start, and the bar found last. */
  readonly #bars: Map<number, Bar>[]
  readonly #recent: (Bar | undefined)[]

  constructor(symbol: string, slots: number) {
    this.symbol = symbol
    this.#bars = Array.from({ length: slots }, () => new Map())
    this.#recent = Array.from({ length: slots }, () => undefined)
  }

  /** The pane of a second and session; a new one is counted in `batch`. */
  paneAt(startMs: number, session: Session, batch: Batch): Pane {
    const current = this.#current
    if (current?.startMs === startMs && current.session === session) return current
    let pane = this.#byStart.get(startMs)
    if (pane?.session !== session) {
      pane = new Pane(startMs, session)
      if (this.#waiting.length === 0) batch.symbols.push(this)
      batch.paneCount++
      this.#waiting.push(pane)
      this.#byStart.set(startMs, pane)
    }
    this.#current = pane
    return pane
  }

  closeBatch(): void {
    this.closed = this.#waiting
    this.#waiting = []
    this.#current = undefined
    this.#byStart.clear()
  }

  bar({ index }: TimeframeSlot, startMs: number): Bar | undefined {
    return this.#bars[index]?.get(startMs)
  }

  /** The bar found last if its window contains the moment, which saves computing the window. */
  recent({ index, isSimple }: TimeframeSlot, startMs: number): Bar | undefined {
    const bar = isSimple ? this.#recent[index] : undefined
    return bar !== undefined && bar.startMs <= startMs && startMs < bar.endMs ? bar : undefined
  }

  setRecent({ index }: TimeframeSlot, bar: Bar): void {
    this.#recent[index] = bar
  }

  windows({ timeframe }: TimeframeSlot, { startMs, session }: Pane): readonly Window[] {
    return windowsAt(this.symbol, timeframe, startMs, session)
  }

  keep({ index }: TimeframeSlot, bar: Bar): void {
    this.#bars[index]?.set(bar.startMs, bar)
  }

  evict({ index }: TimeframeSlot, bar: Bar): void {
    this.#bars[index]?.delete(bar.startMs)
    if (this.#recent[index] === bar) this.#recent[index] = undefined
  }

  *bars(): Iterable<Bar> {
    for (const bars of this.#bars) yield* bars.values()
  }
}

function slotsOf(timeframes: readonly Timeframe[]): TimeframeSlot[] {
  return timeframes
    .filter((timeframe) => !isActivity(timeframe))
    .map((timeframe, index) => {
      const spec = windowSpec(timeframe)
      return {
        index,
        timeframe,
        isSimple: spec.kind === 'tumbling' || spec.kind === 'trading day',
        isPane: spec.kind === 'tumbling' && spec.lengthMs === PANE_MS
      }
    })
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

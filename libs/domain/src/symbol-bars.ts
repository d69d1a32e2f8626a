import type { Bar } from './bar.ts'
import { Pane } from './pane.ts'
import type { Session } from './sessions.ts'
import { PANE_MS, windowSpec, type Timeframe } from './timeframe.ts'
import { windowsAt, type Window } from './window.ts'

/** A timeframe of a book: its place in every symbol's lists, and how its windows are found. */
export interface TimeframeSlot {
  readonly index: number
  readonly timeframe: Timeframe
  /** A moment lies in one window at most, whatever its session: then the last one may be tried first. */
  readonly isSimple: boolean
  /** A window is a pane: its bar may keep the pane's accumulator. True of one slot at most. */
  readonly isPane: boolean
}

/** The slots for windows in time; counted ones are left out. */
export function timeframeSlots(timeframes: readonly Timeframe[]): TimeframeSlot[] {
  return timeframes
    .map((timeframe) => ({ timeframe, spec: windowSpec(timeframe) }))
    .filter(({ spec }) => spec.kind !== 'counted')
    .map(({ timeframe, spec }, index) => ({
      index,
      timeframe,
      isSimple: spec.kind === 'tumbling' || spec.kind === 'trading day',
      isPane: spec.kind === 'tumbling' && spec.lengthMs === PANE_MS
    }))
}

/** One symbol's panes and bars in memory, so that a trade costs one look-up by name. */
export class SymbolBars {
  readonly symbol: string
  /** The pane folded into last, while its span is open. */
  current: Pane | undefined
  /** By the start of their second; two sessions may share one, the later one then stands here. */
  readonly panes = new Map<number, Pane>()
  /** Of each slot: bars by their start, and the one found last. */
  readonly #bars: Map<number, Bar>[]
  readonly #recent: (Bar | undefined)[]

  constructor(symbol: string, slots: number) {
    this.symbol = symbol
    this.#bars = Array.from({ length: slots }, () => new Map())
    this.#recent = Array.from({ length: slots }, () => undefined)
  }

  /** The pane of a second and session, and whether it is new. */
  paneAt(startMs: number, session: Session): { pane: Pane; isNew: boolean } {
    const found = this.panes.get(startMs)
    if (found?.session === session) return { pane: found, isNew: false }
    const pane = new Pane(this, startMs, session)
    this.panes.set(startMs, pane)
    return { pane, isNew: true }
  }

  /** Closes the span: what comes from now on begins new panes. */
  closeBatch(): void {
    this.current = undefined
    this.panes.clear()
  }

  bar({ index }: TimeframeSlot, startMs: number): Bar | undefined {
    return this.#bars[index]?.get(startMs)
  }

  /** The bar that a pane falls into, if it is the one found last: no window need be computed. */
  recent({ index, isSimple }: TimeframeSlot, startMs: number): Bar | undefined {
    const bar = isSimple ? this.#recent[index] : undefined
    return bar !== undefined && bar.startMs <= startMs && startMs < bar.endMs ? bar : undefined
  }

  /** Remembers the bar found for a pane. */
  found({ index }: TimeframeSlot, bar: Bar): void {
    this.#recent[index] = bar
  }

  windows({ timeframe }: TimeframeSlot, { startMs, session }: Pane): readonly Window[] {
    return windowsAt(this.symbol, timeframe, startMs, session)
  }

  keep({ index }: TimeframeSlot, bar: Bar): void {
    this.#bars[index]?.set(bar.startMs, bar)
  }

  letGo({ index }: TimeframeSlot, bar: Bar): void {
    this.#bars[index]?.delete(bar.startMs)
    if (this.#recent[index] === bar) this.#recent[index] = undefined
  }

  *bars(): Iterable<Bar> {
    for (const bars of this.#bars) yield* bars.values()
  }
}

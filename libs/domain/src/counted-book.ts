import { Bar, type StoredBar } from './bar.ts'
import { NO_GAPS, type GapList } from './coverage.ts'
import type { BarAccumulator, BarTrade } from './tally.ts'
import { windowSpec, type Measure, type Timeframe } from './timeframe.ts'

/** A place on the partition: the trade at `index` of the record at `offset`. */
export type TapePlace = readonly [offset: number, index: number]

/** What a store must keep beside a counted bar: its trading date, its first and its last trade. */
export interface ActivitySpan {
  readonly tradeDate: string
  readonly from: TapePlace
  readonly through: TapePlace
}

/** A counted bar as stored. */
export interface StoredActivityBar extends StoredBar, ActivitySpan {
  readonly id: string
}

export interface HeadRequest {
  readonly symbol: string
  readonly timeframe: Timeframe
}

/** A bar of a counted window, with what a store must keep beside it. */
export interface ActivityBar extends ActivitySpan {
  readonly bar: Bar
}

interface Head {
  /** Undefined after a restart whose newest bar was closed. */
  open: { readonly bar: Bar; readonly tradeDate: string; readonly from: TapePlace } | undefined
  /** Start of the newest bar; the next does not start before it, so that starts sort as the tape. */
  startMs: number
  through: TapePlace
}

interface Waiting {
  readonly symbol: string
  readonly id: string
  readonly trade: BarTrade
  readonly tradeDate: string
  readonly place: TapePlace
}

/**
 * Bars of n trades, of a volume, of a notional: closed by the trade that fills them, which is never
 * split; what it brings too much stays in its bar. A new trading date begins a new bar.
 *
 * They follow the tape in the order the feed sent it, so nothing is late for them and a replay gives
 * the same bars. A bar is named by its first trade. Order of use as in BarAggregator: fold, seal, missing,
 * adopt, settle, drainChanged.
 */
export class ActivityBarAggregator {
  readonly #timeframes: readonly { name: Timeframe; of: Measure; size: number }[]
  readonly #gaps: GapList
  readonly #heads = new Map<string, Head>()
  #waiting: Waiting[] = []
  #sealed: Waiting[] = []
  readonly #dirty = new Map<string, ActivityBar>()

  constructor(timeframes: readonly Timeframe[], gaps: GapList) {
    this.#gaps = gaps
    this.#timeframes = timeframes.flatMap((name) => {
      const spec = windowSpec(name)
      return spec.kind === 'counted' ? [{ name, of: spec.of, size: spec.size }] : []
    })
  }

  get isEmpty(): boolean {
    return this.#timeframes.length === 0
  }

  /** Takes the next trade of a symbol in tape order; `id` names it. */
  fold(symbol: string, id: string, trade: BarTrade, tradeDate: string, place: TapePlace): void {
    if (!this.isEmpty) this.#waiting.push({ symbol, id, trade, tradeDate, place })
  }

  closeBatch(): void {
    this.#sealed.push(...this.#waiting)
    this.#waiting = []
  }

  /** The symbols and timeframes whose newest stored bar must be handed to `adopt`. */
  missing(): HeadRequest[] {
    const requests = new Map<string, HeadRequest>()
    for (const { symbol } of this.#sealed) {
      for (const { name } of this.#timeframes) {
        const key = `${symbol}|${name}`
        if (!this.#heads.has(key)) requests.set(key, { symbol, timeframe: name })
      }
    }
    return [...requests.values()]
  }

  /**
   * The newest stored bar of what was asked for that began before the checkpoint; undefined when there
   * is none. Later ones are of a flush that a crash may have cut off: they are made anew, the same.
   */
  adopt({ symbol, timeframe }: HeadRequest, stored: StoredActivityBar | undefined): void {
    const isOpen = stored?.status === 'provisional'
    this.#heads.set(`${symbol}|${timeframe}`, {
      open: isOpen ? { ...stored, bar: new Bar(stored) } : undefined,
      startMs: stored?.startMs ?? -Infinity,
      through: stored?.through ?? [-1, -1]
    })
  }

  /** Puts the sealed trades into their bars. */
  mergeBatch(): void {
    for (const waiting of this.#sealed) {
      for (const timeframe of this.#timeframes) this.#put(waiting, timeframe)
    }
    this.#sealed = []
  }

  /** The bars that changed since the last call. */
  drainChanged(): ActivityBar[] {
    const dirty = [...this.#dirty.values()]
    this.#dirty.clear()
    return dirty
  }

  #put(
    { symbol, id, trade, tradeDate, place }: Waiting,
    { name, of, size }: { name: Timeframe; of: Measure; size: number }
  ): void {
    const head = this.#headOf(`${symbol}|${name}`)
    if (!isAfter(place, head.through)) return
    if (head.open !== undefined && tradeDate > head.open.tradeDate) this.#close(head)
    head.open ??= {
      bar: newBar(symbol, name, id, Math.max(trade.tMs, head.startMs)),
      tradeDate,
      from: place
    }
    const { bar } = head.open
    head.startMs = bar.startMs
    head.through = place
    bar.accumulator.add(trade)
    bar.endMs = Math.max(bar.startMs, bar.accumulator.lastTradeMs)
    bar.offset = place[0] + 1
    bar.gaps = this.#gaps.within(symbol, bar.startMs, bar.endMs)
    this.#mark(head)
    if (measureOf(bar.accumulator, of) >= size) this.#close(head)
  }

  #close(head: Head): void {
    if (head.open === undefined) return
    head.open.bar.finalise()
    this.#mark(head)
    head.open = undefined
  }

  #mark({ open, through }: Head): void {
    if (open === undefined) return
    const { bar, tradeDate, from } = open
    this.#dirty.set(bar.id, { bar, tradeDate, from, through })
  }

  #headOf(key: string): Head {
    let head = this.#heads.get(key)
    if (head === undefined) {
      head = { open: undefined, startMs: -Infinity, through: [-1, -1] }
      this.#heads.set(key, head)
    }
    return head
  }
}

function newBar(symbol: string, timeframe: Timeframe, tradeId: string, startMs: number): Bar {
  return new Bar({
    id: `${symbol}|${timeframe}|${tradeId}`,
    symbol,
    timeframe,
    startMs,
    endMs: startMs,
    status: 'provisional',
    revision: 0,
    lateCount: 0,
    gaps: NO_GAPS,
    offset: 0
  })
}

function measureOf(accumulator: BarAccumulator, of: Measure): number {
  switch (of) {
    case 'trades':
      return accumulator.tradeCount
    case 'volume':
      return accumulator.volume
    default:
      return accumulator.notional
  }
}

function isAfter([offset, index]: TapePlace, [toOffset, toIndex]: TapePlace): boolean {
  return offset > toOffset || (offset === toOffset && index > toIndex)
}

import type { GapList } from '../feed-gaps.ts'
import type { BarAccumulator, BarTrade } from './accumulator.ts'
import { Bar, byNovelty, type ChangedBars, type StoredBar } from './bar.ts'
import { windowSpec, type Measure, type Timeframe } from './window.ts'

/** A trade's place on the partition: the `index`-th trade in the frame of the record at `offset`. */
export type TapePlace = readonly [offset: number, index: number]

/** What is stored of an activity bar in addition to the bar. */
export interface ActivitySpan {
  readonly tradeDate: string
  /** The places of its first and its last trade. */
  readonly from: TapePlace
  readonly through: TapePlace
}

export interface ActivityBar extends ActivitySpan {
  readonly bar: Bar
}

export interface StoredActivityBar extends StoredBar, ActivitySpan {}

/** A request for the newest stored bar of a symbol and timeframe. */
export interface HeadRequest {
  readonly symbol: string
  readonly timeframe: Timeframe
}

/** The newest bar of a symbol and timeframe. */
interface Head {
  /** Undefined while the newest bar is full. */
  open: { readonly bar: Bar; readonly tradeDate: string; readonly from: TapePlace } | undefined
  /** Start of the newest bar. No later bar starts before it, so that starts ascend along the tape. */
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
 * The activity bars of one partition: bars of a number of trades, of a volume or of a notional. The
 * trade that fills a bar closes it and is not split: the excess stays in the bar. A new trading date
 * begins a new bar. A bar is named by its first trade.
 *
 * They follow the order in which the feed sent the trades, so that no trade is late and a replay gives
 * the same bars. The steps are those of BarAggregator.
 */
export class ActivityBarAggregator {
  readonly #timeframes: readonly { name: Timeframe; of: Measure; size: number }[]
  readonly #gaps: GapList
  readonly #heads = new Map<string, Head>()
  #waiting: Waiting[] = []
  #closed: Waiting[] = []
  readonly #changed = new Map<string, ActivityBar>()

  constructor(timeframes: readonly Timeframe[], gaps: GapList) {
    this.#gaps = gaps
    this.#timeframes = timeframes.flatMap((name) => {
      const spec = windowSpec(name)
      return spec.kind === 'activity' ? [{ name, of: spec.of, size: spec.size }] : []
    })
  }

  get isEmpty(): boolean {
    return this.#timeframes.length === 0
  }

  /** Adds the next trade of a symbol in tape order. */
  fold(symbol: string, id: string, trade: BarTrade, tradeDate: string, place: TapePlace): void {
    if (!this.isEmpty) this.#waiting.push({ symbol, id, trade, tradeDate, place })
  }

  /** Closes the batch: trades folded from now on belong to the next one. */
  closeBatch(): void {
    this.#closed = this.#waiting
    this.#waiting = []
  }

  /** The symbols and timeframes for which `adopt` needs the newest stored bar. */
  missing(): HeadRequest[] {
    const requests = new Map<string, HeadRequest>()
    for (const { symbol } of this.#closed) {
      for (const { name } of this.#timeframes) {
        const key = `${symbol}|${name}`
        if (!this.#heads.has(key)) requests.set(key, { symbol, timeframe: name })
      }
    }
    return [...requests.values()]
  }

  /**
   * Restores the newest stored bar that began before the checkpoint; undefined when there is none. Later
   * ones belong to a flush that a crash may have interrupted: a replay makes the same bars again.
   */
  adopt({ symbol, timeframe }: HeadRequest, stored: StoredActivityBar | undefined): void {
    const isOpen = stored?.status === 'provisional'
    this.#heads.set(`${symbol}|${timeframe}`, {
      open: isOpen ? { ...stored, bar: new Bar(stored) } : undefined,
      startMs: stored?.startMs ?? -Infinity,
      through: stored?.through ?? [-1, -1]
    })
  }

  /** Adds the trades of the closed batch to their bars. */
  mergeBatch(): void {
    for (const waiting of this.#closed) {
      for (const timeframe of this.#timeframes) this.#put(waiting, timeframe)
    }
    this.#closed = []
  }

  /** Corrects the gaps of the bars in memory after gaps were recorded. */
  recover(): void {
    for (const head of this.#heads.values())
      if (head.open?.bar.coverBy(this.#gaps)) this.#mark(head)
    for (const { bar } of this.#changed.values()) bar.coverBy(this.#gaps)
  }

  /** Corrects the gaps of a stored bar. The bars in memory, and those made again by a replay, are newer. */
  recoverStored({ from, through, tradeDate, ...stored }: StoredActivityBar): void {
    const { id, symbol, timeframe } = stored
    const head = this.#heads.get(`${symbol}|${timeframe}`)
    if (head?.open?.bar.id === id || this.#changed.has(id)) return
    const bar = new Bar(stored)
    if (bar.coverBy(this.#gaps)) this.#changed.set(id, { bar, tradeDate, from, through })
  }

  /** The bars that changed since the last call, all to be stored. */
  drainChanged(): ChangedBars<ActivityBar> {
    const drained = byNovelty(this.#changed.values(), ({ bar }) => bar)
    this.#changed.clear()
    return drained
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
    bar.append(trade, place[0], this.#gaps)
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
    this.#changed.set(bar.id, { bar, tradeDate, from, through })
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

import { GAP_KEY, type GapRecord } from '@tapedeck/domain'
import { connectionId } from '@tapedeck/feed'
import type { Outbox } from './outbox/outbox.ts'

export interface GapKeeperDeps {
  readonly feed: string
  /** Puts a gap on every partition, in order with the trades around it. */
  publish(gap: GapRecord): void
  /** A name no other gap has; rises with time. */
  nextId(nowMs: number): string
}

/** A gap that an earlier life of the producer left open, or its last sign of life. */
export interface FormerLife {
  readonly open?: { readonly id: string; readonly fromMs: number | null; readonly cause: string }
  readonly lastFrameMs: number | null
}

/** A keeper whose gaps go the way of the trades: through the outbox, to every partition. */
export function gapKeeperOf(feed: string, outbox: Pick<Outbox, 'announce'>): GapKeeper {
  return new GapKeeper({
    feed,
    nextId: (nowMs) => `gap-${connectionId(nowMs)}`,
    publish: (gap) =>
      outbox.announce({
        key: GAP_KEY,
        value: JSON.stringify(gap),
        partition: 'all',
        receivedAt: gap.at
      })
  })
}

/**
 * Turns losing and finding the feed again into gap records: opened when the feed goes away, closed by
 * the first frame that comes after. Times are receive times in epoch ms.
 *
 * One gap is open at most: failed attempts to connect in between belong to it, and the first cause
 * stands.
 */
export class GapKeeper {
  readonly #deps: GapKeeperDeps
  #open: GapRecord | undefined
  #lastFrameMs: number | null = null
  #symbols: readonly string[] = []
  /** Asked for while the feed was followed already, with when they were last followed before. */
  readonly #added = new Map<string, number | null>()
  /** When symbols were given up, for those that come back. */
  readonly #left = new Map<string, number>()

  constructor(deps: GapKeeperDeps) {
    this.#deps = deps
  }

  get lastFrameMs(): number | null {
    return this.#lastFrameMs
  }

  /** The outage that lasts; undefined while frames come. */
  get current(): GapRecord | undefined {
    return this.#open
  }

  setSymbols(symbols: readonly string[]): void {
    if (this.#lastFrameMs !== null) {
      for (const symbol of this.#symbols) {
        if (symbols.includes(symbol)) continue
        this.#added.delete(symbol)
        this.#left.set(symbol, this.#lastFrameMs)
      }
      for (const symbol of symbols) {
        if (!this.#symbols.includes(symbol)) this.#added.set(symbol, this.#left.get(symbol) ?? null)
      }
    }
    this.#symbols = symbols
  }

  /** Goes on from an earlier life: its open gap stays the same gap; otherwise its absence is one. */
  resume({ open, lastFrameMs }: FormerLife, nowMs: number): void {
    this.#lastFrameMs = lastFrameMs
    if (open !== undefined) {
      this.#open = this.#gap(open.id, open.fromMs, open.cause, nowMs)
      this.#deps.publish(this.#open)
    } else if (lastFrameMs !== null) this.lost('the producer was not running', nowMs)
  }

  /**
   * A frame came in. It ends an outage only once every symbol is asked for again: before that some are
   * still missed. The first frame ever ends the time before, of which nothing is known.
   */
  frame(nowMs: number, isSubscribed: boolean): void {
    const isFirst = this.#lastFrameMs === null
    this.#lastFrameMs = nowMs
    if (isFirst && this.#open === undefined) this.#begin(null, [], nowMs)
    if (isSubscribed && this.#added.size > 0) this.#beginAdded(nowMs)
    if (this.#open === undefined || !isSubscribed) return
    const { id, fromMs, cause } = this.#open
    this.#open = undefined
    this.#deps.publish({ ...this.#gap(id, fromMs, cause, nowMs), toMs: nowMs })
  }

  /** The feed went away. Before the first frame ever there is nothing to miss. */
  lost(cause: string, nowMs: number): void {
    if (this.#open !== undefined || this.#lastFrameMs === null) return
    this.#open = this.#gap(this.#deps.nextId(nowMs), this.#lastFrameMs, cause, nowMs)
    this.#deps.publish(this.#open)
  }

  /** Trades were dropped although the feed was up: a gap that is over already. */
  dropped(
    cause: string,
    { fromMs, toMs, symbols }: { fromMs: number; toMs: number; symbols: readonly string[] },
    nowMs: number
  ): void {
    const gap = this.#gap(this.#deps.nextId(nowMs), fromMs, cause, nowMs)
    this.#deps.publish({ ...gap, toMs, symbols })
  }

  #beginAdded(nowMs: number): void {
    const bySince = Map.groupBy(this.#added, ([, fromMs]) => fromMs)
    for (const [fromMs, added] of bySince) {
      this.#begin(
        fromMs,
        added.map(([symbol]) => symbol),
        nowMs
      )
    }
    this.#added.clear()
  }

  /** Symbols that were not followed until now; none named: nothing was. */
  #begin(fromMs: number | null, symbols: readonly string[], nowMs: number): void {
    const cause =
      fromMs === null ? 'the feed was not followed before' : 'the symbol was not followed'
    const gap = this.#gap(this.#deps.nextId(nowMs), fromMs, cause, nowMs)
    this.#deps.publish({ ...gap, toMs: nowMs, symbols })
  }

  #gap(id: string, fromMs: number | null, cause: string, nowMs: number): GapRecord {
    const { feed } = this.#deps
    const symbols = this.#symbols
    return { version: 1, kind: 'gap', id, feed, fromMs, toMs: null, cause, symbols, at: nowMs }
  }
}

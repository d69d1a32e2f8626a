import { createHash } from 'node:crypto'
import { encodeGapRecord, type GapRecord } from '@tapedeck/domain'
import { connectionId } from '@tapedeck/feed'
import { FollowedSymbols, present, type Followed } from './followed-symbols.ts'
import type { Outbox } from './outbox/outbox.ts'

export interface OutageTrackerDeps {
  readonly feed: string
  /** Puts a gap on every partition, in order with the trades around it. */
  publish(gap: GapRecord): void
  /** A name no other gap has; rises with time. */
  nextId(nowMs: number): string
}

/** An outage that lasts, by what its closing record must say again. */
export type OpenGap = Pick<GapRecord, 'id' | 'fromMs' | 'cause' | 'symbols'>

/** What a life of the producer leaves to the next. */
export interface Handover {
  readonly open: OpenGap | undefined
  readonly followed: Followed
}

/** What is known of an earlier life: its open gap, its last sign of life, its symbols. */
export interface PreviousRun {
  readonly open?: OpenGap
  readonly lastFrameMs: number | null
  /** Undefined: not known, so the symbols of now are taken for those of then. */
  readonly followed?: Followed
}

/** A tracker whose gaps go the way of the trades: through the outbox, to every partition. */
export function outageTrackerOf(feed: string, outbox: Pick<Outbox, 'announce'>): OutageTracker {
  return new OutageTracker({
    feed,
    nextId: (nowMs) => `gap-${connectionId(nowMs)}`,
    publish: (gap) =>
      outbox.announce({
        ...encodeGapRecord(gap),
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
 * stands. What a life finds out about the time before it is named by what it says, not by chance, so
 * that a life that was killed before it noted this does not leave it twice.
 */
export class OutageTracker {
  readonly #deps: OutageTrackerDeps
  readonly #symbols = new FollowedSymbols()
  #open: GapRecord | undefined
  #lastFrameMs: number | null = null
  #publishedMs = -Infinity
  #handover: Handover | undefined

  constructor(deps: OutageTrackerDeps) {
    this.#deps = deps
  }

  get lastFrameMs(): number | null {
    return this.#lastFrameMs
  }

  /** The outage that lasts; undefined while frames come. */
  get current(): GapRecord | undefined {
    return this.#open
  }

  /**
   * What the next life must know. It goes on saying what it said before while a gap that was published
   * since is in memory alone: what is noted as told must have been told.
   * @param exposedSinceMs receive time of the oldest record that only memory has; undefined: none
   */
  handover(exposedSinceMs: number | undefined): Handover | undefined {
    if (exposedSinceMs === undefined || exposedSinceMs > this.#publishedMs) {
      this.#handover = { open: this.#open, followed: this.#symbols.snapshot() }
    }
    return this.#handover
  }

  setSymbols(symbols: readonly string[]): void {
    this.#symbols.want(symbols, this.#lastFrameMs)
  }

  /** Goes on from an earlier life: its open gap stays the same gap; otherwise its absence is one. */
  resume({ open, lastFrameMs, followed }: PreviousRun, nowMs: number): void {
    this.#lastFrameMs = lastFrameMs
    if (followed !== undefined) this.#handover = { open, followed }
    const missed = followed === undefined ? this.#symbols.wanted : present(followed)
    if (lastFrameMs !== null) {
      if (followed === undefined) this.#symbols.join()
      else this.#symbols.restore(followed, lastFrameMs)
    }
    if (open !== undefined) this.#begin(open, nowMs)
    else if (lastFrameMs !== null && missed.length > 0) {
      const said = { fromMs: lastFrameMs, cause: 'the producer was not running', symbols: missed }
      this.#begin({ ...said, id: this.#idOf(said) }, nowMs)
    }
  }

  /**
   * A frame came in. It ends an outage only once every symbol is asked for again: before that some are
   * still missed. The first frame ever ends the time before, of which nothing is known.
   */
  frame(nowMs: number, isSubscribed: boolean): void {
    const isFirst = this.#lastFrameMs === null
    this.#lastFrameMs = nowMs
    if (isFirst) {
      this.#symbols.join()
      if (this.#open === undefined) this.#unfollowed(null, [], nowMs)
    }
    if (!isSubscribed) return
    if (this.#symbols.isJoining) {
      for (const [fromMs, joined] of this.#symbols.join()) this.#unfollowed(fromMs, joined, nowMs)
    }
    if (this.#open === undefined) return
    const { id, fromMs, cause, symbols } = this.#open
    this.#open = undefined
    this.#publish({ id, fromMs, toMs: nowMs, cause, symbols }, nowMs)
  }

  /** The feed went away. Before the first frame ever there is nothing to miss. */
  lost(cause: string, nowMs: number): void {
    if (this.#open !== undefined || this.#lastFrameMs === null) return
    const { wanted } = this.#symbols
    this.#begin(
      { id: this.#deps.nextId(nowMs), fromMs: this.#lastFrameMs, cause, symbols: wanted },
      nowMs
    )
  }

  /** Trades were dropped although the feed was up: a gap that is over already. */
  dropped(
    cause: string,
    { fromMs, toMs, symbols }: { fromMs: number; toMs: number; symbols: readonly string[] },
    nowMs: number
  ): void {
    this.#publish({ id: this.#deps.nextId(nowMs), fromMs, toMs, cause, symbols }, nowMs)
  }

  #begin(gap: OpenGap, nowMs: number): void {
    this.#open = this.#publish({ ...gap, toMs: null }, nowMs)
  }

  /** Symbols that were not followed until now; none named: nothing was. */
  #unfollowed(fromMs: number | null, symbols: readonly string[], nowMs: number): void {
    const cause =
      fromMs === null ? 'the feed was not followed before' : 'the symbol was not followed'
    const said = { fromMs, cause, symbols }
    this.#publish({ ...said, id: this.#idOf(said), toMs: nowMs }, nowMs)
  }

  #publish(gap: OpenGap & Pick<GapRecord, 'toMs'>, nowMs: number): GapRecord {
    const { feed, publish } = this.#deps
    const { id, fromMs, toMs, cause, symbols } = gap
    const record: GapRecord = {
      version: 1,
      kind: 'gap',
      id,
      feed,
      fromMs,
      toMs,
      cause,
      symbols,
      at: nowMs
    }
    this.#publishedMs = nowMs
    publish(record)
    return record
  }

  #idOf({ fromMs, cause, symbols }: Omit<OpenGap, 'id'>): string {
    const said = JSON.stringify([this.#deps.feed, fromMs, cause, symbols.toSorted()])
    return `gap-${createHash('sha256').update(said).digest('hex').slice(0, 16)}`
  }
}

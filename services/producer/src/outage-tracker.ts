import { createHash } from 'node:crypto'
import type { GapRecord } from '@tapedeck/domain'
import { gapId, type Outbox } from './outbox/outbox.ts'

export interface OutageTrackerDeps {
  readonly feed: string
  readonly outbox: Pick<Outbox, 'announce'>
  /** An id that no other gap has; rises with time. */
  readonly nextId?: (nowMs: number) => string
}

/** A lasting outage: the fields that its closing record must repeat. */
export type OpenGap = Pick<GapRecord, 'id' | 'fromMs' | 'cause' | 'symbols'>

/**
 * When each symbol was last followed: null, it is now; else the receive time of the last frame while
 * it was, epoch ms. A symbol that never was is not in it.
 */
export type Followed = ReadonlyMap<string, number | null>

/** What a run of the producer leaves to the next one. */
export interface Handover {
  readonly open: OpenGap | undefined
  readonly followed: Followed
}

/** What is known of an earlier run: its open gap, its last frame, its symbols. */
export interface PreviousRun {
  readonly open?: OpenGap
  readonly lastFrameMs: number | null
  /** Undefined: not known, so it is taken to have followed the symbols of now. */
  readonly followed?: Followed
}

/**
 * Turns losing and finding the feed again into gap records: opened when the feed is lost, closed by
 * the first frame after that. Times are receive times in epoch ms.
 *
 * At most one gap is open: failed attempts to connect belong to it, and the first cause stands. A gap
 * found at start-up gets an id derived from its content, so a crash cannot record it twice.
 */
export class OutageTracker {
  readonly #deps: OutageTrackerDeps
  readonly #symbols = new FollowedSymbols()
  #open: GapRecord | undefined
  #lastFrameMs: number | null = null
  #announcedMs = -Infinity
  #handover: Handover | undefined

  constructor(deps: OutageTrackerDeps) {
    this.#deps = deps
  }

  get lastFrameMs(): number | null {
    return this.#lastFrameMs
  }

  /**
   * What the next run must know. It stays as it was while a gap that was announced since is in memory
   * alone: the lease must not note as recorded what a kill would lose.
   * @param exposedSinceMs receive time of the oldest record that only memory has; undefined: none
   */
  handover(exposedSinceMs: number | undefined): Handover | undefined {
    if (exposedSinceMs === undefined || exposedSinceMs > this.#announcedMs) {
      this.#handover = { open: this.#open, followed: this.#symbols.snapshot() }
    }
    return this.#handover
  }

  setSymbols(symbols: readonly string[]): void {
    this.#symbols.want(symbols, this.#lastFrameMs)
  }

  /** Continues an earlier run: its open gap stays the same gap; otherwise the time between is one. */
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
      this.#begin(this.#withContentId(lastFrameMs, 'the producer was not running', missed), nowMs)
    }
  }

  /**
   * Handles the arrival of a frame. It ends an outage only once every symbol is subscribed to again:
   * before that some are still missed. The first frame ever ends the time before, of which nothing is
   * known.
   */
  frame(nowMs: number, isSubscribed: boolean): void {
    const isFirst = this.#lastFrameMs === null
    this.#lastFrameMs = nowMs
    if (isFirst) {
      this.#symbols.join()
      if (this.#open === undefined) this.#announceUnfollowed(null, [], nowMs)
    }
    if (!isSubscribed) return
    if (this.#symbols.isJoining) {
      for (const [fromMs, joined] of this.#symbols.join()) {
        this.#announceUnfollowed(fromMs, joined, nowMs)
      }
    }
    if (this.#open === undefined) return
    const open = this.#open
    this.#open = undefined
    this.#announce({ ...open, toMs: nowMs }, nowMs)
  }

  /** Handles the loss of the feed. Before the first frame ever there is nothing to miss. */
  lost(cause: string, nowMs: number): void {
    if (this.#open !== undefined || this.#lastFrameMs === null) return
    const { nextId = gapId } = this.#deps
    const { wanted: symbols } = this.#symbols
    this.#begin({ id: nextId(nowMs), fromMs: this.#lastFrameMs, cause, symbols }, nowMs)
  }

  #begin(gap: OpenGap, nowMs: number): void {
    this.#open = this.#announce({ ...gap, toMs: null }, nowMs)
  }

  /** These symbols were not followed until now; none named: the feed was not. */
  #announceUnfollowed(fromMs: number | null, symbols: readonly string[], nowMs: number): void {
    const cause =
      fromMs === null ? 'the feed was not followed before' : 'the symbol was not followed'
    this.#announce({ ...this.#withContentId(fromMs, cause, symbols), toMs: nowMs }, nowMs)
  }

  #announce(gap: OpenGap & Pick<GapRecord, 'toMs'>, nowMs: number): GapRecord {
    const { feed, outbox } = this.#deps
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
    this.#announcedMs = nowMs
    outbox.announce(record)
    return record
  }

  #withContentId(fromMs: number | null, cause: string, symbols: readonly string[]): OpenGap {
    const content = JSON.stringify([this.#deps.feed, fromMs, cause, symbols.toSorted()])
    const digest = createHash('sha256').update(content).digest('hex').slice(0, 16)
    return { id: `gap-${digest}`, fromMs, cause, symbols }
  }
}

/** Symbols given up that are remembered; the one given up longest ago is forgotten first. */
const MOST_GIVEN_UP = 2000

/** The wanted symbols, and since when each of them is followed. */
export class FollowedSymbols {
  #wanted: readonly string[] = []
  readonly #until = new Map<string, number | null>()
  /** Wanted, but not followed yet; kept ready, as every frame asks for it. */
  #joining: readonly string[] = []

  get wanted(): readonly string[] {
    return this.#wanted
  }

  get isJoining(): boolean {
    return this.#joining.length > 0
  }

  /** A copy of the present state. */
  snapshot(): Followed {
    return new Map(this.#until)
  }

  /** Continues from an earlier run, as if the list had changed while running. */
  restore(followed: Followed, lastFrameMs: number): void {
    this.#until.clear()
    for (const [symbol, untilMs] of followed) this.#until.set(symbol, untilMs)
    this.want(this.#wanted, lastFrameMs)
  }

  /** @param lastFrameMs until when the symbols were followed that are no longer wanted; null: none was */
  want(symbols: readonly string[], lastFrameMs: number | null): void {
    this.#wanted = symbols
    if (lastFrameMs !== null) this.#giveUp(new Set(symbols), lastFrameMs)
    this.#joining = symbols.filter((symbol) => this.#until.get(symbol) !== null)
  }

  /** From now on every wanted symbol is followed; returns those that were not, by when they last were. */
  join(): ReadonlyMap<number | null, readonly string[]> {
    const joined = Map.groupBy(this.#joining, (symbol) => this.#until.get(symbol) ?? null)
    for (const symbol of this.#joining) this.#until.set(symbol, null)
    this.#joining = []
    return joined
  }

  #giveUp(wanted: ReadonlySet<string>, lastFrameMs: number): void {
    for (const [symbol, untilMs] of this.#until) {
      if (untilMs !== null || wanted.has(symbol)) continue
      // Moves to the end, as the map is in the order of giving up; the loop skips it there.
      this.#until.delete(symbol)
      this.#until.set(symbol, lastFrameMs)
    }
    const givenUp = [...this.#until].filter(([, untilMs]) => untilMs !== null)
    for (const [symbol] of givenUp.slice(0, -MOST_GIVEN_UP)) this.#until.delete(symbol)
  }
}

/** The symbols followed at present. */
function present(followed: Followed): string[] {
  return [...followed].filter(([, untilMs]) => untilMs === null).map(([symbol]) => symbol)
}

import { createHash } from 'node:crypto'
import { decodeRecord, type GapRecord } from '@tapedeck/domain'
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
 * When each symbol was last followed: null when it is followed now, otherwise the receive time of the last
 * frame while it was, epoch ms. A symbol that was never followed is missing.
 */
export type Followed = ReadonlyMap<string, number | null>

/** The handover from one run of the producer to the next. */
export interface Handover {
  readonly open: OpenGap | undefined
  readonly followed: Followed
}

/** The known facts about an earlier run: its open gap, its last frame, its symbols. */
export interface PreviousRun {
  readonly open?: OpenGap
  readonly lastFrameMs: number | null
  /** Undefined: unknown, and assumed to be the present symbols. */
  readonly followed?: Followed
}

/**
 * What the end of the topic tells of the run before, for a producer whose lease is gone with its database.
 * Its outage may still be open; the records say when the feed was last followed, but not which symbols.
 * @param tail the last records of each partition
 */
export function runOfTail(
  tail: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[],
  feed: string
): PreviousRun {
  let lastFrameMs: number | null = null
  const reach = (ms: number | null): void => {
    if (ms !== null && (lastFrameMs === null || ms > lastFrameMs)) lastFrameMs = ms
  }
  const gaps: GapRecord[] = []
  for (const { key, value } of tail) {
    const { record, gap } = decodeRecord(key, value)
    if (record?.feed === feed) reach(record.receivedAt)
    if (gap?.feed !== feed || gap.log !== undefined) continue
    gaps.push(gap)
    reach(gap.fromMs)
    reach(gap.toMs)
  }
  const isClosed = ({ id }: GapRecord): boolean =>
    gaps.some((one) => one.id === id && one.toMs !== null)
  const open = gaps
    .filter((gap) => gap.toMs === null && !isClosed(gap))
    .toSorted((a, b) => a.at - b.at)
    .at(-1)
  if (open === undefined) return { lastFrameMs }
  const { id, fromMs, cause, symbols } = open
  return { lastFrameMs, open: { id, fromMs, cause, symbols } }
}

/**
 * Turns losing and finding the feed again into gap records: opened when the feed is lost, closed by
 * the first frame after that. Times are receive times in epoch ms.
 *
 * At most one gap is open: failed attempts to connect belong to it, and it keeps the first cause. A gap
 * found at start-up gets an id derived from its content, so a crash cannot record it twice.
 */
export class OutageTracker {
  readonly #deps: OutageTrackerDeps
  readonly #symbols = new FollowedSymbols()
  #open: GapRecord | undefined
  #lastFrameMs: number | null = null
  /** Since when the feed is followed is known: by an earlier run, a frame of every symbol, or the first outage. */
  #hasBegun = false
  #announcedMs = -Infinity
  #handover: Handover | undefined

  constructor(deps: OutageTrackerDeps) {
    this.#deps = deps
  }

  get lastFrameMs(): number | null {
    return this.#lastFrameMs
  }

  /**
   * The handover for the next run. It does not change while a gap announced since then is in memory only: the
   * lease must not describe as recorded what a kill would lose.
   * @param exposedSinceMs receive time of the oldest record in memory only; undefined: none
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

  /** Another producer has the key now: it records what is missed, until `resume`. */
  handedOver(): void {
    this.#open = undefined
    this.#lastFrameMs = null
    this.#hasBegun = false
  }

  /** Continues an earlier run: its open gap continues; otherwise the time between the runs is a gap. */
  resume({ open, lastFrameMs, followed }: PreviousRun, nowMs: number): void {
    this.#lastFrameMs = lastFrameMs
    this.#hasBegun = lastFrameMs !== null
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
   * before that some are still missed. The first such frame ever ends a gap without a beginning, because nothing is
   * known about the time before.
   */
  frame(nowMs: number, isSubscribed: boolean): void {
    this.#lastFrameMs = nowMs
    if (!isSubscribed) return
    if (!this.#hasBegun) this.#beginFollowing(nowMs, nowMs)
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

  /** Handles the loss of the feed. Before it was ever followed there is nothing to miss. */
  lost(cause: string, nowMs: number): void {
    if (this.#open !== undefined || this.#lastFrameMs === null) return
    if (!this.#hasBegun) this.#beginFollowing(this.#lastFrameMs, nowMs)
    const { nextId = gapId } = this.#deps
    const { wanted: symbols } = this.#symbols
    this.#begin({ id: nextId(nowMs), fromMs: this.#lastFrameMs, cause, symbols }, nowMs)
  }

  /** Nothing is known of the time before `fromMs`; from there on the feed is followed, or in an outage. */
  #beginFollowing(fromMs: number, nowMs: number): void {
    this.#hasBegun = true
    this.#symbols.join()
    if (this.#open === undefined) this.#announceUnfollowed(null, [], fromMs, nowMs)
  }

  #begin(gap: OpenGap, nowMs: number): void {
    this.#open = this.#announce({ ...gap, toMs: null }, nowMs)
  }

  /** The gap of symbols that were not followed until `toMs`; without symbols, of the whole feed. */
  #announceUnfollowed(
    fromMs: number | null,
    symbols: readonly string[],
    toMs: number,
    nowMs = toMs
  ): void {
    const cause =
      fromMs === null ? 'the feed was not followed before' : 'the symbol was not followed'
    this.#announce({ ...this.#withContentId(fromMs, cause, symbols), toMs }, nowMs)
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

/** How many symbols that are no longer followed are remembered; the oldest are removed first. */
const MOST_GIVEN_UP = 2000

/** The wanted symbols, and since when each of them is followed. */
export class FollowedSymbols {
  #wanted: readonly string[] = []
  readonly #until = new Map<string, number | null>()
  /** Wanted, but not followed yet; precomputed, because every frame uses it. */
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

  /** @param lastFrameMs until when symbols that are no longer wanted were followed; null: none was */
  want(symbols: readonly string[], lastFrameMs: number | null): void {
    this.#wanted = symbols
    if (lastFrameMs !== null) this.#giveUp(new Set(symbols), lastFrameMs)
    this.#joining = symbols.filter((symbol) => this.#until.get(symbol) !== null)
  }

  /** From now on every wanted symbol is followed; returns those that were not, by the time they last were. */
  join(): ReadonlyMap<number | null, readonly string[]> {
    const joined = Map.groupBy(this.#joining, (symbol) => this.#until.get(symbol) ?? null)
    for (const symbol of this.#joining) this.#until.set(symbol, null)
    this.#joining = []
    return joined
  }

  #giveUp(wanted: ReadonlySet<string>, lastFrameMs: number): void {
    for (const [symbol, untilMs] of this.#until) {
      if (untilMs !== null || wanted.has(symbol)) continue
      // Moves to the end, because the map is in the order of unsubscribing; the loop skips it there.
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

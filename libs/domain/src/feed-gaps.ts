import { TRADING_DAY, type Timeframe } from './bars/window.ts'
import { isEpochMs } from './record-limits.ts'
import { tradingDateAt } from './sessions.ts'

/**
 * The value of a gap record on `raw_data`: an outage of the feed. Every partition gets one, so that it
 * is ordered with the trades around it. The producer publishes the gap open (toMs null) when the feed
 * stops, and again closed with the first frame after it has subscribed.
 */
export interface GapRecord {
  readonly version: 1
  readonly kind: 'gap'
  /** Names the gap; the same for its open and closed record on every partition. */
  readonly id: string
  readonly feed: string
  /** Receive time of the last frame before the gap, epoch ms; null when there was none. */
  readonly fromMs: number | null
  /** Receive time of the first frame after the gap, epoch ms; null while the gap is open. */
  readonly toMs: number | null
  readonly cause: string
  /** The affected symbols; empty means all symbols of the feed. */
  readonly symbols: readonly string[]
  /** When the producer published it, epoch ms. */
  readonly at: number
  /** Set when only this partition (`<topic>/<partition>`) lost records and the feed was up. */
  readonly log?: string
}

/** The key of every gap record. No symbol starts with a blank. */
export const GAP_KEY = ' gap'

/** Why a parsed JSON value is not a GapRecord; undefined when it is one. */
export function gapProblem(value: unknown, key: string | undefined): string | undefined {
  if (typeof value !== 'object' || value === null) return 'value is not an object'
  const gap = value as Partial<Record<keyof GapRecord, unknown>>
  if (gap.version !== 1 || gap.kind !== 'gap') return 'not a gap of version 1'
  if (key !== GAP_KEY) return 'key is not that of a gap'
  if (typeof gap.id !== 'string' || gap.id === '') return 'id is missing'
  if (typeof gap.feed !== 'string' || gap.feed === '') return 'feed is missing'
  if (!isTime(gap.fromMs) || !isTime(gap.toMs)) return 'from or to is not epoch ms'
  if (typeof gap.cause !== 'string') return 'cause is missing'
  if (!Array.isArray(gap.symbols) || gap.symbols.some((symbol) => typeof symbol !== 'string')) {
    return 'symbols are not a list of texts'
  }
  if (gap.log !== undefined && typeof gap.log !== 'string') return 'log is not a text'
  return isEpochMs(gap.at) ? undefined : 'at is not epoch ms'
}

/** The time of a gap, epoch ms. An open gap ends at Infinity. */
export interface GapSpan {
  readonly id: string
  readonly fromMs: number
  readonly toMs: number
}

/** A recorded gap with the symbols that it affects. */
export interface KnownGap extends GapSpan {
  readonly feed: string
  /** Undefined: all symbols of the feed. */
  readonly symbols: ReadonlySet<string> | undefined
}

/** Converts a gap record. A gap without a start begins at -Infinity. */
export function knownGap({ id, feed, fromMs, toMs, symbols }: GapRecord): KnownGap {
  return {
    id,
    feed,
    fromMs: fromMs ?? -Infinity,
    toMs: toMs ?? Infinity,
    symbols: symbols.length === 0 ? undefined : new Set(symbols)
  }
}

/** A symbol on a feed: what decides, beside its time, which gaps a bar has. */
export interface SymbolFeed {
  readonly symbol: string
  /** The feed of its trades; a gap of another feed says nothing of it. `mixed` means several. */
  readonly feed: string
}

/** Gaps in a list at most. The oldest are dropped first, and windows before the others count as covered. */
const CAPACITY = 5000

/**
 * The recorded gaps of one partition. Which versions of a gap were added, in which order and how often does
 * not matter: a closed version stands before an open one, and of two ends the later one.
 */
export class GapList {
  /** Sorted by end, so that a new bar finds those of its window quickly. */
  #gaps: KnownGap[] = []

  /** Adds a gap or another version of it. Returns the gap as it is known now. */
  add(gap: KnownGap): KnownGap {
    const at = this.#gaps.findIndex(({ id }) => id === gap.id)
    const [known] = at < 0 ? [] : this.#gaps.splice(at, 1)
    const merged = known === undefined ? gap : { ...known, toMs: laterEnd(known.toMs, gap.toMs) }
    const after = this.#gaps.findLastIndex(({ toMs }) => toMs <= merged.toMs)
    this.#gaps.splice(after + 1, 0, merged)
    if (this.#gaps.length > CAPACITY) this.#gaps.shift()
    return merged
  }

  /** The gaps of a window, cut to it and sorted by start; one that begins at -Infinity keeps that. */
  within(subject: SymbolFeed, startMs: number, endMs: number): readonly GapSpan[] {
    let found: GapSpan[] | undefined
    for (let i = this.#gaps.length - 1; i >= 0; i--) {
      const gap = this.#gaps[i] as KnownGap
      if (gap.toMs <= startMs) break
      if (affects(gap, subject, startMs, endMs)) (found ??= []).push(cut(gap, startMs, endMs))
    }
    return found?.sort((a, b) => a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1)) ?? NO_GAPS
  }
}

export const NO_GAPS: readonly GapSpan[] = []

function laterEnd(known: number, given: number): number {
  if (known === Infinity) return given
  return given === Infinity ? known : Math.max(known, given)
}

/** Whether a gap overlaps a window and affects the symbol. */
export function affects(
  gap: KnownGap,
  { symbol, feed }: SymbolFeed,
  startMs: number,
  endMs: number
): boolean {
  if (gap.fromMs >= endMs || gap.toMs <= startMs) return false
  if (feed !== gap.feed && feed !== 'mixed') return false
  return gap.symbols === undefined || gap.symbols.has(symbol)
}

function cut({ id, fromMs, toMs }: KnownGap, startMs: number, endMs: number): GapSpan {
  // -Infinity stays, because it says that nothing is known of the time before; see coverageOf.
  const beginMs = fromMs === -Infinity ? fromMs : Math.max(fromMs, startMs)
  return { id, fromMs: beginMs, toMs: Math.min(toMs, endMs) }
}

/**
 * The share of a window in which the feed was up, 0 to 1. A trading day of a stock counts from
 * pre-market to the end of after-hours, because nothing trades outside of it. An open gap lasts until
 * the end of the window. Overlapping gaps count once. Null for a window before the producer first
 * followed the feed: its trades come from a recorded tape, and the state of the feed is unknown.
 */
export function coverageOf(
  symbol: string,
  timeframe: Timeframe,
  startMs: number,
  endMs: number,
  gaps: readonly GapSpan[]
): number | null {
  if (gaps.length === 0) return 1
  if (gaps.some((gap) => gap.fromMs === -Infinity && gap.toMs >= endMs)) return null
  let [fromMs, toMs] = [startMs, endMs]
  if (timeframe === TRADING_DAY) {
    const { preMs, postEndMs } = tradingDateAt(symbol, startMs)
    ;[fromMs, toMs] = [preMs, postEndMs]
  }
  let downMs = 0
  let reachedMs = fromMs
  for (const gap of gaps.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const beginMs = Math.max(gap.fromMs, reachedMs)
    const stopMs = Math.min(gap.toMs, toMs)
    if (stopMs <= beginMs) continue
    downMs += stopMs - beginMs
    reachedMs = stopMs
  }
  return toMs > fromMs ? 1 - downMs / (toMs - fromMs) : 1
}

function isTime(value: unknown): boolean {
  return value === null || isEpochMs(value)
}

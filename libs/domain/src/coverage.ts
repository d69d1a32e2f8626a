import type { GapRecord } from './gap-record.ts'
import { tradingDateAt } from './sessions.ts'
import { windowSpec, type Timeframe } from './timeframe.ts'

/** A feed outage as bars keep it, epoch ms; an open one ends at Infinity. */
export interface GapSpan {
  readonly id: string
  readonly fromMs: number
  readonly toMs: number
}

/** A gap that is known, with whom it concerns. */
export interface KnownGap extends GapSpan {
  readonly feed: string
  /** Undefined: all of the feed's. */
  readonly symbols: ReadonlySet<string> | undefined
}

/** A gap record as a known gap. One without a begin reaches back for ever. */
export function knownGap({ id, feed, fromMs, toMs, symbols }: GapRecord): KnownGap {
  return {
    id,
    feed,
    fromMs: fromMs ?? -Infinity,
    toMs: toMs ?? Infinity,
    symbols: symbols.length === 0 ? undefined : new Set(symbols)
  }
}

/** Gaps known at most; the oldest go first, and windows before the rest have no coverage. */
const CAPACITY = 5000

/** The feed gaps that are known, sorted by their end, so that a new bar finds its own quickly. */
export class GapList {
  #gaps: KnownGap[] = []

  /** Takes a gap in, or its newer version. */
  add(gap: KnownGap): void {
    this.#gaps = this.#gaps.filter(({ id }) => id !== gap.id)
    const after = this.#gaps.findLastIndex(({ toMs }) => toMs <= gap.toMs)
    this.#gaps.splice(after + 1, 0, gap)
    if (this.#gaps.length > CAPACITY) this.#gaps.shift()
  }

  /** The gaps in a window that concern a symbol. */
  within(symbol: string, startMs: number, endMs: number): readonly GapSpan[] {
    let found: GapSpan[] | undefined
    for (let i = this.#gaps.length - 1; i >= 0; i--) {
      const gap = this.#gaps[i] as KnownGap
      if (gap.toMs <= startMs) break
      if (concerns(gap, symbol, startMs, endMs)) (found ??= []).push(spanOf(gap))
    }
    return found ?? NO_GAPS
  }
}

export const NO_GAPS: readonly GapSpan[] = []

export function concerns(gap: KnownGap, symbol: string, startMs: number, endMs: number): boolean {
  if (gap.fromMs >= endMs || gap.toMs <= startMs) return false
  return gap.symbols === undefined || gap.symbols.has(symbol)
}

export function spanOf({ id, fromMs, toMs }: KnownGap): GapSpan {
  return { id, fromMs, toMs }
}

/**
 * The share of a window in which the feed was up, 0 to 1. A trading day of a stock counts from
 * pre-market to the end of after-hours, since nothing trades around it. An open gap lasts to the
 * window's end. Overlapping gaps count once. Null for a window before the feed was first followed:
 * its trades are of a recorded tape, and nothing is known of the feed then.
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
  if (windowSpec(timeframe).kind === 'trading day') {
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

import type { FeedGapDocument } from '@tapedeck/mongo'
import { outagesIn } from '../bars/outages.ts'

/** A stretch of time, epoch ms. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** When a symbol was not followed by the recorded gaps: ascending, gaps that overlap or touch are one. */
export function gapSpans(gaps: readonly FeedGapDocument[], symbol: string): Span[] {
  return merged(outagesIn(gaps, symbol, -Infinity, Infinity))
}

/** The same time in as few stretches as possible, ascending. */
export function merged(spans: readonly Span[]): Span[] {
  const joined: Span[] = []
  for (const { fromMs, toMs } of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = joined.at(-1)
    if (last === undefined || fromMs > last.toMs) joined.push({ fromMs, toMs })
    else joined[joined.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, toMs) }
  }
  return joined
}

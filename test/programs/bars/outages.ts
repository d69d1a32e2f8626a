import { tradingDateAt } from '@tapedeck/domain'
import type { FeedGapDocument } from '@tapedeck/mongo'

/** An outage of the feed, epoch ms. One without a begin reaches back to -Infinity. */
export interface Outage {
  readonly id: string
  readonly fromMs: number
  readonly toMs: number
}

/** What of the outages of a symbol lies in [fromMs, toMs), ascending by begin, then by id. */
export function outagesIn(
  gaps: readonly FeedGapDocument[],
  symbol: string,
  fromMs: number,
  toMs: number
): Outage[] {
  return gaps
    .filter(({ symbols }) => symbols.length === 0 || symbols.includes(symbol))
    .map(({ _id, from, to }) => ({
      id: _id,
      fromMs: from?.getTime() ?? -Infinity,
      toMs: to?.getTime() ?? Infinity
    }))
    .filter((outage) => outage.fromMs < toMs && outage.toMs > fromMs)
    .map((outage) => ({
      id: outage.id,
      fromMs: outage.fromMs === -Infinity ? -Infinity : Math.max(outage.fromMs, fromMs),
      toMs: Math.min(outage.toMs, toMs)
    }))
    .sort((a, b) => a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1))
}

/** The part of a window whose coverage counts: a trading day from pre-market to the end of after-hours. */
export function countedSpan(
  symbol: string,
  timeframe: string,
  startMs: number,
  endMs: number
): { readonly fromMs: number; readonly toMs: number } {
  if (timeframe !== '1d') return { fromMs: startMs, toMs: endMs }
  const { preMs, postEndMs } = tradingDateAt(symbol, startMs)
  return { fromMs: preMs, toMs: postEndMs }
}

/** Whether a stretch ends before the feed was first followed: nothing is known of it then. */
export function isUnknown(outages: readonly Outage[], toMs: number): boolean {
  return outages.some((outage) => outage.fromMs === -Infinity && outage.toMs >= toMs)
}

/** The share of [fromMs, toMs) in which the feed was down, 0 to 1; outages that overlap count once. */
export function shareOf(outages: readonly Outage[], fromMs: number, toMs: number): number {
  let downMs = 0
  let reachedMs = fromMs
  for (const outage of outages) {
    downMs += Math.max(0, Math.min(outage.toMs, toMs) - Math.max(outage.fromMs, reachedMs))
    reachedMs = Math.max(reachedMs, Math.min(outage.toMs, toMs))
  }
  return toMs > fromMs ? downMs / (toMs - fromMs) : 0
}

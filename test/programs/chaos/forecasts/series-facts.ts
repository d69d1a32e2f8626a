import { MIN_COVERAGE, sessionAt, tradingDateAt, type ForecastSpec } from '@tapedeck/domain'
import type { BarDocument, FeedGapDocument } from '@tapedeck/mongo'
import type { TruthBar } from './truth-bars.ts'

/** What is read of a stored bar. */
export type StoredBar = Pick<
  BarDocument,
  | '_id'
  | 'symbol'
  | 'start'
  | 'status'
  | 'revision'
  | 'close'
  | 'coverage'
  | 'lateCount'
  | 'tradeCount'
>

/** A bar of a series: what the topic says of it and what is stored. */
export interface SeriesBar extends TruthBar {
  readonly stored: StoredBar | undefined
}

/** All that the forecasts of one symbol, timeframe and horizon are held against. */
export interface SeriesFacts {
  /** `<symbol>|<timeframe>|<horizon>` */
  readonly id: string
  readonly symbol: string
  readonly spec: ForecastSpec
  readonly lengthMs: number
  /** Ascending by start, as all of `at`. */
  readonly bars: readonly SeriesBar[]
  /** Place in `bars` by start. */
  readonly places: ReadonlyMap<number, number>
  readonly log: string
  /** Every record below it is stored. */
  readonly nextOffset: number
  /** No bar that ends at or before it may still be provisional; epoch ms. */
  readonly watermarkMs: number
  readonly gaps: readonly FeedGapDocument[]
}

export function isFinal(bar: StoredBar | undefined): bar is StoredBar {
  return bar !== undefined && bar.status !== 'provisional'
}

export function statusOf(bar: StoredBar | undefined): string {
  return bar?.status ?? 'not stored'
}

/** The feed was up for long enough; before it was first followed nothing is known, and that counts as up. */
export function isCovered({ coverage }: StoredBar): boolean {
  return (coverage ?? 1) >= MIN_COVERAGE
}

/** Only late trades made it: whether it came before or after later bars, a flush decided. */
export function isMadeLate(bar: StoredBar | undefined): boolean {
  return bar !== undefined && bar.lateCount >= bar.tradeCount
}

/** Share of a stretch in which the feed was down, 0 to 1, by the recorded gaps. */
export function downShare(
  gaps: readonly FeedGapDocument[],
  symbol: string,
  fromMs: number,
  toMs: number
): number {
  const spans = gaps
    .filter(({ symbols }) => symbols.length === 0 || symbols.includes(symbol))
    .map(({ from, to }) => [from?.getTime() ?? -Infinity, to?.getTime() ?? Infinity] as const)
    .filter(([begin, end]) => begin < toMs && end > fromMs)
    .sort(([a], [b]) => a - b)
  // Before the feed was first followed nothing is known of it.
  if (toMs <= fromMs || spans.some(([begin, end]) => begin === -Infinity && end >= toMs)) return 0
  let downMs = 0
  let reachedMs = fromMs
  for (const [begin, end] of spans) {
    downMs += Math.max(0, Math.min(end, toMs) - Math.max(begin, reachedMs))
    reachedMs = Math.max(reachedMs, Math.min(end, toMs))
  }
  return downMs / (toMs - fromMs)
}

/** Whether the target of a bar lies whole in its session and trading date. */
export function isTargetInSession(
  { symbol, lengthMs, spec }: SeriesFacts,
  { startMs, session, tradeDate }: TruthBar
): boolean {
  const targetMs = startMs + spec.horizon * lengthMs
  return [targetMs, targetMs + lengthMs - 1].every((ms) => {
    const date = tradingDateAt(symbol, ms)
    return date.tradeDate === tradeDate && sessionAt(symbol, date, ms) === session
  })
}

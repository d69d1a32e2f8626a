import { MIN_COVERAGE, sessionAt, tradingDateAt, type ForecastSpec } from '@tapedeck/domain'
import type { BarDocument, FeedGapDocument } from '@tapedeck/mongo'
import { isUnknown, outagesIn, shareOf } from '../../bars/outages.ts'
import type { TruthBar } from './truth-bars.ts'

/** What a version of a bar says of the outages that it met. */
export interface BarOutages {
  readonly coverage?: number | null
  readonly gapIds?: readonly string[]
}

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
  | 'gapIds'
  | 'lateCount'
  | 'tradeCount'
> & {
  /** What it was before its revisions, the oldest first; see BarVersion of libs/mongo. */
  readonly versions?: readonly BarOutages[]
}

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

/** The share of a stretch in which the feed was down, 0 to 1; where nothing is known it counts as up. */
export function downShare(
  gaps: readonly FeedGapDocument[],
  symbol: string,
  fromMs: number,
  toMs: number
): number {
  const outages = outagesIn(gaps, symbol, fromMs, toMs)
  return isUnknown(outages, toMs) ? 0 : shareOf(outages, fromMs, toMs)
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

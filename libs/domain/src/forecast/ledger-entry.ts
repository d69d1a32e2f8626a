import type { FinalBar } from './final-bar.ts'
import type { ForecastSpec } from './forecast-spec.ts'
import type { TargetWindow } from './forecast-target.ts'
import type { ModelForecast } from './model-track.ts'

export type EntryStatus = 'open' | 'scored' | 'void'

export const VOID_REASONS = {
  noTrade: 'no trade in the target bar',
  notCovered: 'target bar not covered by the feed'
} as const

/** What an entry was before a late revision rewrote it. */
export interface Correction {
  /** Number of the revision among all that rewrote entries of the series: tells whether a stored state knows it. */
  readonly rewrite: number
  /** The actual before; null when the entry was void. */
  readonly was: number | null
  readonly wasRevision: number
  readonly reason: string | null
}

/**
 * One forecast of the close of one bar by one model, from before its outcome to its score. Times are
 * epoch ms, prices in quote currency, errors actual less forecast.
 */
export interface LedgerEntry extends ModelForecast {
  /** `<symbol>|<timeframe>|<target start>|<horizon>|<model>` */
  readonly id: string
  readonly symbol: string
  readonly timeframe: string
  /** Bars ahead; 1 is the next bar. */
  readonly horizon: number
  readonly lookback: number
  readonly targetMs: number
  readonly targetEndMs: number
  /** Trading date of the target; for `1d` of the day it was made from. */
  readonly tradeDate: string
  /** Start of the last final bar used. */
  readonly madeFromMs: number
  readonly lastClose: number
  /** The price stays put: the last close. */
  readonly naive: number
  /** The last close, moved on by the mean step of the lookback. */
  readonly drift: number
  /** Mean absolute change over `horizon` closes in the lookback: the denominator of MASE. */
  readonly scale: number | null
  readonly feed: string
  readonly status: EntryStatus
  /** Why it is void. */
  readonly reason: string | null
  readonly actual: number | null
  /** Revision of the bar the actual is of; -1 while there is none. */
  readonly actualRevision: number
  readonly error: number | null
  readonly naiveError: number | null
  readonly driftError: number | null
  readonly inOls: boolean | null
  readonly inBand: boolean | null
  /** 0, and one more for every rewrite by a late revision. */
  readonly scoreRevision: number
  /** The newest rewrites, oldest first. */
  readonly corrections: readonly Correction[]
  /** Wall clock when it was made; processing time, no part of the result. */
  readonly createdAtMs: number
  /** Every record it was made from is below this offset of its partition. */
  readonly madeAtOffset: number
}

/** An entry with its outcome. */
export interface ScoredEntry extends LedgerEntry {
  readonly status: 'scored'
  readonly actual: number
  readonly error: number
  readonly naiveError: number
  readonly driftError: number
  readonly inOls: boolean
  readonly inBand: boolean
}

/** A bar revised more often keeps only the newest rewrites. */
export const MAX_CORRECTIONS = 16

export function isScored(entry: LedgerEntry): entry is ScoredEntry {
  return entry.status === 'scored'
}

/** What every model's forecast of one target is measured against. */
export interface Baselines {
  readonly lastClose: number
  readonly drift: number
  readonly scale: number | null
}

/** A forecast just made. Spelt out: copying by spread costs more than the forecast. */
export function openEntry(
  { timeframe, lookback, horizon }: ForecastSpec,
  { symbol, startMs, tradeDate, feed }: FinalBar,
  target: TargetWindow,
  { lastClose, drift, scale }: Baselines,
  says: ModelForecast,
  { nowMs, offset }: { readonly nowMs: number; readonly offset: number }
): LedgerEntry {
  return {
    id: `${symbol}|${timeframe}|${target.startMs}|${horizon}|${says.model}`,
    symbol,
    timeframe,
    horizon,
    lookback,
    model: says.model,
    modelVersion: says.modelVersion,
    targetMs: target.startMs,
    targetEndMs: target.endMs,
    tradeDate,
    madeFromMs: startMs,
    lastClose,
    n: says.n,
    slope: says.slope,
    intercept: says.intercept,
    r2: says.r2,
    standardError: says.standardError,
    forecast: says.forecast,
    lower: says.lower,
    upper: says.upper,
    bandLower: says.bandLower,
    bandUpper: says.bandUpper,
    bandFrom: says.bandFrom,
    naive: lastClose,
    drift,
    scale,
    feed,
    status: 'open',
    reason: null,
    actual: null,
    actualRevision: -1,
    error: null,
    naiveError: null,
    driftError: null,
    inOls: null,
    inBand: null,
    scoreRevision: 0,
    corrections: [],
    createdAtMs: nowMs,
    madeAtOffset: offset
  }
}

/** The entry with the close of its target bar. */
export function scored(entry: LedgerEntry, actual: number, actualRevision: number): ScoredEntry {
  return {
    ...entry,
    status: 'scored',
    reason: null,
    actual,
    actualRevision,
    error: actual - entry.forecast,
    naiveError: actual - entry.naive,
    driftError: actual - entry.drift,
    inOls: actual >= entry.lower && actual <= entry.upper,
    inBand: actual >= entry.bandLower && actual <= entry.bandUpper
  }
}

/** The entry without an outcome. */
export function voided(entry: LedgerEntry, reason: string, actualRevision = -1): LedgerEntry {
  return { ...unsettled(entry), status: 'void', reason, actualRevision }
}

/** The entry as its target bar settles it. */
export function settledBy(
  entry: LedgerEntry,
  { close, coverage, revision }: FinalBar,
  minCoverage: number
): LedgerEntry {
  if (coverage < minCoverage) return voided(entry, VOID_REASONS.notCovered, revision)
  if (close === null) return voided(entry, VOID_REASONS.noTrade, revision)
  return scored(entry, close, revision)
}

/** The entry as it was made. */
export function unsettled(entry: LedgerEntry): LedgerEntry {
  return {
    ...entry,
    status: 'open',
    reason: null,
    actual: null,
    actualRevision: -1,
    error: null,
    naiveError: null,
    driftError: null,
    inOls: null,
    inBand: null
  }
}

/**
 * A settled entry after a late revision of its target bar, or undefined when that changes nothing.
 * @param rewrite number of this revision among all that rewrote entries of the series
 */
export function rewritten(
  entry: LedgerEntry,
  bar: FinalBar,
  minCoverage: number,
  rewrite: number
): LedgerEntry | undefined {
  if (bar.revision <= entry.actualRevision) return undefined
  const now = settledBy(entry, bar, minCoverage)
  if (now.status === entry.status && now.actual === entry.actual && now.reason === entry.reason) {
    return undefined
  }
  const correction: Correction = {
    rewrite,
    was: entry.actual,
    wasRevision: entry.actualRevision,
    reason: entry.reason
  }
  return {
    ...now,
    scoreRevision: entry.scoreRevision + 1,
    corrections: [...entry.corrections, correction].slice(-MAX_CORRECTIONS)
  }
}

/** A settled entry as a state that knows only the first `rewrites` rewrites had it. */
export function beforeRewrites(entry: LedgerEntry, rewrites: number): LedgerEntry {
  const known = entry.corrections.filter(({ rewrite }) => rewrite <= rewrites)
  const first = entry.corrections[known.length]
  if (first === undefined) return entry
  const scoreRevision = entry.scoreRevision - (entry.corrections.length - known.length)
  const before =
    first.was === null
      ? voided(entry, first.reason ?? VOID_REASONS.noTrade, first.wasRevision)
      : scored(entry, first.was, first.wasRevision)
  return { ...before, scoreRevision, corrections: known }
}

import type { BandState } from './adaptive-band.ts'
import type { DetectorState } from './change-detector.ts'
import type { FinalBar } from './final-bar.ts'
import type { LedgerEntry } from './ledger-entry.ts'
import type { ScoreBoardState } from './score-board.ts'
import type { Contribution } from './scores.ts'
import type { StepPaceState } from './step-pace.ts'

/** One model's part of a stored series. */
export interface ModelState {
  readonly model: string
  readonly version: number
  readonly sums: readonly number[]
  readonly band: BandState
  readonly detector: DetectorState
  readonly board: ScoreBoardState
}

/**
 * All of a series that the ledger and the bars do not hold, as of its newest bar taken in. To be
 * stored after the entries answered with it: entries ahead of the state are recognised after a crash,
 * a state ahead of its entries would lose them.
 */
export interface SeriesState {
  /** `<symbol>|<timeframe>|<horizon>` */
  readonly id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly lookback: number
  /** Start of the newest bar taken in; null while there is none. */
  readonly throughMs: number | null
  /** Newest target given up because the watermark passed its end; null while there is none. */
  readonly voidedThroughMs: number | null
  /** End of the newest bar whose close is in use, epoch ms; 0 while there is none. */
  readonly newestEndMs: number
  /** Late revisions that rewrote entries so far. */
  readonly rewrites: number
  readonly session: string
  readonly tradeDate: string
  readonly isInGap: boolean
  /** Start, close and revision of the closes in use, oldest first. */
  readonly ring: readonly (readonly [startMs: number, close: number, revision: number])[]
  readonly steps: readonly number[]
  /** Absent in states stored before there was one: it begins with the closes of the ring. */
  readonly pace?: StepPaceState
  readonly models: readonly ModelState[]
}

/** What must be read for a series before `advance`. */
export interface SeriesRequest {
  readonly id: string
  readonly symbol: string
  readonly timeframe: string
  readonly horizon: number
  readonly lookback: number
  /** Bars before this start seed a series without a state; undefined: the series is there already. */
  readonly beforeMs: number | undefined
  /** Entries of exactly these targets are asked for: late revisions of their bars are to be taken in. */
  readonly targetsMs: readonly number[]
}

/** The answer to a SeriesRequest. */
export interface SeriesHistory {
  readonly request: SeriesRequest
  /** Null when none is stored, or none was asked for (`beforeMs` undefined). */
  readonly state: SeriesState | null
  /** Final bars with a close before `beforeMs`, ascending, at most the lookback; may be empty with a state. */
  readonly bars: readonly FinalBar[]
  /**
   * With `beforeMs`: every entry with a target after the state's `throughMs` (so every open one, and
   * every one made from a later bar). Without: all of the targets asked for.
   */
  readonly entries: readonly LedgerEntry[]
}

/**
 * The newest scores of a series, at most 500 a model (LONG_WINDOW), by the model's name. Read after the
 * history: forecasts need not wait for them.
 */
export interface SeriesScores {
  readonly id: string
  readonly byModel: ReadonlyMap<string, readonly Contribution[]>
}

export function seriesId(symbol: string, timeframe: string, horizon: number): string {
  return `${symbol}|${timeframe}|${horizon}`
}

/** What an id of `seriesId` says. */
export function seriesOfId(id: string): Pick<SeriesRequest, 'symbol' | 'timeframe' | 'horizon'> {
  const [horizon = '', timeframe = '', ...symbol] = id.split('|').toReversed()
  return { symbol: symbol.toReversed().join('|'), timeframe, horizon: Number(horizon) }
}

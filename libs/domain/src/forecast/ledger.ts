import type { CoverageOf, FinalBar } from './final-bar.ts'
import type { ForecastSpec, TargetWindow } from './spec.ts'

export const VOID_REASONS = {
  noTrade: 'no trade in the target bar',
  notCovered: 'target bar not covered by the feed'
} as const

/**
 * When an entry was stored, by `createdAtMs` against its target: before it began, while it ran, or after it
 * ended. One bar ahead the target begins as the bar ends that the entry is made from, and that bar is final later:
 * `prompt` was stored as soon as it could be. `replayed` was stored during or after by a consumer that is told to
 * score the past.
 */
type Timing = 'before' | 'prompt' | 'during' | 'after' | 'replayed'

/** Entries with this timing are resolved, and bands learn from them, but no score counts them. */
export const UNCOUNTED_TIMINGS = ['during', 'after'] as const satisfies readonly Timing[]

/** How forecasts are timed. */
export interface TimingRules {
  /** A forecast one bar ahead is prompt up to this time after its target began, ms. */
  readonly promptMs: number
  /** Scores count forecasts that were stored too late: of a tape of the past. */
  readonly scoresPast: boolean
}

/** What an entry was before a late revision rewrote it. */
interface Correction {
  /** Number of the revision among all that rewrote entries of the series; shows whether a stored state has it. */
  readonly rewrite: number
  /** The actual before; null when the entry was void. */
  readonly was: number | null
  readonly wasRevision: number
  readonly reason: string | null
}

/** The forecast of one target by one model; prices in quote currency. */
export interface ModelForecast {
  readonly model: string
  /** One more for each restart of the model after a change point. */
  readonly modelVersion: number
  /** Closes used. */
  readonly n: number
  /** What explains the forecast, by name; each is a field of the stored document. */
  readonly parameters: Readonly<Record<string, number>>
  readonly forecast: number
  /** 95 % interval of the model's own; for lines the prediction interval of least squares. */
  readonly lower: number
  readonly upper: number
  /** 95 % adaptive band: the headline. */
  readonly bandLower: number
  readonly bandUpper: number
  /** `ols` only in earlier forecasts, where the interval of least squares stood in for a band unlearnt. */
  readonly bandFrom: 'ols' | 'adaptive'
}

/** The benchmarks of every model's forecast of one target. */
export interface Baselines {
  readonly lastClose: number
  /** The last close plus the mean step of the lookback for each window. */
  readonly drift: number
  /** Mean absolute change over `horizon` closes in the lookback: the denominator of MASE. */
  readonly scale: number | null
}

/** The outcome of an entry; errors are actual less forecast. */
interface Outcome {
  readonly status: 'open' | 'scored' | 'void'
  /** Why it is void. */
  readonly reason: string | null
  readonly actual: number | null
  /** Revision of the bar the actual is of; -1 while there is none. */
  readonly actualRevision: number
  readonly error: number | null
  readonly naiveError: number | null
  readonly driftError: number | null
  /** Whether the actual lies in the model's own interval. */
  readonly inOls: boolean | null
  readonly inBand: boolean | null
}

/**
 * One forecast of the close of one bar by one model, from before its outcome to its score. Times are
 * epoch ms.
 */
export interface LedgerEntry extends ModelForecast, Baselines, Outcome {
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
  /** The price stays put: the last close. */
  readonly naive: number
  readonly feed: string
  /** 0, and one more for every rewrite by a late revision. */
  readonly scoreRevision: number
  /** The newest rewrites, oldest first. */
  readonly corrections: readonly Correction[]
  /** Clock of the consumer's host just before the entry was first written; no part of the result. */
  readonly createdAtMs: number
  /** Absent in entries stored before there was one. */
  readonly timing: Timing | undefined
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
const MAX_CORRECTIONS = 16

const OPEN: Outcome = {
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

export function isScored(entry: LedgerEntry): entry is ScoredEntry {
  return entry.status === 'scored'
}

/** Whether scores count an entry: it has an outcome, and was stored before its target began, or promptly. */
export function isCounted(entry: LedgerEntry): entry is ScoredEntry {
  return isScored(entry) && !UNCOUNTED_TIMINGS.some((timing) => timing === entry.timing)
}

function timingOf(
  { startMs, endMs }: TargetWindow,
  horizon: number,
  { nowMs, promptMs, scoresPast }: TimingRules & { readonly nowMs: number }
): Timing {
  if (nowMs < startMs) return 'before'
  const hasEnded = nowMs >= endMs
  if (horizon === 1 && !hasEnded && nowMs <= startMs + promptMs) return 'prompt'
  if (scoresPast) return 'replayed'
  return hasEnded ? 'after' : 'during'
}

/** A forecast just made from a bar. */
export function openEntry(
  { timeframe, lookback, horizon }: ForecastSpec,
  { symbol, startMs, tradeDate, feed }: FinalBar,
  target: TargetWindow,
  baselines: Baselines,
  made: ModelForecast,
  moment: TimingRules & { readonly nowMs: number; readonly offset: number }
): LedgerEntry {
  return {
    id: `${symbol}|${timeframe}|${target.startMs}|${horizon}|${made.model}`,
    symbol,
    timeframe,
    horizon,
    lookback,
    model: made.model,
    modelVersion: made.modelVersion,
    targetMs: target.startMs,
    targetEndMs: target.endMs,
    tradeDate,
    madeFromMs: startMs,
    lastClose: baselines.lastClose,
    n: made.n,
    parameters: made.parameters,
    forecast: made.forecast,
    lower: made.lower,
    upper: made.upper,
    bandLower: made.bandLower,
    bandUpper: made.bandUpper,
    bandFrom: made.bandFrom,
    naive: baselines.lastClose,
    drift: baselines.drift,
    scale: baselines.scale,
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
    createdAtMs: moment.nowMs,
    timing: timingOf(target, horizon, moment),
    madeAtOffset: moment.offset
  }
}

/** The entry with the close of its target bar. */
function scored(entry: LedgerEntry, actual: number, actualRevision: number): ScoredEntry {
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
function voided(entry: LedgerEntry, reason: string, actualRevision = -1): LedgerEntry {
  return { ...entry, ...OPEN, status: 'void', reason, actualRevision }
}

/** The entry as its target bar resolves it. */
function resolved(entry: LedgerEntry, bar: FinalBar, minCoverage: number): LedgerEntry {
  const { close, coverage, revision } = bar
  if (coverage < minCoverage) return voided(entry, VOID_REASONS.notCovered, revision)
  if (close === null) return voided(entry, VOID_REASONS.noTrade, revision)
  return scored(entry, close, revision)
}

/**
 * A resolved entry after a late revision of its target bar, or undefined when that changes nothing.
 * @param rewrite number of this revision among all that rewrote entries of the series
 */
function rewritten(
  entry: LedgerEntry,
  bar: FinalBar,
  minCoverage: number,
  rewrite: number
): LedgerEntry | undefined {
  if (bar.revision <= entry.actualRevision) return undefined
  const now = resolved(entry, bar, minCoverage)
  if (now.status === entry.status && now.actual === entry.actual && now.reason === entry.reason) {
    return undefined
  }
  const { actual: was, actualRevision: wasRevision, reason } = entry
  const corrections = [...entry.corrections, { rewrite, was, wasRevision, reason }]
  return {
    ...now,
    scoreRevision: entry.scoreRevision + 1,
    corrections: corrections.slice(-MAX_CORRECTIONS)
  }
}

/** A resolved entry as a state that knows only the first `rewrites` rewrites had it. */
function beforeRewrites(entry: LedgerEntry, rewrites: number): LedgerEntry {
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

/** Where the ledger reports what is to be stored. */
export interface EntrySink {
  /** An entry that was never stored. */
  make(entry: LedgerEntry): void
  /** A stored entry, resolved or rewritten. */
  change(entry: LedgerEntry): void
}

/** How far a stored state of a series had come. */
export interface LedgerProgress {
  /** Start of the newest processed bar; null while there is none. */
  readonly throughMs: number | null
  /** Newest target voided because the watermark passed its end; null while there is none. */
  readonly voidedThroughMs: number | null
  /** Late revisions that rewrote entries so far. */
  readonly rewrites: number
}

/** Resolved targets remembered for corrections that come soon; older ones are read from the store. */
const RECENT_TARGETS = 4

/**
 * The entries of one series that can still change: open ones, those just resolved, and those read back
 * for a late revision.
 *
 * After a crash the store may be ahead of the state. The ledger then resets such entries to what the state
 * knows and remembers their stored form. It recognises what the replay repeats, and reports nothing twice.
 */
export class SeriesLedger {
  readonly #minCoverage: number
  /** By target, ascending. */
  readonly #open: LedgerEntry[] = []
  readonly #resolved = new Map<number, LedgerEntry[]>()
  readonly #recalled = new Map<number, LedgerEntry[]>()
  readonly #ahead = new Map<string, LedgerEntry>()
  #rewrites: number
  #voidedThroughMs: number | null

  /**
   * @param entries that are stored with a target after `progress.throughMs`, in any order
   * @param progress undefined for a series without a state, which begins with the bar at `beginsMs`
   */
  constructor(
    minCoverage: number,
    entries: readonly LedgerEntry[],
    progress: LedgerProgress | undefined,
    beginsMs: number
  ) {
    this.#minCoverage = minCoverage
    this.#rewrites = progress?.rewrites ?? 0
    this.#voidedThroughMs = progress?.voidedThroughMs ?? null
    const throughMs = progress?.throughMs ?? beginsMs - 1
    const resolvedMs = Math.max(throughMs, this.#voidedThroughMs ?? -Infinity)
    for (const entry of entries.toSorted((a, b) => a.targetMs - b.targetMs)) {
      const isOpen = entry.status === 'open'
      if (entry.madeFromMs > throughMs) this.#ahead.set(entry.id, entry)
      else if (progress !== undefined && entry.targetMs <= resolvedMs) {
        if (!isOpen) this.#remember(this.#asKnown(entry))
      } else if (isOpen || progress !== undefined) {
        if (!isOpen) this.#ahead.set(entry.id, entry)
        this.#open.push({ ...entry, ...OPEN, scoreRevision: 0, corrections: [] })
      }
    }
    this.release()
  }

  get rewrites(): number {
    return this.#rewrites
  }

  get voidedThroughMs(): number | null {
    return this.#voidedThroughMs
  }

  /** End of the earliest open target, epoch ms. */
  get dueMs(): number {
    return this.#open[0]?.targetEndMs ?? Infinity
  }

  /** Whether the entries of a resolved target are at hand. */
  holds(targetMs: number): boolean {
    return this.#resolved.has(targetMs) || this.#recalled.has(targetMs)
  }

  /** Keeps entries read from the store until `release`. */
  recall(targetsMs: readonly number[], entries: readonly LedgerEntry[]): void {
    const resolvedEntries = entries.filter(({ status }) => status !== 'open')
    for (const targetMs of targetsMs) {
      const own = resolvedEntries.filter((entry) => entry.targetMs === targetMs)
      this.#recalled.set(
        targetMs,
        own.map((entry) => this.#asKnown(entry))
      )
    }
  }

  /** Keeps only the newest resolved targets, once an advance is over. */
  release(): void {
    this.#recalled.clear()
    for (const targetMs of this.#resolved.keys()) {
      if (this.#resolved.size <= RECENT_TARGETS) return
      this.#resolved.delete(targetMs)
    }
  }

  make(entry: LedgerEntry, sink: EntrySink): void {
    const before = this.#ahead.get(entry.id)
    if (before === undefined) {
      this.#open.push(entry)
      sink.make(entry)
      return
    }
    const { createdAtMs, timing } = before
    this.#open.push({ ...entry, createdAtMs, timing })
  }

  /** Resolves the open entries whose target is this bar or lies before it. */
  resolveBy(bar: FinalBar, coverageOf: CoverageOf, sink: EntrySink): LedgerEntry[] {
    return this.#resolveWhile(
      ({ targetMs }) => targetMs <= bar.startMs,
      (entry) =>
        entry.targetMs === bar.startMs
          ? resolved(entry, bar, this.#minCoverage)
          : this.#withoutBar(entry, coverageOf),
      sink
    )
  }

  /** Resolves the open entries whose target ended at or before the watermark without a bar. */
  expire(watermarkMs: number, coverageOf: CoverageOf, sink: EntrySink): LedgerEntry[] {
    const expired = this.#resolveWhile(
      ({ targetEndMs }) => targetEndMs <= watermarkMs,
      (entry) => this.#withoutBar(entry, coverageOf),
      sink
    )
    this.#voidedThroughMs = expired.at(-1)?.targetMs ?? this.#voidedThroughMs
    return expired
  }

  /** Resolved entries of this bar that its revision changes. */
  rewriteBy(bar: FinalBar, sink: EntrySink): { now: LedgerEntry; before: LedgerEntry }[] {
    const changes: { now: LedgerEntry; before: LedgerEntry }[] = []
    const held = this.#resolved.get(bar.startMs) ?? this.#recalled.get(bar.startMs) ?? []
    // One number for all models: it must not depend on the order in which entries were read back.
    const rewrite = this.#rewrites + 1
    for (const [index, before] of held.entries()) {
      const changed = rewritten(before, bar, this.#minCoverage, rewrite)
      if (changed === undefined) continue
      this.#rewrites = rewrite
      const now = this.#report(changed, sink)
      held[index] = now
      changes.push({ now, before })
    }
    return changes
  }

  #resolveWhile(
    isDue: (entry: LedgerEntry) => boolean,
    resolve: (entry: LedgerEntry) => LedgerEntry,
    sink: EntrySink
  ): LedgerEntry[] {
    const due: LedgerEntry[] = []
    for (let entry = this.#open[0]; entry !== undefined && isDue(entry); entry = this.#open[0]) {
      this.#open.shift()
      due.push(this.#remember(this.#report(resolve(entry), sink)))
    }
    return due
  }

  /** Reports an entry unless the store already has it or a later form of it. */
  #report(entry: LedgerEntry, sink: EntrySink): LedgerEntry {
    const ahead = this.#ahead.get(entry.id)
    if (ahead === undefined || ahead.status === 'open') {
      this.#ahead.delete(entry.id)
      sink.change(entry)
      return entry
    }
    if (ahead.actualRevision > entry.actualRevision || isSameOutcome(ahead, entry)) return entry
    this.#ahead.delete(entry.id)
    // Of the same revision but another close: the clock had made the bar final before a crash, and a
    // trade that was in time came afterwards. No reader saw the earlier score, so this is no rewrite.
    const isRewrite = ahead.actualRevision < entry.actualRevision
    const stored = ahead.scoreRevision + (isRewrite ? 1 : 0)
    const next = { ...entry, scoreRevision: Math.max(entry.scoreRevision, stored) }
    sink.change(next)
    return next
  }

  #remember(entry: LedgerEntry): LedgerEntry {
    const same = this.#resolved.get(entry.targetMs)
    if (same === undefined) this.#resolved.set(entry.targetMs, [entry])
    else same.push(entry)
    return entry
  }

  /** The entry as the state knows it; a later stored form is remembered. */
  #asKnown(entry: LedgerEntry): LedgerEntry {
    const known = beforeRewrites(entry, this.#rewrites)
    if (known !== entry) this.#ahead.set(entry.id, entry)
    return known
  }

  #withoutBar(entry: LedgerEntry, coverageOf: CoverageOf): LedgerEntry {
    const coverage = coverageOf(entry, entry.targetMs, entry.targetEndMs)
    const isCovered = coverage >= this.#minCoverage
    return voided(entry, isCovered ? VOID_REASONS.noTrade : VOID_REASONS.notCovered)
  }
}

function isSameOutcome(a: LedgerEntry, b: LedgerEntry): boolean {
  return a.actualRevision === b.actualRevision && a.actual === b.actual && a.status === b.status
}

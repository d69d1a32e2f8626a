import type { FinalBar } from './final-bar.ts'
import type { ForecastResults } from './forecast-outbox.ts'
import {
  beforeRewrites,
  rewritten,
  settledBy,
  unsettled,
  VOID_REASONS,
  voided,
  type LedgerEntry
} from './ledger-entry.ts'
import type { SeriesHistory, SeriesState } from './series-history.ts'

/** Settled targets remembered for corrections that come soon; older ones are read from the store. */
const RECENT_TARGETS = 4

interface LedgerContext {
  readonly outbox: ForecastResults
  coverageOf(symbol: string, startMs: number, endMs: number): number
}

/**
 * The entries of one series that can still change: open ones, those just settled, and those read back
 * for a late revision.
 *
 * After a crash the store may be ahead of the state. Entries it is ahead with are set back to what the
 * state knows and kept aside; what the replay does again is then recognised and not answered twice.
 */
export class SeriesLedger {
  readonly #minCoverage: number
  /** By target, ascending. */
  #open: LedgerEntry[] = []
  readonly #settled = new Map<number, LedgerEntry[]>()
  readonly #recalled = new Map<number, LedgerEntry[]>()
  readonly #ahead = new Map<string, LedgerEntry>()
  #rewrites: number
  #voidedThroughMs: number | null

  constructor(
    { request, entries }: SeriesHistory,
    state: SeriesState | undefined,
    minCoverage: number
  ) {
    this.#minCoverage = minCoverage
    this.#rewrites = state?.rewrites ?? 0
    this.#voidedThroughMs = state?.voidedThroughMs ?? null
    const throughMs = state?.throughMs ?? (request.beforeMs ?? 0) - 1
    const settledMs = Math.max(throughMs, state?.voidedThroughMs ?? -Infinity)
    for (const entry of entries.toSorted((a, b) => a.targetMs - b.targetMs)) {
      if (entry.madeFromMs > throughMs) this.#ahead.set(entry.id, entry)
      else if (state !== undefined && entry.targetMs <= settledMs) this.#adoptSettled(entry)
      else this.#adoptOpen(entry, state !== undefined)
    }
    this.release()
  }

  get rewrites(): number {
    return this.#rewrites
  }

  get voidedThroughMs(): number | null {
    return this.#voidedThroughMs
  }

  get dueMs(): number {
    return this.#open[0]?.targetEndMs ?? Infinity
  }

  /** Whether the entries of a settled target are at hand. */
  holds(targetMs: number): boolean {
    return this.#settled.has(targetMs) || this.#recalled.has(targetMs)
  }

  recall(targetsMs: readonly number[], entries: readonly LedgerEntry[]): void {
    for (const targetMs of targetsMs) {
      this.#recalled.set(
        targetMs,
        entries
          .filter((entry) => entry.targetMs === targetMs && entry.status !== 'open')
          .map((entry) => this.#asKnown(entry))
      )
    }
  }

  /** Keeps only the newest settled targets, once an advance is over. */
  release(): void {
    this.#recalled.clear()
    for (const targetMs of this.#settled.keys()) {
      if (this.#settled.size <= RECENT_TARGETS) return
      this.#settled.delete(targetMs)
    }
  }

  make(entry: LedgerEntry, outbox: ForecastResults): void {
    const before = this.#ahead.get(entry.id)
    this.#open.push(before === undefined ? entry : { ...entry, createdAtMs: before.createdAtMs })
    if (before === undefined) outbox.make(entry)
  }

  /** Settles the open entries whose target is this bar or lies before it. */
  settledBy(bar: FinalBar, context: LedgerContext): LedgerEntry[] {
    const settled: LedgerEntry[] = []
    for (;;) {
      const [entry] = this.#open
      if (entry === undefined || entry.targetMs > bar.startMs) return settled
      this.#open.shift()
      const now =
        entry.targetMs === bar.startMs
          ? settledBy(entry, bar, this.#minCoverage)
          : withoutBar(entry, this.#minCoverage, context)
      settled.push(this.#remember(this.#answer(now, context.outbox)))
    }
  }

  /** Settles the open entries whose target ended at or before the watermark without a bar. */
  expired(watermarkMs: number, context: LedgerContext): LedgerEntry[] {
    const expired: LedgerEntry[] = []
    for (;;) {
      const [entry] = this.#open
      if (entry === undefined || entry.targetEndMs > watermarkMs) return expired
      this.#open.shift()
      this.#voidedThroughMs = entry.targetMs
      const now = withoutBar(entry, this.#minCoverage, context)
      expired.push(this.#remember(this.#answer(now, context.outbox)))
    }
  }

  /** Settled entries of this bar that its revision changes. */
  rewrittenBy(
    bar: FinalBar,
    { outbox }: LedgerContext
  ): { now: LedgerEntry; before: LedgerEntry }[] {
    const changes: { now: LedgerEntry; before: LedgerEntry }[] = []
    const held = this.#settled.get(bar.startMs) ?? this.#recalled.get(bar.startMs) ?? []
    // One number for all models: it must not depend on the order in which entries were read back.
    const rewrite = this.#rewrites + 1
    for (const [index, before] of held.entries()) {
      const changed = rewritten(before, bar, this.#minCoverage, rewrite)
      if (changed === undefined) continue
      this.#rewrites = rewrite
      const now = this.#answer(changed, outbox)
      held[index] = now
      changes.push({ now, before })
    }
    return changes
  }

  /** Answers an entry unless the store has it already, or a later form of it. */
  #answer(entry: LedgerEntry, outbox: ForecastResults): LedgerEntry {
    const ahead = this.#ahead.get(entry.id)
    if (ahead === undefined || ahead.status === 'open') {
      this.#ahead.delete(entry.id)
      outbox.change(entry)
      return entry
    }
    if (ahead.actualRevision > entry.actualRevision || isSameOutcome(ahead, entry)) return entry
    this.#ahead.delete(entry.id)
    // Of the same revision but another close: the clock had made the bar final before a crash, and a
    // trade that was in time came afterwards. That is no rewrite of a score that anybody knows of.
    const isRewrite = ahead.actualRevision < entry.actualRevision
    const stored = ahead.scoreRevision + (isRewrite ? 1 : 0)
    const next = { ...entry, scoreRevision: Math.max(entry.scoreRevision, stored) }
    outbox.change(next)
    return next
  }

  #remember(entry: LedgerEntry): LedgerEntry {
    const same = this.#settled.get(entry.targetMs)
    if (same === undefined) this.#settled.set(entry.targetMs, [entry])
    else same.push(entry)
    return entry
  }

  #adoptSettled(entry: LedgerEntry): void {
    if (entry.status === 'open') return
    this.#remember(this.#asKnown(entry))
  }

  #adoptOpen(entry: LedgerEntry, isReplayed: boolean): void {
    if (entry.status !== 'open') {
      if (!isReplayed) return
      this.#ahead.set(entry.id, entry)
    }
    this.#open.push({ ...unsettled(entry), scoreRevision: 0, corrections: [] })
  }

  /** As the state knows it; a later form is kept aside. */
  #asKnown(entry: LedgerEntry): LedgerEntry {
    const known = beforeRewrites(entry, this.#rewrites)
    if (known !== entry) this.#ahead.set(entry.id, entry)
    return known
  }
}

function isSameOutcome(a: LedgerEntry, b: LedgerEntry): boolean {
  return a.actualRevision === b.actualRevision && a.actual === b.actual && a.status === b.status
}

function withoutBar(
  entry: LedgerEntry,
  minCoverage: number,
  { coverageOf }: LedgerContext
): LedgerEntry {
  const coverage = coverageOf(entry.symbol, entry.targetMs, entry.targetEndMs)
  return voided(entry, coverage < minCoverage ? VOID_REASONS.notCovered : VOID_REASONS.noTrade)
}

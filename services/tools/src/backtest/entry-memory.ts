import {
  seriesId,
  type LedgerEntry,
  type SeriesHistory,
  type SeriesRequest
} from '@tapedeck/domain'

/**
 * The newest ledger entries of one engine, for late revisions of their targets: what the collection
 * `forecasts` is to the consumer. Kept as long as a trade may be late.
 */
export class EntryMemory {
  /** Series, then target, then id: in the order of the targets. */
  readonly #series = new Map<string, Map<number, Map<string, LedgerEntry>>>()

  keep(entries: readonly LedgerEntry[]): void {
    for (const entry of entries) {
      const id = seriesId(entry.symbol, entry.timeframe, entry.horizon)
      let targets = this.#series.get(id)
      if (targets === undefined) this.#series.set(id, (targets = new Map()))
      let target = targets.get(entry.targetMs)
      if (target === undefined) targets.set(entry.targetMs, (target = new Map()))
      target.set(entry.id, entry)
    }
  }

  /** What a engine asks for: a series begins with nothing, a late revision needs its target's entries. */
  answer(request: SeriesRequest): SeriesHistory {
    const targets = this.#series.get(request.id)
    const entries = request.targetsMs.flatMap((targetMs) => [
      ...(targets?.get(targetMs)?.values() ?? [])
    ])
    return { request, state: null, bars: [], entries }
  }

  /** Lets go of targets before a moment, epoch ms. */
  forget(beforeMs: number): void {
    for (const targets of this.#series.values()) {
      for (const targetMs of targets.keys()) {
        if (targetMs >= beforeMs) break
        targets.delete(targetMs)
      }
    }
  }
}

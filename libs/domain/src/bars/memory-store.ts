import { affects, type KnownGap } from '../feed-gaps.ts'
import type { ForecastEngine } from '../forecast/engine.ts'
import type { LedgerEntry } from '../forecast/ledger.ts'
import type { SeriesHistory, SeriesRequest } from '../forecast/series.ts'
import { seriesId } from '../forecast/spec.ts'
import type { ActivityBar, HeadRequest, StoredActivityBar } from './activity-bars.ts'
import type { Bar, StoredBar } from './bar.ts'
import type { BarStore, BatchForecasts } from './close-fold.ts'

/** Bars in memory, for a fold without a database. */
export class MemoryBars implements BarStore {
  /** In the order of their last write. */
  readonly #bars = new Map<string, StoredBar>()
  readonly #activity = new Map<string, StoredActivityBar>()
  /** `readHeads` finds activity bars that began below this offset. */
  checkpoint = Infinity

  /** Stores bars as they are now. */
  write(bars: readonly Bar[], activity: readonly ActivityBar[] = []): void {
    for (const bar of bars) {
      this.#bars.delete(bar.id)
      this.#bars.set(bar.id, bar.toStored())
    }
    for (const { bar, ...span } of activity) {
      this.#activity.set(bar.id, { ...bar.toStored(), ...span })
    }
  }

  /** The stored bars in time, by id. */
  get bars(): ReadonlyMap<string, StoredBar> {
    return this.#bars
  }

  get activity(): ReadonlyMap<string, StoredActivityBar> {
    return this.#activity
  }

  readBars(ids: readonly string[]): Promise<readonly StoredBar[]> {
    return Promise.resolve(ids.map((id) => this.#bars.get(id)).filter((bar) => bar !== undefined))
  }

  eachBarOfGap(
    gap: KnownGap,
    visit: (bars: readonly (StoredBar | StoredActivityBar)[]) => void
  ): Promise<void> {
    const isOfGap = ({ symbol, startMs, endMs, gaps = [], accumulator: { feed } }: StoredBar) =>
      affects(gap, { symbol, feed }, startMs, endMs) || gaps.some(({ id }) => id === gap.id)
    visit([...this.#bars.values(), ...this.#activity.values()].filter(isOfGap))
    return Promise.resolve()
  }

  readHeads(requests: readonly HeadRequest[]): Promise<readonly (StoredActivityBar | undefined)[]> {
    const known = [...this.#activity.values()].filter(({ from }) => from[0] < this.checkpoint)
    return Promise.resolve(
      requests.map(({ symbol, timeframe }) =>
        known
          .filter((bar) => bar.symbol === symbol && bar.timeframe === timeframe)
          .toSorted((a, b) => a.through[0] - b.through[0] || a.through[1] - b.through[1])
          .at(-1)
      )
    )
  }

  /** Removes bars in time that ended before a moment, as far as they were written in order of their end. */
  forget(beforeMs: number): void {
    for (const [id, { endMs }] of this.#bars) {
      if (endMs >= beforeMs) return
      this.#bars.delete(id)
    }
  }
}

/** Forecasts in memory, for an engine that begins without series. */
export class MemoryForecasts implements BatchForecasts {
  readonly engine: ForecastEngine
  /** Series id, then target, then entry id; targets in ascending order. */
  readonly #series = new Map<string, Map<number, Map<string, LedgerEntry>>>()

  constructor(engine: ForecastEngine) {
    this.engine = engine
  }

  write(entries: readonly LedgerEntry[]): void {
    for (const entry of entries) {
      const id = seriesId(entry.symbol, entry.timeframe, entry.horizon)
      let targets = this.#series.get(id)
      if (targets === undefined) this.#series.set(id, (targets = new Map()))
      let target = targets.get(entry.targetMs)
      if (target === undefined) targets.set(entry.targetMs, (target = new Map()))
      target.set(entry.id, entry)
    }
  }

  readSeries(requests: readonly SeriesRequest[]): Promise<readonly SeriesHistory[]> {
    return Promise.resolve(
      requests.map((request) => {
        const targets = this.#series.get(request.id)
        const entries = request.targetsMs.flatMap((targetMs) => [
          ...(targets?.get(targetMs)?.values() ?? [])
        ])
        return { request, state: null, bars: [], entries }
      })
    )
  }

  readOpenSeries(): Promise<readonly SeriesHistory[]> {
    return Promise.resolve([])
  }

  /** Removes targets before a moment, epoch ms. */
  forget(beforeMs: number): void {
    for (const targets of this.#series.values()) {
      for (const targetMs of targets.keys()) {
        if (targetMs >= beforeMs) break
        targets.delete(targetMs)
      }
    }
  }
}

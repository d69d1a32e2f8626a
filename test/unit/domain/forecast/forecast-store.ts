import {
  contributionOf,
  isScored,
  lengthOf,
  LONG_WINDOW,
  seriesId,
  tradingDateAt,
  type FinalBar,
  type ForecastAbsence,
  type ForecastEngine,
  type LedgerEntry,
  type ModelEvent,
  type SeriesHistory,
  type SeriesRequest,
  type SeriesScores,
  type SeriesState
} from '@tapedeck/domain'

export const START_MS = Date.UTC(2024, 0, 10, 15, 0) // 10:00 New York, a Wednesday

export function finalBar(
  index: number,
  close: number | null,
  more: Partial<FinalBar> = {}
): FinalBar {
  const symbol = more.symbol ?? 'X:ONE'
  const timeframe = more.timeframe ?? '1m'
  const lengthMs = lengthOf(timeframe) ?? 0
  const startMs = more.startMs ?? START_MS + index * lengthMs
  return {
    symbol,
    timeframe,
    startMs,
    endMs: startMs + lengthMs,
    close,
    session: symbol.includes(':') ? 'continuous' : 'regular',
    tradeDate: tradingDateAt(symbol, startMs).tradeDate,
    coverage: 1,
    feed: 'test',
    revision: 0,
    ...more
  }
}

/** What the real store does, in memory; `crashAfter` can stop a flush between entries and states. */
export class ForecastStore {
  readonly entries = new Map<string, LedgerEntry>()
  readonly states = new Map<string, SeriesState>()
  readonly absences: ForecastAbsence[] = []
  readonly events: ModelEvent[] = []
  /** Every write of an entry, in order. */
  readonly writes: LedgerEntry[] = []
  readonly #areScoresToFollow: boolean

  constructor({ areScoresToFollow = false } = {}) {
    this.#areScoresToFollow = areScoresToFollow
  }

  /** The scores as they stand now, of series that wait for theirs. */
  readScores(ids: readonly string[]): SeriesScores[] {
    return ids.map((id) => {
      const scored = [...this.entries.values()].filter(
        (one) => isScored(one) && seriesId(one.symbol, one.timeframe, one.horizon) === id
      )
      const byModel = Map.groupBy(scored.filter(isScored), ({ model }) => model)
      return {
        id,
        byModel: new Map(
          [...byModel].map(([model, entries]) => [
            model,
            entries
              .toSorted((a, b) => b.targetMs - a.targetMs)
              .slice(0, LONG_WINDOW)
              .map(contributionOf)
          ])
        )
      }
    })
  }

  read(request: SeriesRequest): SeriesHistory {
    const own = [...this.entries.values()].filter(
      (one) => seriesId(one.symbol, one.timeframe, one.horizon) === request.id
    )
    if (request.beforeMs === undefined) {
      const entries = own.filter(({ targetMs }) => request.targetsMs.includes(targetMs))
      return { request, state: null, bars: [], entries }
    }
    const state = this.states.get(request.id) ?? null
    const throughMs = state?.throughMs ?? -Infinity
    const ahead = own.filter(
      (one) => one.status === 'open' || one.madeFromMs > throughMs || one.targetMs > throughMs
    )
    return { request, state, bars: [], entries: ahead }
  }

  /** One turn of the consumer: read what is missing, advance, store. */
  turn(
    engine: ForecastEngine,
    bars: readonly FinalBar[],
    {
      watermarkMs = -Infinity,
      nowMs = 0,
      stopBefore,
      coverageOf
    }: {
      watermarkMs?: number
      nowMs?: number
      stopBefore?: 'states' | 'entries'
      coverageOf?: () => number
    } = {}
  ): void {
    for (let asked = engine.missing(bars); asked.length > 0; asked = engine.missing(bars)) {
      engine.adopt(asked.map((request) => this.read(request)))
    }
    if (!this.#areScoresToFollow) engine.restoreScores(this.readScores(engine.withoutScores()))
    const result = engine.advance({
      bars,
      watermarkMs,
      nowMs,
      ...(coverageOf === undefined ? {} : { coverageOf })
    })
    if (stopBefore === 'entries') return
    for (const entry of [...result.made, ...result.changed]) {
      // As through the real store: what is not data is lost.
      this.entries.set(entry.id, structuredClone(entry))
      this.writes.push(entry)
    }
    if (stopBefore === 'states') return
    for (const series of result.series) {
      this.states.set(series.id, JSON.parse(JSON.stringify(series.state())) as SeriesState)
    }
    this.absences.push(...result.absences)
    this.events.push(...result.events)
  }

  /** The entries by id, without the time of making. */
  content(): LedgerEntry[] {
    return [...this.entries.values()]
      .map((entry) => ({ ...entry, createdAtMs: 0 }))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }
}

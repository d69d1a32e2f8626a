import {
  isActivity,
  CONDITION_POLICIES,
  CONDITION_TABLE_VERSION,
  finalAt,
  tradingDateAt,
  type ConditionPolicy,
  type KnownGap,
  type Timeframe,
  type TradingDate
} from '@tapedeck/domain'
import {
  barDocument,
  eachBars,
  loadGaps,
  logOfSymbol,
  newestStartBefore,
  type BarDocument,
  type Database
} from '@tapedeck/mongo'
import type { LogState } from './log-state.ts'
import { rebuild, type RebuiltBar } from './rebuild.ts'
import { loadSlice, type TapeSlice } from './tape-slice.ts'
import type { TradeStore } from './trade-store.ts'

export interface DayDeps {
  readonly database: Database
  readonly store: TradeStore
  readonly states: ReadonlyMap<string, LogState>
  /** How far a trade may stand behind newer ones on the tape, ms. */
  readonly reachMs: number
}

/** Later than any counted bar of a date may start: its trades may stand behind later ones. */
const COUNTED_REACH_MS = 4 * 86_400_000

/** One trading date of one symbol: its tape, its stored bars, and its bars built anew by any policy. */
export class Day {
  readonly symbol: string
  readonly date: TradingDate
  readonly timeframes: readonly Timeframe[]
  readonly slice: TapeSlice
  readonly gaps: readonly KnownGap[]
  /** The partition that the symbol's bars come from. */
  readonly state: LogState | undefined
  readonly #database: Database
  readonly #activityFromMs: ReadonlyMap<Timeframe, number>
  readonly #rebuilt = new Map<ConditionPolicy, Map<string, RebuiltBar>>()

  private constructor(
    deps: DayDeps,
    slice: TapeSlice,
    timeframes: readonly Timeframe[],
    found: Pick<Day, 'gaps' | 'state'> & { readonly activityFromMs: ReadonlyMap<Timeframe, number> }
  ) {
    this.#database = deps.database
    this.symbol = slice.symbol
    this.date = slice.date
    this.slice = slice
    this.timeframes = timeframes
    this.gaps = found.gaps
    this.state = found.state
    this.#activityFromMs = found.activityFromMs
  }

  static async load(
    deps: DayDeps,
    symbol: string,
    date: TradingDate,
    timeframes: readonly Timeframe[]
  ): Promise<Day> {
    const { database, store, states, reachMs } = deps
    const slice = await loadSlice(store, symbol, date, { timeframes, reachMs })
    const log = await logOfSymbol(database, symbol)
    const gaps = await loadGaps(database, log ?? '')
    const activityFromMs = new Map<Timeframe, number>()
    for (const timeframe of timeframes.filter(isActivity)) {
      const startMs = await newestStartBefore(database, { symbol, timeframe, toMs: date.startMs })
      if (startMs !== undefined) activityFromMs.set(timeframe, startMs)
    }
    const state = log === undefined ? undefined : states.get(log)
    return new Day(deps, slice, timeframes, { gaps, state, activityFromMs })
  }

  /** The bars by this policy, by id; folded once. */
  under(policy: ConditionPolicy): ReadonlyMap<string, RebuiltBar> {
    let rebuilt = this.#rebuilt.get(policy)
    if (rebuilt === undefined) {
      const { timeframes, gaps } = this
      const activityFromMs = this.#activityFromMs
      rebuilt = rebuild(this.slice, { timeframes, policy, gaps, activityFromMs })
      this.#rebuilt.set(policy, rebuilt)
    }
    return rebuilt
  }

  /** The bar with this id as a document; undefined when no trade is in it. */
  documentOf(id: string, policy: ConditionPolicy): BarDocument | undefined {
    const found = this.under(policy).get(id)
    return found === undefined ? undefined : this.toDocument(found, policy)
  }

  toDocument({ bar, tradeDate }: RebuiltBar, policy: ConditionPolicy): BarDocument {
    const { log = '', epoch = 0 } = this.state ?? {}
    return barDocument(bar, { log, epoch }, { policy, tradeDate, updatedAt: new Date() })
  }

  /** Hands on the stored bars of a timeframe that belong to this date, by start. */
  async eachStored(
    timeframe: Timeframe,
    visit: (batch: readonly BarDocument[]) => Promise<void> | void
  ): Promise<void> {
    const { symbol, date } = this
    const { startMs: fromMs, endMs, tradeDate } = date
    const query = isActivity(timeframe)
      ? { symbol, timeframe, fromMs, toMs: endMs + COUNTED_REACH_MS, tradeDate }
      : { symbol, timeframe, fromMs, toMs: endMs }
    await eachBars(this.#database, query, visit)
  }
}

/** The policy of a stored bar, when its rules are still known. */
export function policyOf({ policy, conditionVersion }: BarDocument): ConditionPolicy | undefined {
  if (conditionVersion !== CONDITION_TABLE_VERSION) return undefined
  return CONDITION_POLICIES.find((one) => one === policy)
}

/** When a stored bar became final, epoch ms. */
export function settledMs({ symbol, timeframe, end }: BarDocument): number {
  const endMs = end.getTime()
  return isActivity(timeframe) ? endMs : finalAt(timeframe, symbol, endMs)
}

/** Whether the trading date of a symbol is another one than the date asked for: a holiday. */
export function isDateOf(symbol: string, tradeDate: string): boolean {
  const noonMs = Date.parse(tradeDate) + 16 * 3_600_000
  return tradingDateAt(symbol, noonMs).tradeDate === tradeDate
}

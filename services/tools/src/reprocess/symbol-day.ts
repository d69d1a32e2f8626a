import { isSame, isVisible } from '@tapedeck/core'
import {
  CONDITION_POLICIES,
  CONDITION_TABLE_VERSION,
  finalAt,
  isActivity,
  type ConditionPolicy,
  type FoldState,
  type KnownGap,
  type Rules,
  type Timeframe,
  type TradingDate
} from '@tapedeck/domain'
import {
  barDocument,
  eachBars,
  loadCheckpoints,
  loadGaps,
  logOfSymbol,
  newestStartBefore,
  rulesHash,
  type BarDocument,
  type CheckpointDocument,
  type Database
} from '@tapedeck/mongo'
import { rebuild, type RebuiltBar } from './rebuild.ts'
import { loadSlice, type TapeSlice, type TapeSource } from './tape-slice.ts'

/** The state of a partition, by its last checkpoint. */
export interface LogState {
  readonly log: string
  readonly epoch: number
  readonly nextOffset: number
  /** The watermark, epoch ms; where the clock advances it, with the time since the checkpoint. */
  readonly watermarkMs: number
  /** Its owner is running, or wrote a checkpoint within the last minute. */
  readonly isRead: boolean
  /** Policy of its last checkpoint; undefined when its other rules are not those of this environment. */
  readonly policy: ConditionPolicy | undefined
}

const RECENT_MS = 60_000

/** The consumer holds a bar in memory for 30 s of event time after its end; this is twice that. */
const RELEASE_MS = 60_000

/** An activity bar of a date starts at most this much after the date: the tape is not ordered by time. */
const ACTIVITY_REACH_MS = 4 * 86_400_000

/** The state of every partition, by log. */
export async function logStates(
  database: Database,
  rules: Rules,
  nowMs: number
): Promise<Map<string, LogState>> {
  const states = new Map<string, LogState>()
  for (const checkpoint of await loadCheckpoints(database)) {
    const { _id: log, epoch, nextOffset, configHash } = checkpoint
    const policy = CONDITION_POLICIES.find(
      (one) => rulesHash({ ...rules, fold: { ...rules.fold, policy: one } }) === configHash
    )
    const watermarkMs = watermarkOf(checkpoint, rules.fold.allowedDelayMs)
    const isRead = await isReadNow(checkpoint, nowMs)
    states.set(log, { log, epoch, nextOffset, watermarkMs, isRead, policy })
  }
  return states
}

/** The stored watermark: an idle partition stores it too, whenever the clock has moved it. */
function watermarkOf({ state }: CheckpointDocument, allowedDelayMs: number): number {
  const { watermark } = state as FoldState
  if (watermark === null) return -Infinity
  return watermark.watermarkMs ?? watermark.maxEventMs - allowedDelayMs
}

async function isReadNow(
  { owner, updatedAt }: CheckpointDocument,
  nowMs: number
): Promise<boolean> {
  if (nowMs - updatedAt.getTime() < RECENT_MS) return true
  return (await isVisible(owner)) && (await isSame(owner))
}

/**
 * Whether no consumer holds a bar in memory that becomes final at this watermark: it will read the stored one
 * again before it changes it. True for a log without a checkpoint or without a reader.
 */
export function isReleased(state: LogState | undefined, finalMs: number): boolean {
  return state === undefined || !state.isRead || finalMs <= state.watermarkMs - RELEASE_MS
}

/** Whether trades of a bar would be too late by now, so that its content is complete. */
export function isBeyondLateness(
  state: LogState | undefined,
  finalMs: number,
  latenessLimitMs: number
): boolean {
  return state === undefined || finalMs <= state.watermarkMs - latenessLimitMs
}

export interface SymbolDayDeps extends TapeSource {
  readonly states: ReadonlyMap<string, LogState>
  /** How far a trade may stand behind newer ones on the tape, ms. */
  readonly reachMs: number
}

/** One trading date of one symbol: its tape, its stored bars, and its bars rebuilt under any policy. */
export class SymbolDay {
  readonly symbol: string
  readonly date: TradingDate
  readonly timeframes: readonly Timeframe[]
  readonly slice: TapeSlice
  readonly gaps: readonly KnownGap[]
  /** State of the partition that the symbol's bars come from. */
  readonly state: LogState | undefined
  readonly #database: Database
  readonly #activityFromMs: ReadonlyMap<Timeframe, number>
  readonly #rebuilt = new Map<ConditionPolicy, Promise<Map<string, RebuiltBar>>>()

  private constructor(
    database: Database,
    slice: TapeSlice,
    timeframes: readonly Timeframe[],
    found: Pick<SymbolDay, 'gaps' | 'state'> & {
      readonly activityFromMs: ReadonlyMap<Timeframe, number>
    }
  ) {
    this.#database = database
    this.symbol = slice.symbol
    this.date = slice.date
    this.slice = slice
    this.timeframes = timeframes
    this.gaps = found.gaps
    this.state = found.state
    this.#activityFromMs = found.activityFromMs
  }

  /** @throws DATABASE_UNREACHABLE */
  static async load(
    deps: SymbolDayDeps,
    symbol: string,
    date: TradingDate,
    timeframes: readonly Timeframe[]
  ): Promise<SymbolDay> {
    const { database, states, reachMs } = deps
    const slice = await loadSlice(deps, symbol, date, { timeframes, reachMs })
    const log = await logOfSymbol(database, symbol)
    const reach = { fromMs: date.startMs - ACTIVITY_REACH_MS, toMs: date.endMs + ACTIVITY_REACH_MS }
    const gaps = await loadGaps(database, log ?? '', reach)
    const activityFromMs = new Map<Timeframe, number>()
    for (const timeframe of timeframes.filter(isActivity)) {
      const startMs = await newestStartBefore(database, { symbol, timeframe, toMs: date.startMs })
      if (startMs !== undefined) activityFromMs.set(timeframe, startMs)
    }
    const state = log === undefined ? undefined : states.get(log)
    return new SymbolDay(database, slice, timeframes, { gaps, state, activityFromMs })
  }

  /** The rebuilt bars under a policy, by id; computed once. */
  under(policy: ConditionPolicy): Promise<ReadonlyMap<string, RebuiltBar>> {
    let rebuilt = this.#rebuilt.get(policy)
    if (rebuilt === undefined) {
      const { timeframes, gaps } = this
      const activityFromMs = this.#activityFromMs
      rebuilt = rebuild(this.slice, { timeframes, policy, gaps, activityFromMs })
      this.#rebuilt.set(policy, rebuilt)
    }
    return rebuilt
  }

  /** The rebuilt bar with this id as a document; undefined when no trade counts for it. */
  async documentOf(id: string, policy: ConditionPolicy): Promise<BarDocument | undefined> {
    const found = (await this.under(policy)).get(id)
    return found === undefined ? undefined : this.toDocument(found, policy)
  }

  toDocument({ bar, tradeDate }: RebuiltBar, policy: ConditionPolicy): BarDocument {
    const { log = '', epoch = 0 } = this.state ?? {}
    return barDocument(bar, { log, epoch }, { policy, tradeDate, updatedAt: new Date() })
  }

  /**
   * Shows the stored bars of a timeframe that belong to this date to `visit`, in batches by start.
   * @throws DATABASE_UNREACHABLE
   */
  async eachStored(
    timeframe: Timeframe,
    visit: (batch: readonly BarDocument[]) => Promise<void> | void
  ): Promise<void> {
    const { symbol, date } = this
    const { startMs: fromMs, endMs, tradeDate } = date
    const query = isActivity(timeframe)
      ? { symbol, timeframe, fromMs, toMs: endMs + ACTIVITY_REACH_MS, tradeDate }
      : { symbol, timeframe, fromMs, toMs: endMs }
    await eachBars(this.#database, query, visit)
  }
}

/** The policy of a stored bar; undefined when its condition table is no longer known. */
export function policyOf({ policy, conditionVersion }: BarDocument): ConditionPolicy | undefined {
  if (conditionVersion !== CONDITION_TABLE_VERSION) return undefined
  return CONDITION_POLICIES.find((one) => one === policy)
}

/** The watermark at which a stored bar becomes final, epoch ms. */
export function finalMsOf({ symbol, timeframe, end }: BarDocument): number {
  const endMs = end.getTime()
  return isActivity(timeframe) ? endMs : finalAt(timeframe, symbol, endMs)
}

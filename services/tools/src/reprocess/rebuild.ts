import {
  BarAccumulator,
  closeBatch,
  PartitionFold,
  TickRule,
  eligibilityOf,
  MAY,
  sessionOfTrade,
  tradingDateAt,
  type Bar,
  type BarStore,
  type ConditionPolicy,
  type HeadRequest,
  type KnownGap,
  type StoredActivityBar,
  type TickState,
  type Timeframe
} from '@tapedeck/domain'
import { recordsOfTrades, type TapeSlice } from './tape-slice.ts'

export interface RebuildOptions {
  readonly timeframes: readonly Timeframe[]
  readonly policy: ConditionPolicy
  readonly gaps: readonly KnownGap[]
  /** Start of the last activity bar before the date, by timeframe: the next does not start before it. */
  readonly activityFromMs: ReadonlyMap<Timeframe, number>
}

export interface RebuiltBar {
  readonly bar: Bar
  readonly tradeDate: string
}

/** Trades in one batch, which bounds the panes in memory. */
const BATCH_TRADES = 50_000
/** Nothing is late here: late trades were excluded when they were stored. */
const NEVER_LATE_MS = 1e15
const NOWHERE = [-1, -1] as const

/**
 * The bars of a trading date, by id, folded from its tape by the consumer's own code. Pure.
 *
 * A bar in time belongs to the date in which it starts, an activity bar to that of its first trade.
 */
export async function rebuild(
  slice: TapeSlice,
  { timeframes, policy, gaps, activityFromMs }: RebuildOptions
): Promise<Map<string, RebuiltBar>> {
  const { date, trades } = slice
  const fold = new PartitionFold(
    {
      timeframes,
      policy,
      allowedDelayMs: NEVER_LATE_MS,
      latenessLimitMs: NEVER_LATE_MS,
      futureLimitMs: NEVER_LATE_MS,
      redelivered: 'keep'
    },
    { watermark: null, connections: [], ticks: ticksBefore(slice, policy) },
    -Infinity
  )
  for (const gap of gaps) fold.gaps.add(gap)
  const store = activityHeads(activityFromMs)
  const rebuilt = new Map<string, RebuiltBar>()
  const close = async (nextOffset: number): Promise<void> => {
    const options = { nextOffset, now: () => 0 }
    const { bars, activity } = await closeBatch(fold, store, [], options)
    for (const bar of [...bars.fresh, ...bars.changed]) {
      if (bar.startMs < date.startMs || bar.startMs >= date.endMs) continue
      rebuilt.set(bar.id, { bar, tradeDate: date.tradeDate })
    }
    for (const { bar, tradeDate } of [...activity.fresh, ...activity.changed]) {
      if (tradeDate === date.tradeDate) rebuilt.set(bar.id, { bar, tradeDate })
    }
  }
  let waiting = 0
  let offset = 0
  for (const record of recordsOfTrades(trades)) {
    fold.take(record, offset++)
    waiting += record.trades.length
    if (waiting < BATCH_TRADES) continue
    await close(offset)
    waiting = 0
  }
  await close(offset)
  return rebuilt
}

/** A store that knows nothing but where the last activity bars before the date start. */
function activityHeads(startMs: ReadonlyMap<Timeframe, number>): BarStore {
  return {
    readBars: () => Promise.resolve([]),
    eachBarOfGap: () => Promise.resolve(),
    readHeads: (requests) =>
      Promise.resolve(
        requests.map((head) => {
          const atMs = startMs.get(head.timeframe)
          return atMs === undefined ? undefined : closedBar(head, atMs)
        })
      )
  }
}

/** What the tick rule knows before the first trade of the slice. */
function ticksBefore({ symbol, before }: TapeSlice, policy: ConditionPolicy): TickState {
  const ticks = new TickRule()
  for (const { tMs, conditions, price } of before) {
    const date = tradingDateAt(symbol, tMs)
    const session = sessionOfTrade(symbol, date, tMs, conditions)
    const eligibility = eligibilityOf(conditions, policy, session)
    if ((eligibility & MAY.setLast) !== 0) ticks.next(symbol, price, date.tradeDate)
  }
  return ticks.toState()
}

/** Stands for the bar before the date, of which only the start matters. */
function closedBar({ symbol, timeframe }: HeadRequest, startMs: number): StoredActivityBar {
  return {
    id: '',
    symbol,
    timeframe,
    startMs,
    endMs: startMs,
    status: 'final',
    revision: 0,
    lateCount: 0,
    offset: 0,
    accumulator: {
      ...new BarAccumulator().toStored(),
      firstTradeMs: startMs,
      lastTradeMs: startMs
    },
    tradeDate: '',
    from: NOWHERE,
    through: NOWHERE
  }
}

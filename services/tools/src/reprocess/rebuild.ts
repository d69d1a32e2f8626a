import {
  PartitionFold,
  BarAccumulator,
  TickRule,
  eligibilityOf,
  MAY,
  sessionOfTrade,
  tradingDateAt,
  type Bar,
  type ConditionPolicy,
  type ActivitySpan,
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
  /** Start of the counted bar before the date, by timeframe: the next does not start before it. */
  readonly activityFromMs: ReadonlyMap<Timeframe, number>
}

export interface RebuiltBar {
  readonly bar: Bar
  readonly tradeDate: string
}

/** Trades folded between two settlements: bounds the panes in memory. */
const SETTLE_TRADES = 50_000
/** Nothing is late here: what was, stands aside by its own document. */
const NEVER_LATE_MS = 1e15
const NOWHERE = [-1, -1] as const

/**
 * The bars of a trading date, by id, folded from its tape by the consumer's own code; pure.
 *
 * A bar in time belongs to the date in which it starts, a counted one to that of its first trade.
 */
export function rebuild(slice: TapeSlice, options: RebuildOptions): Map<string, RebuiltBar> {
  const { date, trades } = slice
  const fold = new PartitionFold(
    {
      timeframes: options.timeframes,
      policy: options.policy,
      allowedDelayMs: NEVER_LATE_MS,
      latenessLimitMs: NEVER_LATE_MS,
      futureLimitMs: NEVER_LATE_MS,
      redelivered: 'keep'
    },
    { watermark: null, connections: [], ticks: ticksBefore(slice, options.policy) },
    -Infinity
  )
  for (const gap of options.gaps) fold.gaps.add(gap)
  let unsettled = 0
  let offset = 0
  for (const record of recordsOfTrades(trades)) {
    fold.take(record, offset++, 0)
    unsettled += record.trades.length
    if (unsettled < SETTLE_TRADES) continue
    settle(fold, options)
    unsettled = 0
  }
  settle(fold, options)
  const rebuilt = new Map<string, RebuiltBar>()
  const bars = fold.bars.drainChanged(-Infinity)
  for (const bar of [...bars.fresh, ...bars.changed]) {
    if (bar.startMs < date.startMs || bar.startMs >= date.endMs) continue
    rebuilt.set(bar.id, { bar, tradeDate: date.tradeDate })
  }
  const activity = fold.activity.drainChanged()
  for (const { bar, tradeDate } of [...activity.fresh, ...activity.changed]) {
    if (tradeDate === date.tradeDate) rebuilt.set(bar.id, { bar, tradeDate })
  }
  return rebuilt
}

function settle(fold: PartitionFold, { activityFromMs }: RebuildOptions): void {
  fold.bars.closeBatch()
  fold.bars.mergeBatch()
  fold.activity.closeBatch()
  for (const head of fold.activity.missing()) {
    const startMs = activityFromMs.get(head.timeframe)
    fold.activity.adopt(head, startMs === undefined ? undefined : closedBar(head, startMs))
  }
  fold.activity.mergeBatch()
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

/** Stands for the bar before: all that counts of it is where it starts. */
function closedBar({ symbol, timeframe }: HeadRequest, startMs: number): StoredActivityBar {
  const span: ActivitySpan = { tradeDate: '', from: NOWHERE, through: NOWHERE }
  return {
    ...span,
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
      ...new BarAccumulator().exactParts(),
      high: null,
      low: null,
      tradeCount: 0,
      firstTradeMs: startMs,
      lastTradeMs: startMs,
      session: 'mixed',
      feed: 'mixed'
    }
  }
}

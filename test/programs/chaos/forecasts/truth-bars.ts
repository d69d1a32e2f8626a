import { sessionOfTrade, tradingDateAt } from '@tapedeck/domain'
import type { TopicTrade } from '../topic-truth.ts'
import { windowOf } from '../../bars/expected-bars.ts'

/** A bar as the topic gives it, at each offset. */
export interface TruthBar {
  /** Epoch ms. */
  readonly startMs: number
  /** By time, equal times in the order of the feed. */
  readonly trades: readonly TopicTrade[]
  /** Offsets of the first and the last record with a trade of it. */
  readonly firstOffset: number
  readonly lastOffset: number
  /** Of its trades; `mixed` when they differ, as they do for minutes after the closing bell. */
  readonly session: string
  readonly tradeDate: string
}

/** The bars of one symbol, ascending. @param trades of that symbol, in the order of the feed */
export function truthBars(trades: readonly TopicTrade[], timeframe: string): TruthBar[] {
  const bars: TruthBar[] = []
  for (const [startMs, group] of Map.groupBy(
    trades,
    (trade) => windowOf(timeframe, trade)?.startMs
  )) {
    if (startMs !== undefined) bars.push(truthBar(startMs, group))
  }
  return bars.sort((a, b) => a.startMs - b.startMs)
}

/** The close of the trades below an offset; undefined when there is none. */
export function closeAt({ trades, lastOffset }: TruthBar, offset: number): number | undefined {
  if (lastOffset < offset) return trades.at(-1)?.p
  return trades.findLast((trade) => trade.offset < offset)?.p
}

function truthBar(startMs: number, group: readonly TopicTrade[]): TruthBar {
  // Sorting is stable: trades of one time keep the order in which the feed sent them.
  const trades = group.toSorted((a, b) => a.t - b.t)
  const sessions = new Set(trades.map(sessionOf))
  const [session = ''] = sessions
  const offsets = trades.map(({ offset }) => offset)
  return {
    startMs,
    trades,
    firstOffset: offsets.reduce((least, offset) => Math.min(least, offset), Infinity),
    lastOffset: offsets.reduce((most, offset) => Math.max(most, offset), -Infinity),
    session: sessions.size > 1 ? 'mixed' : session,
    tradeDate: tradingDateAt(trades[0]?.symbol ?? '', startMs).tradeDate
  }
}

function sessionOf({ symbol, t, c }: TopicTrade): string {
  return sessionOfTrade(symbol, tradingDateAt(symbol, t), t, c)
}

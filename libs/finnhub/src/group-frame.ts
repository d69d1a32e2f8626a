import { RECORD_VERSION, type FeedTrade, type FrameTrade, type TradeRecord } from '@tapedeck/domain'

/** Where and when a frame came in. */
export interface FrameOrigin {
  readonly feed: string
  readonly connection: string
  readonly frame: number
  readonly receivedAt: number
}

/** One record a symbol, in the order in which the symbols first stand in the frame. */
export function recordsOf(trades: readonly FrameTrade[], origin: FrameOrigin): TradeRecord[] {
  const bySymbol = new Map<string, { indexes: number[]; trades: FeedTrade[] }>()
  for (const { s, index, ...trade } of trades) {
    let group = bySymbol.get(s)
    if (group === undefined) {
      group = { indexes: [], trades: [] }
      bySymbol.set(s, group)
    }
    group.indexes.push(index)
    group.trades.push(trade)
  }
  return [...bySymbol].map(([symbol, group]) => ({
    version: RECORD_VERSION,
    feed: origin.feed,
    symbol,
    connection: origin.connection,
    frame: origin.frame,
    receivedAt: origin.receivedAt,
    ...group
  }))
}

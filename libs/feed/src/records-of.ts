import {
  RECORD_VERSION,
  type FeedTrade,
  type FrameAmendment,
  type FrameTrade,
  type RecordAmendment,
  type TradeRecord
} from '@tapedeck/domain'

/** Where and when a frame came in. */
export interface FrameOrigin {
  readonly feed: string
  readonly connection: string
  readonly frame: number
  readonly receivedAt: number
}

interface Group {
  readonly indexes: number[]
  readonly trades: FeedTrade[]
  amendments?: RecordAmendment[]
}

/** One record a symbol, in the order in which the symbols first stand in the frame. */
export function recordsOf(
  trades: readonly FrameTrade[],
  origin: FrameOrigin,
  amendments: readonly FrameAmendment[] = []
): TradeRecord[] {
  const bySymbol = new Map<string, Group>()
  const groupOf = (symbol: string): Group => {
    const found = bySymbol.get(symbol)
    if (found !== undefined) return found
    const group: Group = { indexes: [], trades: [] }
    bySymbol.set(symbol, group)
    return group
  }
  for (const { s, index, ...trade } of trades) {
    const group = groupOf(s)
    group.indexes.push(index)
    group.trades.push(trade)
  }
  for (const { s, ...amendment } of amendments) {
    const group = groupOf(s)
    group.amendments ??= []
    group.amendments.push(amendment)
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

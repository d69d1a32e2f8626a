import fc from 'fast-check'
import type { FeedTrade, GapRecord, TradeRecord } from '@tapedeck/domain'

/** Records of a few symbols over some minutes, disordered in event time, in frame order. */
export function records(maxRecords = 40): fc.Arbitrary<TradeRecord[]> {
  const trade: fc.Arbitrary<FeedTrade> = fc.record({
    p: fc.oneof(
      fc.integer({ min: 1, max: 50_000 }).map((cents) => cents / 100),
      fc.integer({ min: 1, max: 9_000_000_000 }).map((units) => units / 1e8)
    ),
    t: fc.integer({ min: START_MS, max: START_MS + 150_000 }),
    v: fc.oneof(
      fc.nat(500),
      fc.nat(50_000).map((units) => units / 1e5),
      fc.nat(500).map((units) => units / 1e8)
    ),
    c: fc.constantFrom(null, [], ['1'], ['1', '12'], ['1', '8'], ['3'], ['16'], ['32'], ['77'])
  })
  const record = fc.record({
    symbol: fc.constantFrom('AAPL', 'MSFT', 'BINANCE:BTCUSDT'),
    trades: fc.array(trade, { minLength: 1, maxLength: 6 })
  })
  return fc
    .array(record, { minLength: 1, maxLength: maxRecords })
    .map((list) =>
      list.map(({ symbol, trades }, index) => aRecord({ symbol, trades, frame: index + 1 }))
    )
}

/** 2026-03-10 14:00 UTC, a Tuesday in regular hours. */
export const START_MS = Date.UTC(2026, 2, 10, 14, 0, 0)

export function aRecord(given: Partial<TradeRecord> = {}): TradeRecord {
  const trades = given.trades ?? [aTrade()]
  return {
    version: 1,
    feed: 'simulated',
    symbol: 'AAPL',
    connection: '0mwv6bn8sff46',
    frame: 1,
    receivedAt: START_MS + 3_600_000,
    indexes: trades.map((_, index) => index),
    trades,
    ...given
  }
}

export function aTrade(given: Partial<FeedTrade> = {}): FeedTrade {
  return { p: 100, t: START_MS, v: 10, c: ['1'], ...given }
}

export function aGap(
  fromMs: number | null,
  toMs: number | null,
  given: Partial<GapRecord> = {}
): GapRecord {
  return {
    version: 1,
    kind: 'gap',
    id: 'g',
    feed: 'simulated',
    fromMs,
    toMs,
    cause: 'closed',
    symbols: [],
    at: 0,
    ...given
  }
}

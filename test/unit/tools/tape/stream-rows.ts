import type { BarRow, TradeRow } from '@tapedeck/client'

const AT_MS = Date.UTC(2026, 2, 10, 14)

export function aTradeRow(given: Partial<TradeRow> = {}): TradeRow {
  return {
    id: 'c-1-0',
    symbol: 'AAPL',
    time: AT_MS,
    tradedAt: new Date(AT_MS).toISOString(),
    price: 100,
    size: 100,
    conditions: ['1'],
    session: 'regular',
    tradeDate: '2026-03-10',
    eligible: 'price and volume',
    receivedAt: AT_MS,
    feed: 'simulated',
    ...given
  }
}

export function aBarRow(given: Partial<BarRow> = {}): BarRow {
  return {
    id: 'AAPL|1m|0',
    symbol: 'AAPL',
    timeframe: '1m',
    time: 0,
    end: 60_000,
    status: 'provisional',
    revision: 0,
    revisionCause: null,
    open: 100,
    high: 100,
    low: 100,
    close: 100,
    volume: 100,
    notional: 10_000,
    vwap: 100,
    tradeCount: 1,
    lastTradeAt: 0,
    lateCount: 0,
    coverage: 1,
    gapIds: [],
    session: 'regular',
    tradeDate: '2026-03-10',
    policy: 'feed',
    feed: 'simulated',
    ...given
  }
}

import type { BarRow } from '@tapedeck/client'

/** The final bar of five seconds number `index`. */
export function aChartBar(index: number, parts: Partial<BarRow> = {}): BarRow {
  const time = index * 5000
  return {
    id: `AAPL|5s|${time}`,
    symbol: 'AAPL',
    timeframe: '5s',
    time,
    end: time + 5000,
    status: 'final',
    revision: 0,
    revisionCause: null,
    open: 100,
    high: 101,
    low: 99,
    close: 100,
    volume: 20,
    notional: 2000,
    vwap: 100,
    lastTradeAt: time,
    tradeCount: 2,
    lateCount: 0,
    coverage: 1,
    gapIds: [],
    session: 'regular',
    tradeDate: '2026-03-10',
    policy: 'feed',
    feed: 'simulated',
    ...parts
  }
}

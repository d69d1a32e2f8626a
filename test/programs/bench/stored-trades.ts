import { seededRandom, type Terminal } from '@tapedeck/core'
import { insertTrades, type Database, type TradeDocument } from '@tapedeck/mongo'

export const STORED_SYMBOLS = ['AAPL', 'MSFT', 'TSLA', 'NVDA'] as const
export const STORED_FROM_MS = Date.UTC(2026, 2, 10, 14)
/** A trade of one of the symbols every so often. */
export const STORED_EVERY_MS = 2
const BATCH = 20_000

/** Stores so many synthetic trades, one every 2 ms from 10 March 2026, 14:00 UTC on. */
export async function storeTrades(
  database: Database,
  trades: number,
  terminal: Pick<Terminal, 'progress'>,
  signal: AbortSignal
): Promise<void> {
  const random = seededRandom(1)
  for (let at = 0; at < trades; at += BATCH) {
    signal.throwIfAborted()
    const count = Math.min(BATCH, trades - at)
    await insertTrades(
      database,
      Array.from({ length: count }, (_, index) => aTrade(at + index, random))
    )
    terminal.progress(`${at + count} of ${trades} trades stored`)
  }
}

function aTrade(at: number, random: () => number): TradeDocument {
  const tradedAt = new Date(STORED_FROM_MS + at * STORED_EVERY_MS)
  return {
    _id: `0mwv6bn8sff46-${Math.floor(at / 10) + 1}-${at % 10}`,
    symbol: STORED_SYMBOLS[Math.floor(random() * STORED_SYMBOLS.length)] ?? 'AAPL',
    price: Math.round((200 + random() * 5) * 100) / 100,
    size: Math.ceil(random() * 500),
    tradedAt,
    receivedAt: new Date(tradedAt.getTime() + 40 + Math.floor(random() * 20)),
    conditions: random() < 0.3 ? ['1', '12'] : ['1'],
    session: 'regular',
    tradeDate: '2026-03-10',
    eligible: 'price and volume',
    feed: 'simulated'
  }
}

import { sessionOfTrade, tradingDateAt } from '@tapedeck/domain'
import type { TopicTrade } from './topic-truth.ts'

const LENGTHS_MS: Readonly<Record<string, number>> = {
  '1s': 1000,
  '5s': 5000,
  '15s': 15_000,
  '1m': 60_000,
  '5m': 300_000,
  '15m': 900_000,
  '1h': 3_600_000
}

/** The timeframes that are kept and compared. */
export const TIMEFRAMES: readonly string[] = [...Object.keys(LENGTHS_MS), '1d', 'regular']

/**
 * Start of the window that a trade falls into, epoch ms; undefined where `regular` does not take it.
 * The market's calendar is the project's own: it is not what a crash can break.
 */
export function windowStart(timeframe: string, { symbol, t, c }: TopicTrade): number | undefined {
  const lengthMs = LENGTHS_MS[timeframe]
  if (lengthMs !== undefined) return Math.floor(t / lengthMs) * lengthMs
  const date = tradingDateAt(symbol, t)
  if (timeframe === '1d') return date.startMs
  const session = sessionOfTrade(symbol, date, t, c)
  return session === 'regular' || session === 'continuous' ? date.openMs : undefined
}

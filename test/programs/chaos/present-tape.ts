import type { TapeTrade } from '../../support/tape.ts'
import { sentMs, TRADES_PER_FRAME } from './feed-file.ts'

/** A trade that stood further behind the newest one of its tape stands this far behind it; ms. */
const MOST_BEHIND_MS = 30_000
const ROUND_THE_CLOCK = 'BINANCE:'

/**
 * A tape whose trades happen while it is played: each just before its frame is sent, or as far behind that as it stood
 * behind the newest trade of the tape, up to 30 s. Every second symbol becomes one that trades round the clock: at night
 * and at weekends stocks have no session.
 *
 * @param beginMs when the first frame is sent, epoch ms
 */
export function presentTape(
  tape: readonly TapeTrade[],
  tradesPerSecond: number,
  beginMs: number
): TapeTrade[] {
  const names = new Map<string, string>()
  let newestMs = -Infinity
  return tape.map((trade, i) => {
    const name = names.get(trade.s) ?? (names.size % 2 === 0 ? trade.s : ROUND_THE_CLOCK + trade.s)
    names.set(trade.s, name)
    newestMs = Math.max(newestMs, trade.t)
    const behindMs = Math.min(newestMs - trade.t, MOST_BEHIND_MS)
    const beforeFrameMs = ((TRADES_PER_FRAME - 1 - (i % TRADES_PER_FRAME)) / tradesPerSecond) * 1000
    const t = Math.floor(beginMs + sentMs(i, tradesPerSecond) - beforeFrameMs) - behindMs
    return { ...trade, s: name, t }
  })
}

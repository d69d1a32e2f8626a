import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { TapedeckError } from '@tapedeck/core'
import { tradesOf, type TapeTrade } from '../../support/tape.ts'

/** As Finnhub sends them. */
export const TRADES_PER_FRAME = 10
const START_MS = 1_700_000_000_000

/** The trades of a tape in recorded order, of some symbols or all. @throws TAPE_INVALID */
export async function loadTape(file: string, symbols?: readonly string[]): Promise<TapeTrade[]> {
  const trades: FullTrade[] = []
  for await (const { s, p, t, v, c } of tradesOf(file) as AsyncGenerator<FullTrade>) {
    if (symbols?.includes(s) ?? true) trades.push({ c: c ?? null, p, s, t, v })
  }
  if (trades.length === 0) {
    const of = symbols === undefined ? '' : ` of ${symbols.join(', ')}`
    throw new TapedeckError('TAPE_INVALID', `Cannot use ${file}: no trade${of}, expected some`)
  }
  return trades
}

interface FullTrade extends TapeTrade {
  readonly c: readonly string[] | null
}

/**
 * Writes trades as a capture whose frames were received at an even pace, so that a kill hits a
 * working pipeline wherever it falls. A recorded day has hours in which next to nothing trades.
 */
export async function writeFeedFile(
  file: string,
  trades: readonly TapeTrade[],
  tradesPerSecond: number
): Promise<void> {
  await pipeline(Readable.from(linesOf(trades, tradesPerSecond)), createWriteStream(file))
}

/** When the frame of the trade at this position is sent, ms from the first frame. */
export function sentMs(position: number, tradesPerSecond: number): number {
  const first = position - (position % TRADES_PER_FRAME)
  return Math.round((first / tradesPerSecond) * 1000)
}

function* linesOf(trades: readonly TapeTrade[], tradesPerSecond: number): Generator<string> {
  for (let i = 0; i < trades.length; i += TRADES_PER_FRAME) {
    const data = trades.slice(i, i + TRADES_PER_FRAME)
    const f = JSON.stringify({ data, type: 'trade' })
    const t = START_MS + sentMs(i, tradesPerSecond)
    yield `${JSON.stringify({ t, c: 'tape', n: i / TRADES_PER_FRAME + 1, f })}\n`
  }
}

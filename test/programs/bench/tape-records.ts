import { recordsOf, type FrameTrade, type TradeRecord } from '@tapedeck/domain'
import { tradesOf } from '../../support/tape.ts'

const FRAME_TRADES = 10
const RECEIVED_LATER_MS = 40

/** A recorded tape as the producer would publish it: frames of ten, one record a symbol and frame. */
export async function tapeRecords(tape: string, most: number): Promise<TradeRecord[]> {
  const records: TradeRecord[] = []
  let trades: FrameTrade[] = []
  let frame = 0
  let count = 0
  let newestMs = 0
  const flush = (): void => {
    const receivedAt = newestMs + RECEIVED_LATER_MS
    const origin = { feed: 'recorded', connection: 'tape', frame: ++frame, receivedAt }
    records.push(...recordsOf(trades, origin))
    trades = []
  }
  for await (const { s, p, t, v, c, id } of tradesOf(tape)) {
    newestMs = Math.max(newestMs, t)
    trades.push({
      s,
      p,
      t,
      v,
      ...(c !== undefined && { c }),
      ...(id !== undefined && { i: String(id) }),
      index: trades.length
    })
    if (trades.length === FRAME_TRADES) flush()
    if (++count === most) break
  }
  if (trades.length > 0) flush()
  return records
}

import type { RangeQuery, TradeDocument } from '@tapedeck/mongo'
import type { Reader } from './database-reader.ts'
import type { LoadCache } from './load-cache.ts'
import { addReadNotes, withReadNotes, type ReadNotes } from './read-notes.ts'

/** Trades that several requests share, and what the read left out. */
export interface SharedTrades {
  readonly value: readonly TradeDocument[]
  readonly notes: ReadNotes
}

const SECOND_MS = 1000
/** Trades read beyond the limit, for those of the last second outside a viewer's range. */
const SPARE_ROWS = 200

/**
 * The newest `limit` trades of an exact range, from a read that many viewers share.
 *
 * Trades have no grid, so viewers whose clocks differ by milliseconds request different ranges. The range is
 * widened to full seconds, read once, and cut to each request. When the spare rows are too few for that
 * (more than 200 trades in the cut-off part of a second), the exact range is read.
 */
export async function recentTrades(
  reader: Pick<Reader, 'trades'>,
  shared: LoadCache<SharedTrades>,
  query: RangeQuery
): Promise<readonly TradeDocument[]> {
  const { symbols, fromMs, toMs, limit } = query
  const wide: RangeQuery = {
    symbols,
    fromMs: Math.floor(fromMs / SECOND_MS) * SECOND_MS,
    toMs: Math.ceil(toMs / SECOND_MS) * SECOND_MS,
    limit: limit + SPARE_ROWS
  }
  const load = (): Promise<SharedTrades> => withReadNotes(() => reader.trades(wide))
  const { value: rows, notes } = await shared.get(JSON.stringify(wide), load).value
  addReadNotes(notes)
  const inRange = rows.filter(({ tradedAt }) => {
    const ms = tradedAt.getTime()
    return ms >= fromMs && ms < toMs
  })
  const complete = rows.length < wide.limit || inRange.length >= limit
  return complete ? inRange.slice(-limit) : reader.trades(query)
}

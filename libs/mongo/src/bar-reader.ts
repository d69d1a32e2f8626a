import { precedes, parseTradeId, type Print } from '@tapedeck/domain'
import type { Database } from './database.ts'
import { BAR_BOOKKEEPING, type BarRow } from './market-reader.ts'
import { reading } from './reading.ts'
import { readTape, type TapeQuery, type TapeTrade } from './tape-reader.ts'

/**
 * One bar and the tape below it. Each call rejects with DATABASE_UNREACHABLE when the server is away
 * or has not answered within its time limit.
 */
export interface BarReader {
  /** By its `_id`; undefined when there is none. */
  bar(id: string): Promise<BarRow | undefined>
  /** The id of the trade that begins the next counted bar; undefined when there is no further bar. */
  nextFirstTrade(bar: BarRow): Promise<string | undefined>
  /** See readTape. A range may hold a day's trades: the limit is `scanTimeoutMs`. */
  tape(query: TapeQuery, visit: (trade: TapeTrade) => boolean): Promise<void>
}

/** Counted bars that may begin in the same millisecond. */
const SAME_START = 500

export function barReader(
  database: Database,
  { timeoutMs = 2500, scanTimeoutMs = 15_000 } = {}
): BarReader {
  const { bars } = database
  return {
    bar: (id) =>
      reading('a bar', timeoutMs, async () => {
        const options = { projection: BAR_BOOKKEEPING, timeoutMS: timeoutMs }
        const found = await bars.findOne<BarRow>({ _id: id }, options)
        return found ?? undefined
      }),
    nextFirstTrade: ({ _id, symbol, timeframe, start }) =>
      reading('the next bar', timeoutMs, async () => {
        // Starts of counted bars never fall, but several may be the same.
        const found = await bars
          .find(
            { symbol, timeframe, start: { $gte: start } },
            { projection: { _id: 1 }, sort: { start: 1 }, timeoutMS: timeoutMs }
          )
          .limit(SAME_START)
          .toArray()
        const own = placeOf(firstTradeOf(_id))
        const later = found
          .map((bar) => firstTradeOf(bar._id))
          .filter((id) => precedes(own, placeOf(id)))
        return later.toSorted((a, b) => (precedes(placeOf(a), placeOf(b)) ? -1 : 1))[0]
      }),
    tape: (query, visit) =>
      reading('trades', scanTimeoutMs, () => readTape(database, query, scanTimeoutMs, visit))
  }
}

/** Counted bars are named by their first trade: `<symbol>|<timeframe>|<trade>`. */
function firstTradeOf(barId: string): string {
  return barId.slice(barId.lastIndexOf('|') + 1)
}

function placeOf(tradeId: string): Print {
  return { tMs: 0, price: 0, ...parseTradeId(tradeId) }
}

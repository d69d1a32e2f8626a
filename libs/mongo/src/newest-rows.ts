import { parseTradeId } from '@tapedeck/domain'
import type { Collection, DistinctOptions, Filter, FindOptions } from 'mongodb'
import { limits } from './failure.ts'

/** A half-open range of time, [fromMs, toMs), and the most rows to return: the newest ones. */
export interface RangeQuery {
  /** Undefined: every symbol that is stored. */
  readonly symbols: readonly string[] | undefined
  /** Epoch milliseconds, inclusive. */
  readonly fromMs: number
  /** Epoch milliseconds, exclusive. */
  readonly toMs: number
  readonly limit: number
}

export interface WindowQuery extends RangeQuery {
  readonly timeframe: string
}

/** Documents decoded at once: a batch of all rows would keep the thread from other work for too long. */
const BATCH = 500
/** MongoDB merges at most 200 index scans in sorted order; each symbol of a query is one. */
export const SYMBOLS_PER_QUERY = 200

interface RowsQuery<D> extends Pick<RangeQuery, 'symbols' | 'limit'> {
  /** The time that rows are ordered by; an index has it right after the symbol. */
  readonly timeField: keyof D & string
  /** Conditions other than the symbol, the one on the time included. */
  readonly filter: object
  readonly projection?: object
  /** Leaves out rows that cannot be read. */
  readonly readable: (rows: D[]) => D[]
  readonly timeoutMs: number
}

/**
 * The newest `limit` rows, ascending in time; ties by symbol, then in the order of the feed. Without
 * `symbols` it asks for every stored symbol by name, so that an index that begins with the symbol serves
 * the query and `limit` bounds its work.
 */
export async function newestRows<D extends { readonly _id: string; readonly symbol: string }>(
  collection: Collection<D>,
  query: RowsQuery<D>
): Promise<D[]> {
  const { symbols, limit, timeField, timeoutMs } = query
  const known = await symbolsOf(collection, symbols, { timeoutMS: timeoutMs })
  const rows: D[] = []
  for (let at = 0; at < known.length; at += SYMBOLS_PER_QUERY) {
    rows.push(...(await newestOf(collection, known.slice(at, at + SYMBOLS_PER_QUERY), query)))
  }
  const timeOf = (row: D): number => (row[timeField] as Date).getTime()
  return rows.sort((a, b) => compareRows(a, b, timeOf)).slice(-limit)
}

/** The order of rows: by time, then by symbol, then in the order of the feed. */
export function compareRows<R extends { readonly _id: string; readonly symbol: string }>(
  a: R,
  b: R,
  timeOf: (row: R) => number
): number {
  return timeOf(a) - timeOf(b) || compareTexts(a.symbol, b.symbol) || compareIds(a._id, b._id)
}

/** How many rows were found, and those that can be read. */
interface Rows<D> {
  readonly count: number
  readonly fitting: readonly D[]
}

/**
 * The newest rows of some symbols that can be read, and of the earliest time among them all rows: which of these are the
 * newest is decided by the order of rows. It reads on where some rows could not be read.
 */
async function newestOf<D extends { readonly _id: string; readonly symbol: string }>(
  collection: Collection<D>,
  symbols: readonly string[],
  { limit, timeField, filter, projection = {}, readable, timeoutMs }: RowsQuery<D>
): Promise<D[]> {
  const rows: D[] = []
  const read = async (own: object, page: FindOptions): Promise<Rows<D>> => {
    const all = { symbol: { $in: symbols }, ...filter, ...own } as unknown as Filter<D>
    const cursor = collection.find(all, { projection, ...limits(timeoutMs), ...page })
    let count = 0
    const fitting: D[] = []
    while (await cursor.hasNext()) {
      const batch = cursor.readBufferedDocuments() as unknown as D[]
      count += batch.length
      fitting.push(...readable(batch))
    }
    return { count, fitting }
  }
  for (let skip = 0; ;) {
    const sort = { [timeField]: -1 } as const
    const most = limit + 1
    const page = { sort, ...(skip > 0 && { skip }), limit: most, batchSize: Math.min(most, BATCH) }
    const { count, fitting } = await read({}, page)
    rows.push(...fitting)
    skip += count
    if (rows.length < most && count === most) continue
    const [earliest, before] = rows.slice(limit - 1, most).map((row) => Number(row[timeField]))
    if (earliest === undefined || before !== earliest) return rows.slice(0, limit)
    const isEarliest = (row: D): boolean => Number(row[timeField]) === earliest
    return [
      ...rows.filter((row) => !isEarliest(row)),
      ...(await read({ [timeField]: new Date(earliest) }, { batchSize: BATCH })).fitting
    ]
  }
}

/** The symbols of a query: those it names, or every one that the collection has. */
export async function symbolsOf<D extends { readonly symbol: string }>(
  collection: Collection<D>,
  named: readonly string[] | undefined,
  options: DistinctOptions = {}
): Promise<readonly string[]> {
  return named ?? texts(await collection.distinct('symbol', {}, options))
}

/** Values of a field by hand may be of any type; those of ours are texts. */
export function texts(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === 'string')
}

/** The filter of a time in [fromMs, toMs). */
export function between({ fromMs, toMs }: Pick<RangeQuery, 'fromMs' | 'toMs'>): {
  $gte: Date
  $lt: Date
} {
  return { $gte: new Date(fromMs), $lt: new Date(toMs) }
}

/** Orders texts by their code units. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** Orders ids of trades by frame and index as numbers, so that 10 comes after 9. */
function compareIds(a: string, b: string): number {
  const [left, right] = [parseTradeId(a), parseTradeId(b)]
  return (
    compareTexts(left.connection, right.connection) ||
    left.sequence - right.sequence ||
    compareTexts(a, b)
  )
}

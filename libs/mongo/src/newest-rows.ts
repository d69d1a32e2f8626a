import type { Collection, Filter } from 'mongodb'
import type { RangeQuery } from './market-reader.ts'

/** Symbols asked for in one query: MongoDB merges at most 200 index scans in sorted order. */
const SYMBOLS_PER_QUERY = 200

export interface RowsAsked {
  /** The indexed field of time, after the symbol. */
  readonly timeField: string
  /** Further conditions, that on the time among them. */
  readonly range: object
  readonly projection: object
  readonly timeoutMs: number
}

/**
 * The newest rows of each group of symbols. "All" is answered as the list of stored symbols: an
 * index that begins with the symbol then serves it, and the work is bounded by `limit`.
 */
export async function newestRows<D extends { readonly _id: string; readonly symbol: string }>(
  collection: Collection<D>,
  { symbols: asked, limit }: Pick<RangeQuery, 'symbols' | 'limit'>,
  { timeField, range, projection, timeoutMs }: RowsAsked
): Promise<D[]> {
  const known = asked ?? (await collection.distinct('symbol', {}, { timeoutMS: timeoutMs }))
  const rows: D[] = []
  for (let at = 0; at < known.length; at += SYMBOLS_PER_QUERY) {
    const group = known.slice(at, at + SYMBOLS_PER_QUERY)
    const filter = { symbol: { $in: group }, ...range } as unknown as Filter<D>
    const found = await collection
      .find(filter, {
        projection,
        sort: { [timeField]: -1 },
        limit,
        batchSize: limit,
        timeoutMS: timeoutMs
      })
      .toArray()
    rows.push(...(found as unknown as D[]))
  }
  return rows
}

export function between({ fromMs, toMs }: Pick<RangeQuery, 'fromMs' | 'toMs'>): object {
  return { $gte: new Date(fromMs), $lt: new Date(toMs) }
}

import type { Database } from './database.ts'
import type { LateTradeDocument } from './documents.ts'
import type { RangeQuery } from './market-reader.ts'
import { between, newestRows } from './newest-rows.ts'
import { reading } from './reading.ts'
import { ascending } from './row-order.ts'

/** Where an age begins, ms: one second, ten, a minute, an hour, a day. */
export const LATE_AGES_MS = [0, 1000, 10_000, 60_000, 3_600_000, 86_400_000] as const

/** Trades kept out of every bar for one reason that were off by one age. */
export interface LateAge {
  readonly reason: LateTradeDocument['reason']
  /** Index in LATE_AGES_MS. */
  readonly age: number
  readonly trades: number
}

/**
 * What was kept out of every bar. Ranges are over when a trade was received, since one that is too
 * late was traded long before. Rejects with DATABASE_UNREACHABLE as the other readers do.
 */
export interface LateReader {
  /** Ascending by when they were received; the newest `limit`. */
  lateTrades(query: RangeQuery): Promise<readonly LateTradeDocument[]>
  lateAges(query: Omit<RangeQuery, 'limit'>): Promise<readonly LateAge[]>
}

export function lateReader(
  { lateTrades }: Pick<Database, 'lateTrades'>,
  { timeoutMs = 2500 } = {}
): LateReader {
  return {
    lateTrades: (query) =>
      reading('late_trades', timeoutMs, async () => {
        const rows = await newestRows(lateTrades, query, {
          timeField: 'receivedAt',
          range: { receivedAt: between(query) },
          projection: {},
          timeoutMs
        })
        return ascending(rows, query.limit, ({ receivedAt }) => receivedAt)
      }),
    lateAges: (query) =>
      reading('late_trades', timeoutMs, async () => {
        const timeout = { timeoutMS: timeoutMs }
        const symbols = query.symbols ?? (await lateTrades.distinct('symbol', {}, timeout))
        const match = { symbol: { $in: [...symbols] }, receivedAt: between(query) }
        // Counts the begins it has passed: its age.
        const passed = LATE_AGES_MS.slice(1).map((fromMs) => ({
          $cond: [{ $gte: ['$byMs', fromMs] }, 1, 0]
        }))
        const group = { _id: { reason: '$reason', age: { $add: passed } }, trades: { $sum: 1 } }
        const fields = { _id: 0, reason: '$_id.reason', age: '$_id.age', trades: 1 }
        return lateTrades
          .aggregate<LateAge>([{ $match: match }, { $group: group }, { $project: fields }], timeout)
          .toArray()
      })
  }
}

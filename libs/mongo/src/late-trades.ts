import { insertAll } from './bulk.ts'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { limits, reading, translated } from './failure.ts'
import { between, newestRows, symbolsOf, type RangeQuery } from './newest-rows.ts'
import type { TradeRange } from './shadow-trades.ts'
import { only, readable, shapeOf, type HasReport } from './shape.ts'
import { TRADE_SHAPE, type TradeDocument } from './trades.ts'

/** A trade that is excluded from every bar, with the reason; `_id` as in trades. */
export interface LateTradeDocument extends TradeDocument {
  readonly reason: 'too late' | 'from the future' | 'redelivered'
  /** How far behind the watermark (or ahead of its receipt) it was, ms. */
  readonly byMs: number
}

export const LATE_TRADES = new CollectionSpec<LateTradeDocument>('late_trades', {
  writeConcern: DURABLE,
  indexes: [[{ symbol: 1, tradedAt: 1 }], [{ symbol: 1, receivedAt: 1 }]]
})

export const LATE_TRADE_SHAPE = [...TRADE_SHAPE, ...shapeOf({ reason: 'text', byMs: 'number' })]

export type HasLateTrades = Has<'lateTrades', LateTradeDocument>

export async function insertLateTrades(
  { lateTrades }: HasLateTrades,
  documents: readonly LateTradeDocument[]
): Promise<void> {
  if (documents.length === 0) return
  await translated('Cannot store late trades', () => insertAll(lateTrades, documents))
}

/** The newest late trades, ascending; the range is over when they were received, since one may be a day late. */
export function findLateTrades(
  { lateTrades, unreadable }: HasLateTrades & HasReport,
  query: RangeQuery,
  timeoutMs: number
): Promise<LateTradeDocument[]> {
  return reading('late_trades', timeoutMs, () =>
    newestRows(lateTrades, {
      ...query,
      timeField: 'receivedAt',
      filter: { receivedAt: between(query) },
      readable: (found) => readable('late_trades', LATE_TRADE_SHAPE, found, { unreadable }),
      timeoutMs
    })
  )
}

/** Where each age group of late trades begins, ms: one second, ten, a minute, an hour, a day. */
export const LATE_AGES_MS = [0, 1000, 10_000, 60_000, 3_600_000, 86_400_000] as const

/** How many trades were excluded for one reason and belong to one age group. */
export interface LateAge {
  readonly reason: LateTradeDocument['reason']
  /** Index in LATE_AGES_MS. */
  readonly age: number
  readonly trades: number
}

/** Counts the late trades received in a range by reason and age. */
export function countLateAges(
  { lateTrades }: HasLateTrades,
  query: Omit<RangeQuery, 'limit'>,
  timeoutMs: number
): Promise<LateAge[]> {
  return reading('late_trades', timeoutMs, async () => {
    const timeout = { timeoutMS: timeoutMs }
    const symbols = await symbolsOf(lateTrades, query.symbols, timeout)
    const match = {
      symbol: { $in: [...symbols] },
      receivedAt: between(query),
      byMs: { $type: 'number' }
    }
    // The age group of a trade is the number of lower bounds that its age reaches.
    const passed = LATE_AGES_MS.slice(1).map((fromMs) => ({
      $cond: [{ $gte: ['$byMs', fromMs] }, 1, 0]
    }))
    const group = { _id: { reason: '$reason', age: { $add: passed } }, trades: { $sum: 1 } }
    const fields = { _id: 0, reason: '$_id.reason', age: '$_id.age', trades: 1 }
    return lateTrades
      .aggregate<LateAge>(
        [{ $match: match }, { $group: group }, { $project: fields }],
        limits(timeoutMs)
      )
      .toArray()
  })
}

/** Why a stored trade is excluded from every bar, and when it was traded. */
export interface ExcludedTrade {
  readonly reason: string
  readonly tMs: number
}

const EXCLUDED_SHAPE = only(LATE_TRADE_SHAPE, ['_id', 'reason', 'tradedAt'])

/** The trades of `trades` that are excluded from every bar, by id; redelivered ones are not in `trades`. */
export async function loadExcludedIds(
  { lateTrades, unreadable }: HasLateTrades & HasReport,
  { symbol, fromMs, toMs }: TradeRange
): Promise<Map<string, ExcludedTrade>> {
  return translated('Cannot read late_trades', async () => {
    const found = await lateTrades
      .find({
        symbol,
        tradedAt: { $gte: new Date(fromMs), $lt: new Date(toMs) },
        reason: { $ne: 'redelivered' }
      })
      .project<{ _id: string; reason: string; tradedAt: Date }>({ reason: 1, tradedAt: 1 })
      .toArray()
    return new Map(
      readable('late_trades', EXCLUDED_SHAPE, found, { unreadable }).map(
        ({ _id, reason, tradedAt }) => [_id, { reason, tMs: tradedAt.getTime() }]
      )
    )
  })
}

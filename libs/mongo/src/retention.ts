import type { Collection, Db, Document } from 'mongodb'
import type { BarDocument } from './bar-document.ts'
import { BARS } from './bars.ts'
import { FORECASTS } from './forecasts.ts'
import { LATE_TRADES } from './late-trades.ts'
import { REST_SNAPSHOTS } from './rest-snapshots.ts'
import { TRADES } from './trades.ts'

/** How long documents are kept, ms; undefined: permanently. */
export interface Retention {
  readonly tradesTtlMs?: number | undefined
  readonly lateTradesTtlMs?: number | undefined
  /** By timeframe; bars of other timeframes are kept. */
  readonly barsTtlMs?: ReadonlyMap<string, number> | undefined
  readonly forecastsTtlMs?: number | undefined
  readonly snapshotsTtlMs?: number | undefined
}

/** An index by which MongoDB removes documents. */
interface Expiry {
  readonly name: string
  readonly key: Readonly<Record<string, 1>>
  readonly ttlMs: number | undefined
  readonly partialFilterExpression?: Document
}

/** Of bars there is one such index for each timeframe; the names of all begin so. */
const BARS_PREFIX = 'expire_'

/**
 * Brings the indexes by which documents expire to the settings: creates, changes and removes them. MongoDB
 * looks once a minute for what has expired. An index that somebody else made stays.
 */
export async function applyRetention(db: Db, retention: Retention): Promise<void> {
  const { tradesTtlMs, lateTradesTtlMs, forecastsTtlMs, snapshotsTtlMs } = retention
  const { barsTtlMs = new Map<string, number>() } = retention
  await applyTo(db, TRADES.name, [{ name: 'tradedAt_1', key: { tradedAt: 1 }, ttlMs: tradesTtlMs }])
  // By its receipt: a trade may be a day late, and is then to be seen as long as any other.
  await applyTo(db, LATE_TRADES.name, [
    { name: 'receivedAt_1', key: { receivedAt: 1 }, ttlMs: lateTradesTtlMs }
  ])
  await applyTo(db, FORECASTS.name, [
    { name: 'targetEnd_1', key: { targetEnd: 1 }, ttlMs: forecastsTtlMs }
  ])
  await applyTo(db, REST_SNAPSHOTS.name, [
    { name: 'receivedAt_1', key: { receivedAt: 1 }, ttlMs: snapshotsTtlMs }
  ])
  const ofBars = [...barsTtlMs].map(([timeframe, ttlMs]) => ({
    name: `${BARS_PREFIX}${timeframe}`,
    key: { end: 1 } as const,
    ttlMs,
    partialFilterExpression: { timeframe }
  }))
  await applyTo(db, BARS.name, ofBars)
}

const NO_COLLECTION = 26

/** How long bars of a timeframe are kept, ms, as the database has it; undefined: permanently. */
export async function ttlOfBars(
  bars: Collection<BarDocument>,
  timeframe: string
): Promise<number | undefined> {
  // A database that no consumer has prepared has no such collection.
  const indexes = await bars
    .listIndexes()
    .toArray()
    .catch((error: unknown) => {
      if ((error as { code?: number }).code === NO_COLLECTION) return []
      throw error
    })
  const found = indexes.find(({ name }) => name === `${BARS_PREFIX}${timeframe}`)
  const seconds: unknown = found?.['expireAfterSeconds']
  return typeof seconds === 'number' ? seconds * 1000 : undefined
}

async function applyTo(db: Db, name: string, wanted: readonly Expiry[]): Promise<void> {
  const collection = db.collection(name)
  const indexes = await collection.listIndexes().toArray()
  const present = new Map<string, number>(
    indexes
      .filter(({ expireAfterSeconds }) => expireAfterSeconds !== undefined)
      .map((index) => [index['name'], index['expireAfterSeconds']])
  )
  for (const { name: index, key, ttlMs, partialFilterExpression } of wanted) {
    const found = present.get(index)
    const expireAfterSeconds = ttlMs === undefined ? undefined : Math.ceil(ttlMs / 1000)
    if (found === expireAfterSeconds) continue
    if (expireAfterSeconds === undefined) await collection.dropIndex(index)
    else if (found === undefined) {
      await collection.createIndex(key, {
        name: index,
        expireAfterSeconds,
        ...(partialFilterExpression !== undefined && { partialFilterExpression })
      })
    } else await db.command({ collMod: name, index: { name: index, expireAfterSeconds } })
  }
  const names = new Set(wanted.map((one) => one.name))
  const gone = [...present.keys()].filter((one) => one.startsWith(BARS_PREFIX) && !names.has(one))
  for (const index of gone) await collection.dropIndex(index)
}

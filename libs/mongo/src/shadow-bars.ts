import type { Database } from './database.ts'
import { COLLECTIONS, type BarDocument, type CheckpointDocument, type Source } from './documents.ts'
import { translated } from './failure.ts'

/** Where rebuilt bars stand until they are swapped in; begun anew by each run. */
export const BARS_SHADOW = 'bars_shadow'

/** What a swap would do with a rebuilt bar. `remove`: the document is the stored bar that goes. */
export type SwapAction = 'keep' | 'replace' | 'label' | 'insert' | 'remove'

/** The stored bar as it was when it was compared. */
export interface BarGuard {
  readonly source: Source
  readonly revision: number
  readonly updatedAt: Date
}

/** A rebuilt bar with what was found out about it. */
export interface ShadowBarDocument extends BarDocument {
  readonly reprocess: {
    readonly action: SwapAction
    /** Why the stored bar's trades are not known to be these; null when they are. */
    readonly doubt: string | null
    /** Undefined for a bar that is not stored. */
    readonly guard?: BarGuard
  }
}

export interface BarsQuery {
  readonly symbol: string
  readonly timeframe: string
  /** Over the start, epoch ms, [from, to). */
  readonly fromMs: number
  readonly toMs: number
  readonly tradeDate?: string
}

const BATCH = 1000

/** Hands on the stored bars of a range by start, some hundred at a time. @throws DATABASE_UNREACHABLE */
export async function eachBars(
  { bars }: Database,
  { symbol, timeframe, fromMs, toMs, tradeDate }: BarsQuery,
  visit: (batch: readonly BarDocument[]) => Promise<void> | void
): Promise<void> {
  const filter = {
    symbol,
    timeframe,
    start: { $gte: new Date(fromMs), $lt: new Date(toMs) },
    ...(tradeDate !== undefined && { tradeDate })
  }
  const cursor = bars.find(filter, { batchSize: BATCH }).sort({ start: 1 })
  try {
    while (await translated('Cannot read bars', () => cursor.hasNext())) {
      await visit(cursor.readBufferedDocuments())
    }
  } finally {
    await cursor.close()
  }
}

/** Start of the newest bar that begins before a moment, epoch ms; undefined without one. */
export async function newestStartBefore(
  { bars }: Database,
  { symbol, timeframe, toMs }: Omit<BarsQuery, 'fromMs'>
): Promise<number | undefined> {
  const found = await translated('Cannot read bars', () =>
    bars
      .find({ symbol, timeframe, start: { $lt: new Date(toMs) } })
      .sort({ start: -1 })
      .limit(1)
      .project<{ start: Date }>({ start: 1 })
      .next()
  )
  return found?.start.getTime()
}

/** The timeframes of which a symbol has bars. */
export async function storedTimeframes({ bars }: Database, symbol: string): Promise<string[]> {
  return translated('Cannot read bars', () => bars.distinct('timeframe', { symbol }))
}

/** The log that a symbol's newest bars come from; undefined without bars. */
export async function logOfSymbol({ bars }: Database, symbol: string): Promise<string | undefined> {
  const found = await translated('Cannot read bars', () =>
    bars
      .find({ symbol })
      .limit(1)
      .sort({ symbol: -1, timeframe: -1, start: -1 })
      .project<{ source: Source }>({ source: 1 })
      .next()
  )
  return found?.source.log
}

export async function loadCheckpoints({ checkpoints }: Database): Promise<CheckpointDocument[]> {
  return translated('Cannot read the checkpoints', () => checkpoints.find().toArray())
}

export async function clearShadowBars({ db }: Database): Promise<void> {
  await translated(`Cannot begin ${BARS_SHADOW}`, async () => {
    await db.collection(BARS_SHADOW).drop()
    await db.collection(BARS_SHADOW).createIndex({ symbol: 1, timeframe: 1, start: 1 })
  })
}

export async function insertShadowBars(
  { db }: Database,
  documents: readonly ShadowBarDocument[]
): Promise<void> {
  for (let i = 0; i < documents.length; i += BATCH) {
    await translated(`Cannot store ${BARS_SHADOW}`, () =>
      db
        .collection<ShadowBarDocument>(BARS_SHADOW)
        .insertMany(documents.slice(i, i + BATCH), { ordered: false })
    )
  }
}

/** Hands on the rebuilt bars that a swap would change something for, some hundred at a time. */
export async function eachSwap(
  { db }: Database,
  visit: (batch: readonly ShadowBarDocument[]) => Promise<void>
): Promise<void> {
  const cursor = db
    .collection<ShadowBarDocument>(BARS_SHADOW)
    .find({ 'reprocess.action': { $ne: 'keep' } }, { batchSize: BATCH })
  try {
    while (await translated(`Cannot read ${BARS_SHADOW}`, () => cursor.hasNext())) {
      await visit(cursor.readBufferedDocuments(BATCH))
    }
  } finally {
    await cursor.close()
  }
}

/**
 * Puts rebuilt bars in the place of stored ones, each only while that one is what it was compared as.
 * Answers the ids of those that changed meanwhile and stayed.
 */
export async function swapBars(
  { db, bars }: Database,
  batch: readonly ShadowBarDocument[],
  now: Date
): Promise<Set<string>> {
  const operations = batch.map(({ reprocess: { action, guard }, ...bar }) => {
    const document: BarDocument = { ...bar, updatedAt: now }
    if (guard === undefined) {
      const { _id, ...fields } = document
      return { updateOne: { filter: { _id }, update: { $setOnInsert: fields }, upsert: true } }
    }
    const { source, revision, updatedAt } = guard
    const filter = {
      _id: bar._id,
      'source.log': source.log,
      'source.epoch': source.epoch,
      'source.offset': source.offset,
      revision,
      updatedAt
    }
    return action === 'remove'
      ? { deleteOne: { filter } }
      : { replaceOne: { filter, replacement: document } }
  })
  return translated('Cannot swap bars', async () => {
    const collection = db.collection<BarDocument>(COLLECTIONS.bars)
    await collection.bulkWrite(operations, { ordered: false, writeConcern: { journal: true } })
    const ids = batch.map(({ _id }) => _id)
    const there = new Map<string, Date>()
    for await (const { _id, updatedAt } of bars
      .find({ _id: { $in: ids } })
      .project<Pick<BarDocument, '_id' | 'updatedAt'>>({ updatedAt: 1 })) {
      there.set(_id, updatedAt)
    }
    const isDone = ({ _id, reprocess: { action } }: ShadowBarDocument): boolean =>
      action === 'remove' ? !there.has(_id) : there.get(_id)?.getTime() === now.getTime()
    return new Set(batch.filter((one) => !isDone(one)).map(({ _id }) => _id))
  })
}

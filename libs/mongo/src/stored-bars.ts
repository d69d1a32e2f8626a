import {
  lengthOf,
  windowSpec,
  type GapSpan,
  type HeadRequest,
  type StoredBar,
  type StoredActivityBar,
  type Timeframe
} from '@tapedeck/domain'
import type { Acquired } from './checkpoint-store.ts'
import type { Database } from './database.ts'
import { storedBarOf, storedActivityBarOf } from './document-mapping.ts'
import type { TradeDocument } from './documents.ts'
import { translated } from './failure.ts'

/** Ids in one query at most. */
const BATCH = 1000
/** Counted bars that may begin in the same millisecond. */
const SAME_START = 500

/** The bars with these ids, ready to be taken up again. */
export async function loadBars(
  { bars }: Database,
  owner: Acquired,
  ids: readonly string[]
): Promise<StoredBar[]> {
  const loaded: StoredBar[] = []
  for (let i = 0; i < ids.length; i += BATCH) {
    const found = await translated('Cannot load bars', () =>
      bars.find({ _id: { $in: ids.slice(i, i + BATCH) } }).toArray()
    )
    for (const document of found) loaded.push(storedBarOf(document, owner))
  }
  return loaded
}

/** The provisional bars in time of a log: what its owner must make final. */
export async function loadOpenBars({ bars }: Database, owner: Acquired): Promise<StoredBar[]> {
  const found = await translated('Cannot load open bars', () =>
    bars.find({ 'source.log': owner.log, status: 'provisional' }).toArray()
  )
  return found
    .filter(({ timeframe }) => windowSpec(timeframe).kind !== 'counted')
    .map((document) => storedBarOf(document, owner))
}

/**
 * The newest bar of a counted window, in tape order, that began before the checkpoint; undefined when
 * this log has none.
 */
export async function loadHead(
  { bars }: Database,
  owner: Acquired,
  { symbol, timeframe }: HeadRequest
): Promise<StoredActivityBar | undefined> {
  const found = await translated('Cannot load counted bars', () =>
    bars
      .find({
        symbol,
        timeframe,
        'source.log': owner.log,
        'source.epoch': { $gte: owner.logEpoch },
        'exact.from.0': { $lt: owner.nextOffset }
      })
      .sort({ start: -1 })
      .limit(SAME_START)
      .toArray()
  )
  return found
    .map((document) => storedActivityBarOf(document, owner))
    .reduce<StoredActivityBar | undefined>(
      (newest, one) =>
        newest === undefined || comesAfter(one.through, newest.through) ? one : newest,
      undefined
    )
}

function comesAfter(
  [offset, index]: StoredActivityBar['through'],
  [thanOffset, thanIndex]: StoredActivityBar['through']
): boolean {
  return offset > thanOffset || (offset === thanOffset && index > thanIndex)
}

/** The bars in time of a log that a feed gap overlaps, of all symbols that were ever seen. */
export async function loadBarsWithin(
  { bars, symbols }: Database,
  owner: Acquired,
  timeframes: readonly Timeframe[],
  { fromMs, toMs }: GapSpan
): Promise<StoredBar[]> {
  const loaded: StoredBar[] = []
  await translated('Cannot load the bars of a feed gap', async () => {
    const known = await symbols.distinct('_id')
    for (const timeframe of timeframes) {
      const lengthMs = lengthOf(timeframe)
      if (lengthMs === undefined) continue
      // A trading day may reach back over a long weekend.
      const reachMs = timeframe === '1d' ? lengthMs * 5 : lengthMs
      const found = await bars
        .find({
          symbol: { $in: known },
          timeframe,
          start: { $gt: new Date(Math.max(fromMs, toMs - reachMs) - reachMs), $lt: new Date(toMs) },
          end: { $gt: new Date(fromMs === -Infinity ? toMs : fromMs) },
          'source.log': owner.log
        })
        .toArray()
      for (const document of found) loaded.push(storedBarOf(document, owner))
    }
  })
  return loaded
}

export type NamedTrade = Pick<TradeDocument, '_id' | 'symbol' | 'tradedAt'> & {
  readonly vendorId: string
}

/** The trades since a moment that the feed names, so that repeated ones are known again. */
export async function loadNamedTrades(
  { trades, symbols }: Database,
  fromMs: number
): Promise<NamedTrade[]> {
  return translated('Cannot load named trades', async () => {
    const known = await symbols.distinct('_id')
    return trades
      .find({
        symbol: { $in: known },
        tradedAt: { $gte: new Date(fromMs) },
        vendorId: { $exists: true }
      })
      .project<NamedTrade>({ symbol: 1, tradedAt: 1, vendorId: 1 })
      .toArray()
  })
}

import {
  isActivity,
  lengthOf,
  precedes,
  parseTradeId,
  type GapSpan,
  type HeadRequest,
  type Print,
  type StoredActivityBar,
  type StoredBar,
  type Timeframe
} from '@tapedeck/domain'
import { storedActivityBarOf, storedBarOf, type BarDocument } from './bar-document.ts'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { reading, translated } from './failure.ts'
import type { Ownership, Source } from './guard.ts'
import { between, newestRows, type WindowQuery } from './newest-rows.ts'
import type { HasSymbols } from './symbols.ts'

export const BARS = new CollectionSpec<BarDocument>('bars', {
  writeConcern: DURABLE,
  indexes: [
    [{ symbol: 1, timeframe: 1, start: 1 }],
    [
      { 'source.log': 1, start: 1 },
      { name: 'open_bars', partialFilterExpression: { status: 'provisional' } }
    ]
  ]
})

export type HasBars = Has<'bars', BarDocument>

/** Ids in one query at most. */
const IDS_PER_QUERY = 1000
/** Activity bars that may begin in the same millisecond. */
const SAME_START = 500

/** The bars with these ids, to be restored. */
export async function loadBars(
  { bars }: HasBars,
  owner: Ownership,
  ids: readonly string[]
): Promise<StoredBar[]> {
  const loaded: StoredBar[] = []
  for (let i = 0; i < ids.length; i += IDS_PER_QUERY) {
    const found = await translated('Cannot load bars', () =>
      bars.find({ _id: { $in: ids.slice(i, i + IDS_PER_QUERY) } }).toArray()
    )
    for (const document of found) loaded.push(storedBarOf(document, owner))
  }
  return loaded
}

/** The provisional bars of a log, which its owner must make final; activity bars excluded. */
export async function loadOpenBars({ bars }: HasBars, owner: Ownership): Promise<StoredBar[]> {
  const found = await translated('Cannot load open bars', () =>
    bars.find({ 'source.log': owner.log, status: 'provisional' }).toArray()
  )
  return found
    .filter(({ timeframe }) => !isActivity(timeframe))
    .map((document) => storedBarOf(document, owner))
}

/**
 * The newest activity bar of a log, in tape order, that began before the checkpoint; undefined when there is
 * none.
 */
export async function loadHead(
  { bars }: HasBars,
  owner: Ownership,
  { symbol, timeframe }: HeadRequest
): Promise<StoredActivityBar | undefined> {
  const found = await translated('Cannot load activity bars', () =>
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

/** The bars of a log that a feed gap overlaps, of every stored symbol; activity bars excluded. */
export async function loadBarsWithin(
  { bars, symbols }: HasBars & HasSymbols,
  owner: Ownership,
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

/** The start of the newest bar of any log, since another log may have stored bars of the same symbols. */
export async function newestBarStartMs({ bars }: HasBars): Promise<number> {
  const [newest] = await bars
    .aggregate<{ start: Date | null }>([{ $group: { _id: null, start: { $max: '$start' } } }])
    .toArray()
  return newest?.start?.getTime() ?? -Infinity
}

/** A bar without what only the consumer needs. */
export type BarRow = Omit<BarDocument, 'exact' | 'source' | 'updatedAt'>

const ROW_PROJECTION = { exact: 0, source: 0, updatedAt: 0 } as const

/** The newest bars of a range of starts, ascending. */
export function findBars(
  { bars }: HasBars,
  query: WindowQuery,
  timeoutMs: number
): Promise<BarRow[]> {
  return reading('bars', timeoutMs, () =>
    newestRows(bars, {
      ...query,
      timeField: 'start',
      filter: { timeframe: query.timeframe, start: between(query) },
      projection: ROW_PROJECTION,
      timeoutMs
    })
  )
}

/** The bar with an `_id`; undefined when there is none. */
export function findBar(
  { bars }: HasBars,
  id: string,
  timeoutMs: number
): Promise<BarRow | undefined> {
  return reading('a bar', timeoutMs, async () => {
    const options = { projection: ROW_PROJECTION, timeoutMS: timeoutMs }
    return (await bars.findOne<BarRow>({ _id: id }, options)) ?? undefined
  })
}

/** The id of the trade that begins the activity bar after this one; undefined when this is the newest. */
export function nextFirstTrade(
  { bars }: HasBars,
  { _id, symbol, timeframe, start }: BarRow,
  timeoutMs: number
): Promise<string | undefined> {
  return reading('the next bar', timeoutMs, async () => {
    // The starts of activity bars never fall, but several bars may have the same.
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
  })
}

/** The first trade of an activity bar, which its id ends in. */
function firstTradeOf(barId: string): string {
  return barId.slice(barId.lastIndexOf('|') + 1)
}

function placeOf(tradeId: string): Print {
  return { tMs: 0, price: 0, ...parseTradeId(tradeId) }
}

interface BarsQuery {
  readonly symbol: string
  readonly timeframe: string
  /** A range of starts, epoch ms, [from, to). */
  readonly fromMs: number
  readonly toMs: number
  readonly tradeDate?: string
}

/** Calls `visit` with the bars of a range by start, some hundred at a time. @throws DATABASE_UNREACHABLE */
export async function eachBars(
  { bars }: HasBars,
  { symbol, timeframe, fromMs, toMs, tradeDate }: BarsQuery,
  visit: (batch: readonly BarDocument[]) => Promise<void> | void
): Promise<void> {
  const filter = {
    symbol,
    timeframe,
    start: { $gte: new Date(fromMs), $lt: new Date(toMs) },
    ...(tradeDate !== undefined && { tradeDate })
  }
  const cursor = bars.find(filter, { batchSize: 1000 }).sort({ start: 1 })
  try {
    while (await translated('Cannot read bars', () => cursor.hasNext())) {
      await visit(cursor.readBufferedDocuments())
    }
  } finally {
    await cursor.close()
  }
}

/** The start of the newest bar that begins before `toMs`, epoch ms; undefined without one. */
export async function newestStartBefore(
  { bars }: HasBars,
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

/** The timeframes in which a symbol has bars. */
export async function storedTimeframes({ bars }: HasBars, symbol: string): Promise<string[]> {
  return translated('Cannot read bars', () => bars.distinct('timeframe', { symbol }))
}

/** The log of a symbol's newest bar; undefined without bars. */
export async function logOfSymbol({ bars }: HasBars, symbol: string): Promise<string | undefined> {
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

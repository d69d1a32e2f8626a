import {
  isActivity,
  lengthOf,
  precedes,
  parseTradeId,
  timeframeProblem,
  type BarFields,
  type GapSpan,
  type HeadRequest,
  type Print,
  type StoredActivityBar,
  type StoredBar,
  type Timeframe
} from '@tapedeck/domain'
import type { Filter } from 'mongodb'
import {
  BAR_SHAPE,
  STORED_BAR_SHAPE,
  storedActivityBarOf,
  storedBarOf,
  type BarDocument
} from './bar-document.ts'
import { CollectionSpec, DURABLE, type Has } from './collection.ts'
import { reading, translated } from './failure.ts'
import type { Ownership, Source } from './guard.ts'
import { between, newestRows, texts, type WindowQuery } from './newest-rows.ts'
import { readable, type HasReport } from './shape.ts'
import type { HasSymbols } from './symbols.ts'

export const BARS = new CollectionSpec<BarDocument>('bars', {
  writeConcern: DURABLE,
  indexes: [
    [{ symbol: 1, timeframe: 1, start: 1 }],
    [
      { 'source.log': 1, start: 1 },
      { name: 'open_bars', partialFilterExpression: { status: 'provisional' } }
    ],
    // A bar that a gap was taken into may lie outside of it, once the gap's end is known.
    [{ gapIds: 1 }, { partialFilterExpression: { 'gapIds.0': { $exists: true } } }]
  ]
})

export type HasBars = Has<'bars', BarDocument>

/** Ids in one query at most. */
const IDS_PER_QUERY = 1000
/** Activity bars that may begin in the same millisecond. */
const SAME_START = 500

function storedBars(found: readonly BarDocument[], report: HasReport): BarDocument[] {
  return readable('bars', STORED_BAR_SHAPE, found, report)
}

/**
 * The bars with these ids, to be restored. One that cannot be read counts as not stored: the consumer makes it again
 * from the trades that follow, and `npm run audit` finds what it lacks.
 */
export async function loadBars(
  { bars, unreadable }: HasBars & HasReport,
  owner: Ownership,
  ids: readonly string[]
): Promise<StoredBar[]> {
  const loaded: StoredBar[] = []
  for (let i = 0; i < ids.length; i += IDS_PER_QUERY) {
    const found = await translated('Cannot load bars', () =>
      bars.find({ _id: { $in: ids.slice(i, i + IDS_PER_QUERY) } }).toArray()
    )
    for (const document of storedBars(found, { unreadable }))
      loaded.push(storedBarOf(document, owner))
  }
  return loaded
}

/** The provisional bars of a log, which its owner must make final; activity bars excluded. */
export async function loadOpenBars(
  { bars, unreadable }: HasBars & HasReport,
  owner: Ownership
): Promise<StoredBar[]> {
  const found = await translated('Cannot load open bars', () =>
    bars.find({ 'source.log': owner.log, status: 'provisional' }).toArray()
  )
  return storedBars(found, { unreadable })
    .filter(({ timeframe }) => !isActivity(timeframe))
    .map((document) => storedBarOf(document, owner))
}

/**
 * The newest activity bar of a log, in tape order, that began before the checkpoint; undefined when there is
 * none.
 */
export async function loadHead(
  { bars, unreadable }: HasBars & HasReport,
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
  return storedBars(found, { unreadable })
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

/** Bars of a gap that are read at a time. */
const GAP_BATCH = 1000

/**
 * Calls `visit` with the bars of a log that a feed gap overlaps, of every stored symbol, and with those that
 * have the gap already, wherever they are. The bars of these timeframes alone.
 */
export async function eachBarOfGap(
  { bars, symbols, unreadable }: HasBars & HasSymbols & HasReport,
  owner: Ownership,
  timeframes: readonly Timeframe[],
  { id, fromMs, toMs }: GapSpan,
  visit: (bars: readonly (StoredBar | StoredActivityBar)[]) => void
): Promise<void> {
  const each = async (filter: Filter<BarDocument>): Promise<void> => {
    const own = { ...filter, 'source.log': owner.log }
    const cursor = bars.find(own, { batchSize: GAP_BATCH })
    try {
      while (await cursor.hasNext()) {
        visit(
          storedBars(cursor.readBufferedDocuments(), { unreadable }).map((bar) =>
            isActivity(bar.timeframe) ? storedActivityBarOf(bar, owner) : storedBarOf(bar, owner)
          )
        )
      }
    } finally {
      await cursor.close()
    }
  }
  await translated('Cannot load the bars of a feed gap', async () => {
    await each({ gapIds: id, ...HAS_GAPS, timeframe: { $in: timeframes } })
    const known = texts(await symbols.distinct('_id'))
    const end = { $gt: dateAt(fromMs) }
    for (const timeframe of timeframes) {
      const lengthMs = lengthOf(timeframe)
      if (lengthMs !== undefined) {
        // A trading day may reach back over a long weekend.
        const reachMs = timeframe === '1d' ? lengthMs * 5 : lengthMs
        const start = { $gt: dateAt(fromMs - reachMs), $lt: dateAt(toMs) }
        await each({ symbol: { $in: known }, timeframe, start, end, gapIds: { $ne: id } })
        continue
      }
      for (const symbol of known) {
        // One activity bar may span the begin of the gap. No other that begins earlier ends later.
        const isEndless = fromMs === -Infinity
        const before = { symbol, timeframe, toMs: fromMs }
        const startMs = isEndless ? undefined : await newestStartBefore({ bars }, before)
        const start = { $gte: dateAt(startMs ?? fromMs), $lt: dateAt(toMs) }
        await each({ symbol, timeframe, start, end, gapIds: { $ne: id } })
      }
    }
  })
}

/** What the partial index of gap ids asks of a query. */
const HAS_GAPS = { 'gapIds.0': { $exists: true } }
const EARLIEST_MS = -8.64e15
const LATEST_MS = 8.64e15

/** Infinity becomes the last date that there is, -Infinity the first. */
function dateAt(ms: number): Date {
  return new Date(Math.min(Math.max(ms, EARLIEST_MS), LATEST_MS))
}

/** A start that a bar may have; one by hand may be any other value. */
const REAL_DATE = { $gte: new Date(Date.UTC(1900, 0)), $lt: new Date(Date.UTC(10_000, 0)) }

/** Symbols whose newest bar is looked up at the same time. */
const CONCURRENCY = 20

/**
 * The start of the newest bar of any log, epoch ms, since another log may have stored bars of the same
 * symbols; -Infinity without bars. It reads a few keys of the index for each symbol: the index begins with
 * the symbol, so that without one MongoDB would read every bar.
 */
export async function newestBarStartMs({ bars }: HasBars): Promise<number> {
  const symbols = texts(await bars.distinct('symbol'))
  const newestOf = async (symbol: string): Promise<number> => {
    const timeframe = { $in: await bars.distinct('timeframe', { symbol }) }
    const newest = await bars
      .find({ symbol, timeframe, start: REAL_DATE })
      .project<{ start: Date }>({ _id: 0, start: 1 })
      .sort({ start: -1 })
      .limit(1)
      .next()
    return newest?.start.getTime() ?? -Infinity
  }
  let newestMs = -Infinity
  for (let i = 0; i < symbols.length; i += CONCURRENCY) {
    const group = await Promise.all(symbols.slice(i, i + CONCURRENCY).map(newestOf))
    newestMs = Math.max(newestMs, ...group)
  }
  return newestMs
}

/** Leaves the BarFields of a document. */
export const ROW_PROJECTION = { exact: 0, source: 0, updatedAt: 0, versions: 0 } as const

/** The newest bars of a range of starts, ascending. */
export function findBars(
  { bars, unreadable }: HasBars & HasReport,
  query: WindowQuery,
  timeoutMs: number
): Promise<BarFields[]> {
  return reading('bars', timeoutMs, () =>
    newestRows(bars, {
      ...query,
      timeField: 'start',
      filter: { timeframe: query.timeframe, start: between(query) },
      projection: ROW_PROJECTION,
      readable: (found) => readable('bars', BAR_SHAPE, found, { unreadable }),
      timeoutMs
    })
  )
}

/** The bar with an `_id`; undefined when there is none. */
export function findBar(
  { bars, unreadable }: HasBars & HasReport,
  id: string,
  timeoutMs: number
): Promise<BarFields | undefined> {
  return reading('a bar', timeoutMs, async () => {
    const options = { projection: ROW_PROJECTION, timeoutMS: timeoutMs }
    const found = await bars.findOne<BarFields>({ _id: id }, options)
    return readable('bars', BAR_SHAPE, found === null ? [] : [found], { unreadable })[0]
  })
}

/** The id of the trade that begins the activity bar after this one; undefined when this is the newest. */
export function nextFirstTrade(
  { bars }: HasBars,
  { _id, symbol, timeframe, start }: BarFields,
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
    const later = texts(found.map((bar) => bar._id))
      .map(firstTradeOf)
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
  { bars, unreadable }: HasBars & HasReport,
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
      await visit(storedBars(cursor.readBufferedDocuments(), { unreadable }))
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
      .find({ symbol, timeframe, start: { ...REAL_DATE, $lt: new Date(toMs) } })
      .sort({ start: -1 })
      .limit(1)
      .project<{ start: Date }>({ start: 1 })
      .next()
  )
  return found?.start.getTime()
}

/** The timeframes in which a symbol has bars. */
export async function storedTimeframes({ bars }: HasBars, symbol: string): Promise<string[]> {
  const found = await translated('Cannot read bars', () => bars.distinct('timeframe', { symbol }))
  return texts(found).filter((timeframe) => timeframeProblem(timeframe) === undefined)
}

/** The log of a symbol's newest bar; undefined without bars. */
export async function logOfSymbol({ bars }: HasBars, symbol: string): Promise<string | undefined> {
  const found = await translated('Cannot read bars', () =>
    bars
      .find({ symbol })
      .limit(1)
      .sort({ symbol: -1, timeframe: -1, start: -1 })
      .project<{ source?: Source }>({ source: 1 })
      .next()
  )
  return found?.source?.log
}

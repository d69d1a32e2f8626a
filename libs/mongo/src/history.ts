import type { BarFields, Timeframe } from '@tapedeck/domain'
import { CursorTimeoutMode, type Collection, type Filter, type FindCursor } from 'mongodb'
import { BAR_SHAPE } from './bar-document.ts'
import { barAsOf, type VersionedBar } from './bar-versions.ts'
import { ROW_PROJECTION, type HasBars } from './bars.ts'
import { translated } from './failure.ts'
import { FORECAST_SHAPE, type ForecastRow, type HasForecasts } from './forecasts.ts'
import { between, compareRows, SYMBOLS_PER_QUERY, symbolsOf } from './newest-rows.ts'
import { only, readable, shapeOf, type HasReport } from './shape.ts'
import { TRADE_SHAPE, type HasTrades, type TradeDocument } from './trades.ts'

/** A place in the order of rows: by time, then by symbol, then by id in the order of the feed. */
export interface HistoryPosition {
  readonly tMs: number
  readonly symbol: string
  readonly id: string
}

/** A half-open range of time, [fromMs, toMs), read in one direction. */
export interface HistoryQuery {
  /** Undefined: every symbol that is stored. */
  readonly symbols: readonly string[] | undefined
  /** Epoch ms. */
  readonly fromMs: number
  readonly toMs: number
  readonly order: 'asc' | 'desc'
  /** Only rows that come after this one in the order of the query. */
  readonly after?: HistoryPosition | undefined
  /** Documents in one answer of the server, 1000 unless given: as many are held for each 200 symbols. */
  readonly batch?: number
}

const BATCH = 1000
/** The server must answer each request for a batch within this; how long all of them take is not limited. */
const BATCH_LIMIT_MS = 30_000

type Stored = { readonly _id: string; readonly symbol: string }

/** What is read of a collection, and by which time it is ordered. */
interface Reading<D> {
  readonly timeField: keyof D & string
  readonly filter: object
  readonly projection: object
  readonly readable: (found: D[]) => D[]
}

/**
 * The trades of a range in batches, however many there are: it holds one batch for each 200 symbols, and the
 * trades of one millisecond. Ending the iteration early closes the cursors.
 * @param fields the fields of the documents that are needed; undefined: all
 * @throws DATABASE_UNREACHABLE while iterating
 */
export function readTradeHistory(
  { trades, unreadable }: HasTrades & HasReport,
  query: HistoryQuery,
  fields?: readonly (keyof TradeDocument)[]
): AsyncGenerator<readonly TradeDocument[]> {
  const needed = fields && [...new Set([...fields, '_id', 'symbol', 'tradedAt'])]
  const shape = needed === undefined ? TRADE_SHAPE : only(TRADE_SHAPE, needed)
  return inOrder(trades, query, {
    timeField: 'tradedAt',
    filter: {},
    projection: Object.fromEntries((needed ?? []).map((name) => [name, 1])),
    readable: (found) => readable('trades', shape, found, { unreadable })
  })
}

/** The bars of a range of starts in batches, as `readTradeHistory` reads trades. @throws DATABASE_UNREACHABLE while iterating */
export function readBarHistory(
  { bars, unreadable }: HasBars & HasReport,
  { timeframe, ...query }: HistoryQuery & { readonly timeframe: Timeframe }
): AsyncGenerator<readonly BarFields[]> {
  return inOrder(bars as unknown as Collection<BarFields>, query, {
    timeField: 'start',
    filter: { timeframe },
    projection: ROW_PROJECTION,
    readable: (found) => readable('bars', BAR_SHAPE, found, { unreadable })
  })
}

/**
 * The forecasts of a range of targets in batches, as `readTradeHistory` reads trades.
 * @param query `horizon` in bars, and `model`; undefined: all
 * @throws DATABASE_UNREACHABLE while iterating
 */
export function readForecastHistory(
  { forecasts, unreadable }: HasForecasts & HasReport,
  query: HistoryQuery & {
    readonly timeframe: Timeframe
    readonly horizon: number | undefined
    readonly model?: string | undefined
  }
): AsyncGenerator<readonly ForecastRow[]> {
  const { timeframe, horizon, model, ...range } = query
  return inOrder(forecasts as unknown as Collection<ForecastRow>, range, {
    timeField: 'target',
    filter: {
      timeframe,
      ...(horizon !== undefined && { horizon }),
      ...(model !== undefined && { model })
    },
    projection: { source: 0 },
    readable: (found) => readable('forecasts', FORECAST_SHAPE, found, { unreadable })
  })
}

export interface BarsAsOfQuery extends HistoryQuery {
  readonly timeframe: Timeframe
  /** Epoch ms. */
  readonly asOfMs: number
  /** Called for each bar of the range of which it is not known what it was then; it is left out. */
  unknown(bar: BarFields): void
}

/** The bars of a range as they were stored at a time; see barAsOf. @throws DATABASE_UNREACHABLE while iterating */
export function readBarsAsOf(
  { bars, unreadable }: HasBars & HasReport,
  { timeframe, asOfMs, unknown, ...query }: BarsAsOfQuery
): AsyncGenerator<readonly BarFields[]> {
  return inOrder(bars as unknown as Collection<BarFields>, query, {
    timeField: 'start',
    filter: { timeframe, status: { $ne: 'provisional' } },
    projection: { exact: 0, source: 0 },
    readable: (found) =>
      readable('bars', VERSIONED_SHAPE, found as VersionedBar[], { unreadable }).flatMap((bar) => {
        const was = barAsOf(bar, asOfMs)
        if (was === 'unknown') unknown(bar)
        return typeof was === 'string' ? [] : [was]
      })
  })
}

const VERSIONED_SHAPE = [...BAR_SHAPE, ...shapeOf({ updatedAt: 'date' })]

/** Batches in the order of the query; several cursors are merged. */
export async function* inOrder<D extends Stored>(
  collection: Collection<D>,
  query: HistoryQuery,
  how: Reading<D>
): AsyncGenerator<readonly D[]> {
  const { symbols, after, order, batch: size = BATCH } = query
  const sign = order === 'asc' ? 1 : -1
  const timeOf = (row: D): number => (row[how.timeField] as Date).getTime()
  const compare = (a: D, b: D): number => sign * compareRows(a, b, timeOf)
  const known = await translated('Cannot read symbols', () => symbolsOf(collection, symbols))
  const sources: AsyncGenerator<readonly D[]>[] = []
  for (let at = 0; at < known.length; at += SYMBOLS_PER_QUERY) {
    const cursor = cursorOf(collection, known.slice(at, at + SYMBOLS_PER_QUERY), query, how)
    sources.push(sorted(cursor, timeOf, compare, how.readable))
  }
  const comesAfter = (row: D): boolean =>
    after === undefined || isAfter(row, row[how.timeField] as Date, { after, order })
  const first = sources[0]
  if (first === undefined) return
  // Most often there is one cursor, and whole batches are handed on.
  const batches = sources.length === 1 ? first : merged(sources, compare, size)
  try {
    let hasPassed = after === undefined
    for await (const batch of batches) {
      const rows = hasPassed ? batch : batch.filter(comesAfter)
      if (rows.length === 0) continue
      hasPassed = true
      yield rows
    }
  } finally {
    await Promise.all(sources.map((source) => source.return(undefined)))
  }
}

/** Whether a row comes after a place in the order of a query. */
export function isAfter(
  { _id, symbol }: Stored,
  time: Date,
  { after, order }: { readonly after: HistoryPosition; readonly order: HistoryQuery['order'] }
): boolean {
  const row = { _id, symbol, tMs: time.getTime() }
  const place = { _id: after.id, symbol: after.symbol, tMs: after.tMs }
  return (order === 'asc' ? 1 : -1) * compareRows(row, place, ({ tMs }) => tMs) > 0
}

/** The part of a range that is left after its place; the rows of that place's time are in it. */
export function restOf({
  fromMs,
  toMs,
  order,
  after
}: Pick<HistoryQuery, 'fromMs' | 'toMs' | 'order' | 'after'>): Pick<
  HistoryQuery,
  'fromMs' | 'toMs'
> {
  if (after === undefined) return { fromMs, toMs }
  return order === 'asc'
    ? { fromMs: Math.max(fromMs, after.tMs), toMs }
    : { fromMs, toMs: Math.min(toMs, after.tMs + 1) }
}

function cursorOf<D extends Stored>(
  collection: Collection<D>,
  symbols: readonly string[],
  query: HistoryQuery,
  { timeField, filter, projection }: Reading<D>
): FindCursor<D> {
  const range = between(restOf(query))
  const all = { symbol: { $in: symbols }, ...filter, [timeField]: range } as unknown as Filter<D>
  return collection.find(all, {
    projection,
    sort: { [timeField]: query.order === 'asc' ? 1 : -1 },
    batchSize: query.batch ?? BATCH,
    timeoutMS: BATCH_LIMIT_MS,
    timeoutMode: CursorTimeoutMode.ITERATION
  }) as unknown as FindCursor<D>
}

/** The batches of a cursor that is ordered by time; rows of equal time are put in order, and never split. */
async function* sorted<D extends Stored>(
  cursor: FindCursor<D>,
  timeOf: (row: D) => number,
  compare: (a: D, b: D) => number,
  leaveOut: (found: D[]) => D[]
): AsyncGenerator<readonly D[]> {
  try {
    let rest: D[] = []
    while (await translated('Cannot read history', () => cursor.hasNext())) {
      const found = leaveOut(cursor.readBufferedDocuments())
      const last = found.at(-1)
      if (last === undefined) continue
      const rows = [...rest, ...found]
      const lastMs = timeOf(last)
      const end = rows.findLastIndex((row) => timeOf(row) !== lastMs) + 1
      rest = rows.slice(end)
      if (end > 0) yield rows.slice(0, end).sort(compare)
    }
    if (rest.length > 0) yield rest.sort(compare)
  } finally {
    await cursor.close().catch(() => undefined) // the read is over, whatever the server says
  }
}

/** Merges sources that are in order. */
async function* merged<D>(
  sources: readonly AsyncGenerator<readonly D[]>[],
  compare: (a: D, b: D) => number,
  size: number
): AsyncGenerator<readonly D[]> {
  const heads = await Promise.all(sources.map(headOf))
  let rows: D[] = []
  for (;;) {
    let first: Head<D> | undefined
    for (const head of heads) {
      if (head.row === undefined) continue
      if (first?.row === undefined || compare(head.row, first.row) < 0) first = head
    }
    if (first?.row === undefined) break
    rows.push(first.row)
    first.at++
    first.row = first.rows[first.at] ?? (await load(first))
    if (rows.length < size) continue
    yield rows
    rows = []
  }
  if (rows.length > 0) yield rows
}

interface Head<D> {
  readonly source: AsyncGenerator<readonly D[]>
  rows: readonly D[]
  at: number
  row: D | undefined
}

async function headOf<D>(source: AsyncGenerator<readonly D[]>): Promise<Head<D>> {
  const head: Head<D> = { source, rows: [], at: 0, row: undefined }
  head.row = await load(head)
  return head
}

/** The first row of the next batch; undefined at the end. */
async function load<D>(head: Head<D>): Promise<D | undefined> {
  const { value, done } = await head.source.next()
  head.rows = done === true ? [] : value
  head.at = 0
  return head.rows[0]
}

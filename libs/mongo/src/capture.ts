import type { Collection, Document, Filter } from 'mongodb'
import type { HasBars } from './bars.ts'
import { translated } from './failure.ts'
import type { HasForecasts } from './forecasts.ts'
import { JsonLines } from './json-lines.ts'
import type { HasLateTrades } from './late-trades.ts'
import type { HasTrades } from './trades.ts'

type HasTape = HasTrades & HasLateTrades & HasBars & HasForecasts

/** The collections of the tape, and the time by which each belongs to a trading date. */
export const CAPTURED_TIME = {
  trades: 'tradedAt',
  late_trades: 'tradedAt',
  bars: 'start',
  forecasts: 'target'
} as const

export type CapturedCollection = keyof typeof CAPTURED_TIME

/** The documents of one symbol; times are epoch ms, [from, to). */
export interface CaptureRange {
  readonly symbol: string
  readonly fromMs: number
  readonly toMs: number
}

const BATCH = 2000

/** Lines of JSON, each with its end. */
export interface CapturedLines {
  readonly count: number
  readonly text: Buffer
}

/**
 * The documents of a range as they are stored, each as a line of JSON: ascending in time, those of bars and forecasts
 * timeframe by timeframe. Nothing is checked or left out, so a document that no reader understands is there too. A date
 * is ISO 8601 with milliseconds in UTC; what JSON has no form for, such as NaN or a Decimal128, is MongoDB's extended
 * JSON. It holds one batch at a time, of at least one line.
 * @throws DATABASE_UNREACHABLE while iterating
 */
export async function* captureLines(
  database: HasTape,
  name: CapturedCollection,
  range: CaptureRange
): AsyncGenerator<CapturedLines> {
  const collection = collectionOf(database, name)
  const lines = new JsonLines()
  for (const filter of await filtersOf(collection, name, range)) {
    const sort = { [CAPTURED_TIME[name]]: 1 } as const
    const cursor = collection.find<Uint8Array>(filter, { sort, batchSize: BATCH, raw: true })
    try {
      while (await translated(`Cannot read ${name}`, () => cursor.hasNext())) {
        const documents = cursor.readBufferedDocuments()
        for (const document of documents) lines.write(document)
        yield { count: documents.length, text: lines.take() }
      }
    } finally {
      await cursor.close().catch(() => undefined) // the read is over, whatever the server says
    }
  }
}

/** How many documents a range has, counted by the server. @throws DATABASE_UNREACHABLE */
export async function countCaptured(
  database: HasTape,
  name: CapturedCollection,
  range: CaptureRange
): Promise<number> {
  const collection = collectionOf(database, name)
  let count = 0
  for (const filter of await filtersOf(collection, name, range)) {
    count += await translated(`Cannot count ${name}`, () => collection.countDocuments(filter))
  }
  return count
}

function collectionOf(
  { trades, lateTrades, bars, forecasts }: HasTape,
  name: CapturedCollection
): Collection {
  const collections = { trades, late_trades: lateTrades, bars, forecasts }
  return collections[name] as unknown as Collection
}

/** The queries of a range, each served by an index; that of bars and forecasts has the timeframe before the time. */
async function filtersOf(
  collection: Collection,
  name: CapturedCollection,
  { symbol, fromMs, toMs }: CaptureRange
): Promise<Filter<Document>[]> {
  const times = { [CAPTURED_TIME[name]]: { $gte: new Date(fromMs), $lt: new Date(toMs) } }
  if (name === 'trades' || name === 'late_trades') return [{ symbol, ...times }]
  const timeframes = await translated(`Cannot read ${name}`, () =>
    collection.distinct('timeframe', { symbol })
  )
  return timeframes.map((timeframe: unknown) => ({ symbol, timeframe, ...times }))
}

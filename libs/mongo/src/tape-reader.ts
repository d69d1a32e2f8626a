import { precedes, parseTradeId, type Print } from '@tapedeck/domain'
import type { Collection, Filter, FindCursor } from 'mongodb'
import type { Database } from './database.ts'
import type { LateTradeDocument, TradeDocument } from './documents.ts'

/** A trade with its place on the tape, and why it was kept out of every bar, if it was. */
export interface TapeTrade {
  readonly trade: TradeDocument
  readonly print: Print
  readonly aside: Pick<LateTradeDocument, 'reason' | 'byMs'> | undefined
}

/** The trades of one symbol in [fromMs, toMs), those kept out of bars among them. */
export interface TapeQuery {
  readonly symbol: string
  readonly fromMs: number
  readonly toMs: number
  /** Only what comes after this place. */
  readonly after?: TapePosition
  /** Only what a bar is counted from; reading the rest of each trade takes as long again. */
  readonly isForCounting?: boolean
}

/** A place in the order of a symbol's trades: by time, then as the feed sent them. */
export interface TapePosition {
  readonly tMs: number
  readonly id: string
}

/** What no count of a bar looks at. */
const UNCOUNTED = { symbol: 0, receivedAt: 0, tradeDate: 0, eligible: 0, vendorId: 0 } as const
/** Documents fetched at once; a page reads hardly more than it shows. */
const BATCH = 2000

/**
 * Hands out the trades of a range in order (time, connection, frame, index) until `visit` answers
 * false. What was kept out of bars comes from `late_trades`; of redelivered trades only that is stored.
 * Holds one batch and the trades of one millisecond at a time, however long the range is.
 */
export async function readTape(
  { trades, lateTrades }: Database,
  query: TapeQuery,
  timeoutMs: number,
  visit: (trade: TapeTrade) => boolean
): Promise<void> {
  const kept = new Moments(find(trades, query, timeoutMs))
  const aside = new Moments(find(lateTrades, query, timeoutMs))
  const start = query.after === undefined ? undefined : positionOf(query.after)
  try {
    for (;;) {
      // Most moments are at hand: waiting for each would cost more than the moment itself.
      const next = kept.next ?? (await kept.load())
      const nextAside = aside.next ?? (await aside.load())
      const atMs = Math.min(next, nextAside)
      if (atMs === Infinity) return
      const own = kept.take(atMs)
      if (kept.next === undefined && own.length > 0) own.push(...(await kept.takeFurther(atMs)))
      const left = aside.take(atMs)
      if (aside.next === undefined && left.length > 0) left.push(...(await aside.takeFurther(atMs)))
      for (const one of joined(own, left)) {
        if (start !== undefined && !precedes(start, one.print)) continue
        if (!visit(one)) return
      }
    }
  } finally {
    await Promise.all([kept.close(), aside.close()])
  }
}

function find<D extends TradeDocument>(
  collection: Collection<D>,
  { symbol, fromMs, toMs, after, isForCounting = false }: TapeQuery,
  timeoutMs: number
): FindCursor<D> {
  const from = new Date(Math.max(fromMs, after?.tMs ?? -Infinity))
  const filter = { symbol, tradedAt: { $gte: from, $lt: new Date(toMs) } } as unknown as Filter<D>
  return collection.find(filter, {
    sort: { tradedAt: 1 },
    ...(isForCounting && { projection: UNCOUNTED }),
    batchSize: BATCH,
    timeoutMS: timeoutMs
  }) as unknown as FindCursor<D>
}

/** A cursor by ascending time, taken millisecond by millisecond. */
class Moments<D extends TradeDocument> {
  readonly #cursor: FindCursor<D>
  #batch: D[] = []
  #at = 0
  #isAtEnd = false

  constructor(cursor: FindCursor<D>) {
    this.#cursor = cursor
  }

  /** The next moment, epoch ms, Infinity at the end; undefined when it must be loaded first. */
  get next(): number | undefined {
    const ms = this.#batch[this.#at]?.tradedAt.getTime()
    return ms ?? (this.#isAtEnd ? Infinity : undefined)
  }

  /** Fetches what comes next; answers its moment, Infinity at the end. */
  async load(): Promise<number> {
    this.#at = 0
    this.#isAtEnd = !(await this.#cursor.hasNext())
    this.#batch = this.#isAtEnd ? [] : this.#cursor.readBufferedDocuments()
    return this.next ?? Infinity
  }

  /** The trades of a moment that are at hand, if it is the next. */
  take(atMs: number): D[] {
    const taken: D[] = []
    while (this.next === atMs) taken.push(this.#batch[this.#at++] as D)
    return taken
  }

  /** Those of the same moment in the batches that follow. */
  async takeFurther(atMs: number): Promise<D[]> {
    const taken: D[] = []
    while (this.next === undefined && (await this.load()) === atMs) taken.push(...this.take(atMs))
    return taken
  }

  close(): Promise<void> {
    return this.#cursor.close()
  }
}

function joined(
  kept: readonly TradeDocument[],
  aside: readonly LateTradeDocument[]
): readonly TapeTrade[] {
  if (aside.length === 0) {
    const moment = kept.map((trade) => tapeTrade(trade, undefined))
    return moment.length < 2 ? moment : moment.toSorted(byPlace)
  }
  const reasons = new Map(aside.map((trade) => [trade._id, trade]))
  const ids = new Set(kept.map(({ _id }) => _id))
  const all = [...kept, ...aside.filter(({ _id }) => !ids.has(_id))]
  return all.map((trade) => tapeTrade(trade, reasons.get(trade._id))).toSorted(byPlace)
}

function tapeTrade(trade: TradeDocument, late: LateTradeDocument | undefined): TapeTrade {
  const { connection, sequence } = parseTradeId(trade._id)
  const { price, tradedAt } = trade
  const aside = late === undefined ? undefined : { reason: late.reason, byMs: late.byMs }
  return { trade, print: { tMs: tradedAt.getTime(), connection, sequence, price }, aside }
}

function byPlace(a: TapeTrade, b: TapeTrade): number {
  return precedes(a.print, b.print) ? -1 : 1
}

function positionOf({ tMs, id }: TapePosition): Print {
  return { tMs, price: 0, ...parseTradeId(id) }
}

import { precedes, parseTradeId, type Print } from '@tapedeck/domain'
import type { Collection, Filter, FindCursor } from 'mongodb'
import { limits, reading } from './failure.ts'
import { LATE_TRADE_SHAPE, type HasLateTrades, type LateTradeDocument } from './late-trades.ts'
import { readable, without, type HasReport } from './shape.ts'
import { TRADE_SHAPE, type HasTrades, type TradeDocument } from './trades.ts'

/** A trade with its place on the tape, and why it is excluded from every bar, if it is. */
export interface TapeTrade {
  readonly trade: TradeDocument
  readonly print: Print
  readonly exclusion: Pick<LateTradeDocument, 'reason' | 'byMs'> | undefined
}

/** The trades of one symbol in [fromMs, toMs), those excluded from bars among them. */
export interface TapeQuery {
  readonly symbol: string
  readonly fromMs: number
  readonly toMs: number
  /** Only trades after this position. */
  readonly after?: TapePosition
  /** Only the fields that a bar is computed from; reading the others doubles the time. */
  readonly isForCounting?: boolean
}

/** A position in the order of a symbol's trades: by time, then in the order of the feed. */
export interface TapePosition {
  readonly tMs: number
  readonly id: string
}

/** No bar is computed from these. */
const UNCOUNTED = {
  symbol: 0,
  receivedAt: 0,
  tradeDate: 0,
  eligible: 0,
  vendorId: 0,
  copyOf: 0
} as const
/** Documents fetched at once; a page reads few more than it shows. */
const BATCH = 2000

/**
 * Calls `visit` with the trades of a range in order (time, connection, frame, index) until it returns false.
 * The trades excluded from bars come from `late_trades`; redelivered ones are stored only there. It holds one
 * batch and the trades of one millisecond at a time, however long the range is.
 * @throws DATABASE_UNREACHABLE when the whole range takes longer than `timeoutMs`
 */
export function readTape(
  database: HasTrades & HasLateTrades & HasReport,
  query: TapeQuery,
  timeoutMs: number,
  visit: (trade: TapeTrade) => boolean
): Promise<void> {
  return reading('trades', timeoutMs, () => merge(database, query, timeoutMs, visit))
}

async function merge(
  { trades, lateTrades, unreadable }: HasTrades & HasLateTrades & HasReport,
  query: TapeQuery,
  timeoutMs: number,
  visit: (trade: TapeTrade) => boolean
): Promise<void> {
  const unread = query.isForCounting === true ? Object.keys(UNCOUNTED) : []
  const tradeShape = without(TRADE_SHAPE, unread)
  const lateShape = without(LATE_TRADE_SHAPE, unread)
  const kept = new MillisecondCursor(find(trades, query, timeoutMs), (found) =>
    readable('trades', tradeShape, found, { unreadable })
  )
  const excluded = new MillisecondCursor(find(lateTrades, query, timeoutMs), (found) =>
    readable('late_trades', lateShape, found, { unreadable })
  )
  const start = query.after === undefined ? undefined : positionOf(query.after)
  try {
    for (;;) {
      // Most trades are in the batch, and awaiting each of them would cost more than the merge.
      const next = kept.next ?? (await kept.load())
      const nextExcluded = excluded.next ?? (await excluded.load())
      const atMs = Math.min(next, nextExcluded)
      if (atMs === Infinity) return
      const own = kept.drain(atMs)
      if (kept.next === undefined && own.length > 0) own.push(...(await kept.drainFurther(atMs)))
      const left = excluded.drain(atMs)
      if (excluded.next === undefined && left.length > 0)
        left.push(...(await excluded.drainFurther(atMs)))
      for (const one of joined(own, left)) {
        if (start !== undefined && !precedes(start, one.print)) continue
        if (!visit(one)) return
      }
    }
  } finally {
    await Promise.all([kept.close(), excluded.close()])
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
    ...limits(timeoutMs)
  }) as unknown as FindCursor<D>
}

/** A cursor over ascending times that returns the trades of a millisecond together. */
class MillisecondCursor<D extends TradeDocument> {
  readonly #cursor: FindCursor<D>
  readonly #readable: (found: D[]) => D[]
  #batch: D[] = []
  #at = 0
  #isAtEnd = false

  constructor(cursor: FindCursor<D>, leaveOut: (found: D[]) => D[]) {
    this.#cursor = cursor
    this.#readable = leaveOut
  }

  /** The next time, epoch ms; Infinity at the end, undefined when it must be loaded first. */
  get next(): number | undefined {
    const ms = this.#batch[this.#at]?.tradedAt.getTime()
    return ms ?? (this.#isAtEnd ? Infinity : undefined)
  }

  /** Fetches the next batch and returns its first time; Infinity at the end. */
  async load(): Promise<number> {
    this.#at = 0
    do {
      this.#isAtEnd = !(await this.#cursor.hasNext())
      this.#batch = this.#isAtEnd ? [] : this.#readable(this.#cursor.readBufferedDocuments())
    } while (this.#batch.length === 0 && !this.#isAtEnd)
    return this.next ?? Infinity
  }

  /** The trades of a time that are in the batch. */
  drain(atMs: number): D[] {
    const drained: D[] = []
    while (this.next === atMs) drained.push(this.#batch[this.#at++] as D)
    return drained
  }

  /** The trades of the same time in the batches that follow. */
  async drainFurther(atMs: number): Promise<D[]> {
    const drained: D[] = []
    while (this.next === undefined && (await this.load()) === atMs)
      drained.push(...this.drain(atMs))
    return drained
  }

  close(): Promise<void> {
    return this.#cursor.close()
  }
}

function joined(
  kept: readonly TradeDocument[],
  excluded: readonly LateTradeDocument[]
): readonly TapeTrade[] {
  if (excluded.length === 0) {
    const all = kept.map((trade) => tapeTrade(trade, undefined))
    return all.length < 2 ? all : all.toSorted(byPlace)
  }
  const reasons = new Map(excluded.map((trade) => [trade._id, trade]))
  const ids = new Set(kept.map(({ _id }) => _id))
  const all = [...kept, ...excluded.filter(({ _id }) => !ids.has(_id))]
  return all.map((trade) => tapeTrade(trade, reasons.get(trade._id))).toSorted(byPlace)
}

function tapeTrade(trade: TradeDocument, late: LateTradeDocument | undefined): TapeTrade {
  const { connection, sequence } = parseTradeId(trade._id)
  const { price, tradedAt } = trade
  const exclusion = late === undefined ? undefined : { reason: late.reason, byMs: late.byMs }
  return { trade, print: { tMs: tradedAt.getTime(), connection, sequence, price }, exclusion }
}

function byPlace(a: TapeTrade, b: TapeTrade): number {
  return precedes(a.print, b.print) ? -1 : 1
}

function positionOf({ tMs, id }: TapePosition): Print {
  return { tMs, price: 0, ...parseTradeId(id) }
}

import {
  decodeRecord,
  eligibilityOf,
  eligibilityText,
  FrameDeduplicator,
  sessionOfTrade,
  tradeId,
  tradingDateAt,
  type ConditionPolicy,
  type FoldOptions,
  type GapRecord,
  type TradeRecord
} from '@tapedeck/domain'
import { partitionOf } from '@tapedeck/kafka'

export const CHANNELS = ['trades', 'bars', 'forecasts', 'feed'] as const
export type Channel = (typeof CHANNELS)[number]

/** What is sent to the clients that asked for one of its keys: rows of one channel, serialised once for all. */
export interface StreamEvent {
  readonly channel: Channel
  /** What a subscription may name: `trades|AAPL` and `trades|*`. */
  readonly keys: readonly [string, string]
  /** Rows as JSON. */
  readonly rows: readonly string[]
  /** Of trades: the ids of the rows. */
  readonly ids: readonly string[]
  /** Of trades: the earliest and the latest time, epoch ms. */
  readonly span: readonly [fromMs: number, toMs: number]
  /** Of a bar or forecast: its id, so that a newer version replaces one that waits. */
  readonly id: string | undefined
  /**
   * Where in the trades' log the event stands: a trade at its own offset, a bar or forecast at the offset
   * up to which its trades were read.
   */
  readonly partition: number
  readonly offset: number
  /** When the producer received the trades, epoch ms; null for what is not a trade. */
  readonly receivedAt: number | null
}

/** The rules that decide what a trade's row says, as in the consumer. */
export interface TradeRules extends Pick<FoldOptions, 'policy' | 'futureLimitMs'> {
  /** By how many partitions the records are placed. */
  readonly placement: number
}

/** The key of a subscription to trades of a symbol; `*`: of every symbol. */
export function tradesKey(symbol: string): string {
  return `trades|${symbol}`
}

/** The key of a subscription to bars or forecasts of a symbol (`*`: of every symbol) and timeframe. */
export function seriesKey(
  channel: 'bars' | 'forecasts',
  symbol: string,
  timeframe: string
): string {
  return `${channel}|${symbol}|${timeframe}`
}

export const FEED_KEY = 'feed'

const NO_SPAN = [0, 0] as const

/**
 * Turns the records of `raw_data` into events, partition by partition. It leaves out what the consumer does
 * not store in `trades` either: records published twice, records that are dead letters, and trades from the
 * future.
 */
export class TradeEvents {
  readonly #rules: TradeRules
  readonly #frames = new Map<number, FrameDeduplicator>()
  /** Symbols whose partition is known to be right. */
  readonly #placed = new Map<string, number>()
  /** Ends of gaps that were told, by id: each partition has a copy. */
  readonly #gaps = new Map<string, number | null>()

  constructor(rules: TradeRules) {
    this.#rules = rules
  }

  read(
    partition: number,
    offset: number,
    key: Buffer | null,
    value: Buffer | null
  ): StreamEvent | undefined {
    const { record, gap } = decodeRecord(key, value)
    if (gap !== undefined) return this.#gapEvent(gap, partition, offset)
    if (record === undefined || !this.#isPlaced(record.symbol, partition)) return undefined
    let frames = this.#frames.get(partition)
    if (frames === undefined) this.#frames.set(partition, (frames = new FrameDeduplicator()))
    if (!frames.accept(record.connection, record.frame, record.symbol)) return undefined
    return this.#tradesEvent(record, partition, offset)
  }

  #tradesEvent(record: TradeRecord, partition: number, offset: number): StreamEvent | undefined {
    const { symbol, receivedAt, trades } = record
    const ids: string[] = []
    const rows: string[] = []
    let [fromMs, toMs] = [Infinity, -Infinity]
    trades.forEach((_, at) => {
      const row = tradeRowOf(record, at, this.#rules.policy)
      if (row.time - receivedAt > this.#rules.futureLimitMs) return
      ids.push(row.id)
      fromMs = Math.min(fromMs, row.time)
      toMs = Math.max(toMs, row.time)
      rows.push(JSON.stringify(row))
    })
    if (rows.length === 0) return undefined
    return {
      channel: 'trades',
      keys: [tradesKey(symbol), tradesKey('*')],
      rows,
      ids,
      span: [fromMs, toMs],
      id: undefined,
      partition,
      offset,
      receivedAt
    }
  }

  #gapEvent(gap: GapRecord, partition: number, offset: number): StreamEvent | undefined {
    if (this.#gaps.has(gap.id) && this.#gaps.get(gap.id) === gap.toMs) return undefined
    this.#gaps.set(gap.id, gap.toMs)
    const { id, feed, fromMs, toMs, cause, symbols, log = null } = gap
    const row = {
      kind: 'gap',
      id,
      feed,
      from: fromMs,
      to: toMs,
      isOpen: toMs === null,
      cause,
      symbols,
      log
    }
    return {
      channel: 'feed',
      keys: [FEED_KEY, FEED_KEY],
      rows: [JSON.stringify(row)],
      ids: [],
      span: NO_SPAN,
      id,
      partition,
      offset,
      receivedAt: null
    }
  }

  #isPlaced(symbol: string, partition: number): boolean {
    let placed = this.#placed.get(symbol)
    if (placed === undefined) {
      this.#placed.set(symbol, (placed = partitionOf(symbol, this.#rules.placement)))
    }
    return placed === partition
  }
}

/** A trade of a record as GET /api/v1/trades returns it. */
function tradeRowOf(record: TradeRecord, at: number, policy: ConditionPolicy) {
  const { symbol, connection, frame, receivedAt, feed } = record
  const trade = record.trades[at]
  const index = record.indexes[at]
  if (trade === undefined || index === undefined) throw new RangeError(`no trade ${at} in a record`)
  const { p, t, v, c = null } = trade
  const date = tradingDateAt(symbol, t)
  const session = sessionOfTrade(symbol, date, t, c)
  return {
    id: tradeId({ connection, frame, index }),
    symbol,
    time: t,
    tradedAt: new Date(t).toISOString(),
    price: p,
    size: v,
    conditions: c,
    session,
    tradeDate: date.tradeDate,
    eligible: eligibilityText(eligibilityOf(c, policy, session)),
    receivedAt,
    feed
  }
}

interface Published {
  readonly symbol: string
  readonly timeframe: string
  readonly source: { readonly log: string; readonly offset: number }
}

/** The events of one record of the topic `bars`; none when it is no such record. */
export function barEvents(value: Buffer | null): StreamEvent[] {
  return seriesEvents('bars', value, (bar, { symbol, timeframe }) => {
    const { id, start, source: _source, ...fields } = bar
    return { id, symbol, timeframe, time: start, ...fields }
  })
}

/** The events of one record of the topic `forecasts`; none when it is no such record. */
export function forecastEvents(value: Buffer | null): StreamEvent[] {
  return seriesEvents('forecasts', value, (one, { symbol, timeframe, horizon, model }) => {
    const { target, source: _source, ...fields } = one
    const id = `${symbol}|${timeframe}|${String(target)}|${String(horizon)}|${String(model)}`
    return { id, symbol, timeframe, horizon, model, time: target, ...fields }
  })
}

function seriesEvents(
  channel: 'bars' | 'forecasts',
  value: Buffer | null,
  rowOf: (
    one: Record<string, unknown>,
    record: Record<string, unknown> & Published
  ) => { id: unknown }
): StreamEvent[] {
  if (value === null) return []
  let record: Record<string, unknown> & Published
  try {
    record = JSON.parse(value.toString()) as typeof record
  } catch {
    return []
  }
  const list = (record as typeof record | null)?.[channel]
  if (!Array.isArray(list)) return []
  return list.map((one: Record<string, unknown> & Published): StreamEvent => {
    const row = rowOf(one, record)
    const { symbol, timeframe } = record
    return {
      channel,
      keys: [seriesKey(channel, symbol, timeframe), seriesKey(channel, '*', timeframe)],
      rows: [JSON.stringify(row)],
      ids: [],
      span: NO_SPAN,
      id: String(row.id),
      partition: Number(one.source.log.slice(one.source.log.lastIndexOf('/') + 1)),
      offset: one.source.offset,
      receivedAt: null
    }
  })
}

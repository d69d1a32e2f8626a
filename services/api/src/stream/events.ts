import type { RunRow } from '@tapedeck/client'
import {
  decodeRecord,
  eligibilityOf,
  FrameDeduplicator,
  MAY,
  sessionOfTrade,
  tradeId,
  tradingDateAt,
  VendorIdDeduplicator,
  type FeedTrade,
  type FoldOptions,
  type GapRecord,
  type TradeRecord
} from '@tapedeck/domain'
import { partitionOf } from '@tapedeck/kafka'
import { tradeDocument, tradeRow } from '@tapedeck/mongo'

export const CHANNELS = ['trades', 'bars', 'forecasts', 'feed', 'runs'] as const
export type Channel = (typeof CHANNELS)[number]

export interface LastPrice {
  readonly price: number
  /** Of the trade that set it, epoch ms. */
  readonly timeMs: number
}

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
  /** Of trades: the newest price that one of them sets; undefined when none does. */
  readonly last?: LastPrice | undefined
  /** Of a bar, forecast or run: its id, so that a newer version replaces one that waits. */
  readonly id: string | undefined
  /**
   * Where in the trades' log the event stands, unless it is a run: a trade at its own offset, a bar or forecast at the offset
   * up to which its trades were read.
   */
  readonly partition: number
  readonly offset: number
  /** When the producer received the trades, epoch ms; null for what is not a trade. */
  readonly receivedAt: number | null
  /** Of a provisional bar: when its last trade was made, epoch ms; null for everything else. */
  readonly lastTradeAt: number | null
}

/** The rules that decide what a trade's row says, as in the consumer. */
export interface TradeRules extends Pick<FoldOptions, 'policy' | 'futureLimitMs' | 'redelivered'> {
  /** By how many partitions the records are placed. */
  readonly placement: number
}

/** The key of a subscription to trades of a symbol; `*`: of every symbol. */
export function tradesKey(symbol: string): string {
  return `trades|${symbol}`
}

/** Whose trades an event has; undefined: it has none. */
export function tradedSymbol({ channel, keys }: StreamEvent): string | undefined {
  return channel === 'trades' ? keys[0].slice(tradesKey('').length) : undefined
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

/** The key of a subscription to runs of a job; `*`: of every job. */
export function runsKey(job: string): string {
  return `${RUNS_PREFIX}${job}`
}

const RUNS_PREFIX = 'runs|'

/** Whether events of a key come from the database instead of the topics. */
export function isRunsKey(key: string): boolean {
  return key.startsWith(RUNS_PREFIX)
}

const NO_SPAN = [0, 0] as const
const FORGET_MS = 60_000

/**
 * Turns the records of `raw_data` into events, partition by partition. It leaves out what the consumer does
 * not store in `trades` either: records published twice, records that are dead letters, trades from the
 * future, and trades that the vendor delivered again.
 */
export class TradeEvents {
  readonly #rules: TradeRules
  readonly #frames = new Map<number, FrameDeduplicator>()
  readonly #vendorIds = new VendorIdDeduplicator()
  /** The time of the newest trade with a vendor's id when old ones were last forgotten, epoch ms. */
  #newestMs = -Infinity
  /** Symbols whose partition is known to be right. */
  readonly #placed = new Map<string, number>()
  readonly #keys = new Map<string, StreamEvent['keys']>()
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
    const { symbol, connection, frame, receivedAt, trades, indexes } = record
    const ids: string[] = []
    const rows: string[] = []
    let [fromMs, toMs] = [Infinity, -Infinity]
    let last: StreamEvent['last']
    for (let at = 0; at < trades.length; at++) {
      const trade = trades[at] as FeedTrade
      const { t, c, i, p } = trade
      const id = tradeId({ connection, frame, index: indexes[at] as number })
      if (t - receivedAt > this.#rules.futureLimitMs) continue
      if (i !== undefined && this.#isRedelivered(symbol, i, id, trade)) continue
      const date = tradingDateAt(symbol, t)
      const session = sessionOfTrade(symbol, date, t, c)
      const eligibility = eligibilityOf(c, this.#rules.policy, session)
      const { tradeDate } = date
      const folded = { id, trade, session, tradeDate, eligibility, exclusion: undefined, byMs: 0 }
      ids.push(id)
      rows.push(JSON.stringify(tradeRow(tradeDocument(record, folded))))
      fromMs = Math.min(fromMs, t)
      toMs = Math.max(toMs, t)
      if ((eligibility & MAY.setLast) !== 0 && t >= (last?.timeMs ?? -Infinity)) {
        last = { price: p, timeMs: t }
      }
    }
    if (rows.length === 0) return undefined
    return {
      channel: 'trades',
      keys: this.#keysOf(symbol),
      // Copies have no room for more.
      rows: rows.slice(),
      ids: ids.slice(),
      span: [fromMs, toMs],
      last,
      id: undefined,
      partition,
      offset,
      receivedAt,
      lastTradeAt: null
    }
  }

  /** The keys of a symbol's trades, made once. */
  #keysOf(symbol: string): StreamEvent['keys'] {
    let keys = this.#keys.get(symbol)
    if (keys === undefined) {
      this.#keys.set(symbol, (keys = [tradesKey(symbol), tradesKey('*')]))
    }
    return keys
  }

  #isRedelivered(symbol: string, vendorId: string, id: string, { t }: FeedTrade): boolean {
    if (t > this.#newestMs + FORGET_MS) {
      this.#newestMs = t
      this.#vendorIds.forget(t)
    }
    return this.#rules.redelivered === 'drop' && this.#vendorIds.isRepeat(symbol, vendorId, id, t)
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
      receivedAt: null,
      lastTradeAt: null
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

/** The event of a run that has changed. */
export function runEvent(row: RunRow): StreamEvent {
  return {
    channel: 'runs',
    keys: [runsKey(row.job), runsKey('*')],
    rows: [JSON.stringify(row)],
    ids: [],
    span: NO_SPAN,
    id: row.run,
    partition: 0,
    offset: 0,
    receivedAt: null,
    lastTradeAt: null
  }
}

interface Published {
  readonly symbol: string
  readonly timeframe: string
  readonly [field: string]: unknown
}

/** A bar of the topic `bars` as the stream sends it; `names` are those of its record. */
export function streamedBar(
  { id, start, source: _source, ...fields }: Readonly<Record<string, unknown>>,
  { symbol, timeframe }: Published
): object {
  return { id, symbol, timeframe, time: start, ...fields }
}

/** A forecast of the topic `forecasts` as the stream sends it; `names` are those of its record. */
export function streamedForecast(
  { id, target, source: _source, ...fields }: Readonly<Record<string, unknown>>,
  { symbol, timeframe, horizon, model }: Published
): object {
  return { id, symbol, timeframe, horizon, model, time: target, ...fields }
}

/** The events of one record of the topic `bars`; none when it is no such record. */
export function barEvents(value: Buffer | null): StreamEvent[] {
  return seriesEvents('bars', value, streamedBar)
}

/** The events of one record of the topic `forecasts`; none when it is no such record. */
export function forecastEvents(value: Buffer | null): StreamEvent[] {
  return seriesEvents('forecasts', value, streamedForecast)
}

function seriesEvents(
  channel: 'bars' | 'forecasts',
  value: Buffer | null,
  rowOf: (one: Readonly<Record<string, unknown>>, names: Published) => object
): StreamEvent[] {
  let record: Published
  try {
    record = JSON.parse(value?.toString() ?? '') as Published
  } catch {
    return []
  }
  const list = (record as Published | null)?.[channel]
  if (!Array.isArray(list)) return []
  const { symbol, timeframe } = record
  return list.flatMap((one: Readonly<Record<string, unknown>> | null): StreamEvent[] => {
    const { log, offset } = (one?.['source'] ?? {}) as { log?: unknown; offset?: unknown }
    if (one === null || typeof log !== 'string' || typeof offset !== 'number') return []
    return [
      {
        channel,
        keys: [seriesKey(channel, symbol, timeframe), seriesKey(channel, '*', timeframe)],
        rows: [JSON.stringify(rowOf(one, record))],
        ids: [],
        span: NO_SPAN,
        id: String(one['id']),
        partition: Number(log.slice(log.lastIndexOf('/') + 1)),
        offset,
        receivedAt: null,
        lastTradeAt: lastTradeOf(one)
      }
    ]
  })
}

function lastTradeOf({ status, lastTradeAt }: Readonly<Record<string, unknown>>): number | null {
  return status === 'provisional' && typeof lastTradeAt === 'number' ? lastTradeAt : null
}

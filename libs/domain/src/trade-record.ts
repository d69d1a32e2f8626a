import { messageOf } from '@tapedeck/core'
import { GAP_KEY, gapProblem, type GapRecord } from './feed-gaps.ts'
import {
  amountProblem,
  isEpochMs,
  isName,
  MAX_CODES,
  MAX_NAME_LENGTH,
  timeProblem
} from './record-limits.ts'
import { symbolProblem } from './symbols.ts'

/** A trade as Finnhub sends it, without its symbol: price, epoch ms, size, condition codes. */
export interface FeedTrade {
  readonly p: number
  readonly t: number
  readonly v: number
  readonly c?: readonly string[] | null
  /** The vendor's own id, where it has one; Finnhub has none. */
  readonly i?: string
}

export const RECORD_VERSION = 1
/** Trades in one record at most; Finnhub sends ten a frame. */
export const MAX_RECORD_TRADES = 1000
/** Frame indexes stay below this, so that (frame, index) fits one safe integer. */
export const MAX_FRAME_INDEX = 4096
const MAX_FRAME = Math.floor(Number.MAX_SAFE_INTEGER / MAX_FRAME_INDEX) - 1

/**
 * The value of one record on the topic `raw_data`: the trades of one symbol in one frame.
 * The key of the record is the symbol. Times are epoch milliseconds.
 */
export interface TradeRecord {
  readonly version: typeof RECORD_VERSION
  /** Where the trades come from: `finnhub` or `simulated`. */
  readonly feed: string
  readonly symbol: string
  /** Rises with every connection, also as text: see connectionId() in libs/feed. */
  readonly connection: string
  /** Counts the frames of a connection from 1. */
  readonly frame: number
  /** When the producer received the frame. */
  readonly receivedAt: number
  /** The earlier frame of this connection that the frame repeats as a whole; absent when it repeats none. */
  readonly copyOf?: number
  /** Where each trade stood in its frame; as many as trades, rising. */
  readonly indexes: readonly number[]
  readonly trades: readonly FeedTrade[]
  /** Cancels and corrections of earlier trades, for feeds that send them; trades may then be none. */
  readonly amendments?: readonly RecordAmendment[]
}

/** A cancel or correction of an earlier trade of the same symbol. */
interface RecordAmendment {
  /** Where it stood in its frame. */
  readonly index: number
  readonly kind: 'cancel' | 'correction'
  /** The vendor's id (`i`) of the trade that is amended. */
  readonly of: string
  /** The trade that stands instead; null for a cancel. */
  readonly by: FeedTrade | null
  /** Epoch ms. */
  readonly t: number
}

/** A trade with its symbol and its place in the frame; conditions in Finnhub's codes. */
export interface FrameTrade extends FeedTrade {
  readonly s: string
  readonly index: number
}

/**
 * A cancel or correction of an earlier trade, which the vendor's own id names.
 */
export interface FrameAmendment {
  readonly index: number
  readonly kind: 'cancel' | 'correction'
  readonly s: string
  /** The vendor's id of the trade that is amended. */
  readonly of: string
  /** The trade that stands instead; none for a cancel. */
  readonly by: FeedTrade | null
  /** Epoch ms of the amendment. */
  readonly t: number
}

/** Where a trade stands on the tape: its connection, its frame and its index in the frame. */
interface TradePlace {
  readonly connection: string
  readonly frame: number
  readonly index: number
}

/** The identity of a trade, given by the producer; content never identifies a trade. */
export function tradeId({ connection, frame, index }: TradePlace): string {
  return `${frameId(connection, frame)}${index}`
}

/** The common beginning of the ids of a frame's trades; the index in the frame follows. */
export function frameId(connection: string, frame: number): string {
  return `${connection}-${frame}-`
}

/**
 * The reverse of `tradeId`, with the sequence that a Print holds. A text that is no trade id is read
 * as the first place of a connection of that name.
 */
export function parseTradeId(id: string): TradePlace & { readonly sequence: number } {
  const second = id.lastIndexOf('-')
  const first = id.lastIndexOf('-', second - 1)
  const [frame, index] = [Number(id.slice(first + 1, second)), Number(id.slice(second + 1))]
  const sequence = sequenceOf(frame, index)
  return first < 0 || !Number.isSafeInteger(sequence)
    ? { connection: id, frame: 0, index: 0, sequence: 0 }
    : { connection: id.slice(0, first), frame, index, sequence }
}

/** The order of a trade within its connection, as one number. */
export function sequenceOf(frame: number, index: number): number {
  return frame * MAX_FRAME_INDEX + index
}

/** The place of a Print: the reverse of `sequenceOf`. */
export function tradePlace(connection: string, sequence: number): TradePlace {
  return {
    connection,
    frame: Math.floor(sequence / MAX_FRAME_INDEX),
    index: sequence % MAX_FRAME_INDEX
  }
}

/** Where and when a frame was received. */
interface FrameOrigin {
  readonly feed: string
  readonly connection: string
  readonly frame: number
  readonly receivedAt: number
  readonly copyOf?: number | undefined
}

/** Groups a frame by symbol: one record a symbol, in the order in which the symbols first stand in it. */
export function recordsOf(
  trades: readonly FrameTrade[],
  { feed, connection, frame, receivedAt, copyOf }: FrameOrigin,
  amendments: readonly FrameAmendment[] = []
): TradeRecord[] {
  const bySymbol = new Map<string, Group>()
  const groupOf = (symbol: string): Group => {
    const found = bySymbol.get(symbol)
    if (found !== undefined) return found
    const group: Group = { indexes: [], trades: [] }
    bySymbol.set(symbol, group)
    return group
  }
  for (const { s, index, ...trade } of trades) {
    const group = groupOf(s)
    group.indexes.push(index)
    group.trades.push(trade)
  }
  for (const { s, ...amendment } of amendments) {
    const group = groupOf(s)
    group.amendments ??= []
    group.amendments.push(amendment)
  }
  return [...bySymbol].map(([symbol, group]) => ({
    version: RECORD_VERSION,
    feed,
    symbol,
    connection,
    frame,
    receivedAt,
    ...(copyOf !== undefined && { copyOf }),
    ...group
  }))
}

interface Group {
  readonly indexes: number[]
  readonly trades: FeedTrade[]
  amendments?: RecordAmendment[]
}

/** The text of a record on the topic: JSON, with the symbol as key. */
export function encodeTradeRecord(record: TradeRecord): KeyedText {
  return { key: record.symbol, value: JSON.stringify(record) }
}

/** The text of a feed outage on the topic; every partition gets a copy, in order with its trades. */
export function encodeGapRecord(gap: GapRecord): KeyedText {
  return { key: GAP_KEY, value: JSON.stringify(gap) }
}

interface KeyedText {
  readonly key: string
  readonly value: string
}

/** A decoded record: trades, a feed gap, or why it is neither. */
type DecodedRecord =
  | { readonly record: TradeRecord; readonly gap?: undefined; readonly problem?: undefined }
  | { readonly record?: undefined; readonly gap: GapRecord; readonly problem?: undefined }
  | { readonly record?: undefined; readonly gap?: undefined; readonly problem: string }

/** Larger values are refused without parsing; a frame of Finnhub gives some hundred bytes. */
const MAX_VALUE_BYTES = 900_000

/** Reads one record of `raw_data`; never throws. */
export function decodeRecord(key: Buffer | null, value: Buffer | null): DecodedRecord {
  if (value === null) return { problem: 'value is missing' }
  if (value.length > MAX_VALUE_BYTES) return { problem: `value has ${value.length} bytes` }
  let parsed: unknown
  try {
    parsed = JSON.parse(value.toString())
  } catch (error) {
    return { problem: `value is not JSON: ${messageOf(error)}` }
  }
  const name = key?.toString()
  if (name === GAP_KEY) {
    const gapIssue = gapProblem(parsed, name)
    return gapIssue === undefined ? { gap: parsed as GapRecord } : { problem: gapIssue }
  }
  const problem = recordProblem(parsed, name)
  return problem === undefined ? { record: parsed as TradeRecord } : { problem }
}

/** Why a value is not a trade (symbol, price, time, size, conditions); undefined when it is one. */
export function tradeProblem(trade: unknown): string | undefined {
  if (typeof trade !== 'object' || trade === null) return 'trade is not an object'
  const { p, t, v, c, i } = trade as Record<string, unknown>
  if (typeof p !== 'number' || !Number.isFinite(p)) return 'price is not a number'
  if (p <= 0) return 'price is not positive'
  const timeIssue = timeProblem(t)
  if (timeIssue !== undefined) return timeIssue
  if (typeof v !== 'number' || !Number.isFinite(v)) return 'size is not a number'
  if (v < 0) return 'size is negative'
  const rangeIssue = amountProblem('price', p) ?? (v === 0 ? undefined : amountProblem('size', v))
  if (rangeIssue !== undefined) return rangeIssue
  if (c !== undefined && c !== null) {
    if (!Array.isArray(c)) return 'conditions are not a list'
    if (c.length > MAX_CODES) return `conditions are ${c.length}, expected ${MAX_CODES} at most`
    for (const code of c) {
      if (typeof code !== 'string') return 'a condition is not a text'
      if (code.length > MAX_NAME_LENGTH || !code.isWellFormed()) return NO_NAME('a condition')
    }
  }
  if (i !== undefined && typeof i !== 'string') return 'id is not a text'
  // A parser drops an empty id, so that it is none.
  const isFit = i === undefined || i === '' || isName(i)
  return isFit ? undefined : NO_NAME('id')
}

const NO_NAME = (what: string): string =>
  `${what} is no name, expected well-formed text of ${MAX_NAME_LENGTH} characters at most`

/**
 * Why a parsed JSON value is no TradeRecord, or undefined when it is one. Both ends of the topic use it. What
 * does not fit becomes a dead letter with that reason, and never stops a partition.
 */
export function recordProblem(value: unknown, key: string | undefined): string | undefined {
  if (typeof value !== 'object' || value === null) return 'value is not an object'
  const record = value as Partial<Record<keyof TradeRecord, unknown>>
  if (record.version !== RECORD_VERSION) return `version is not ${RECORD_VERSION}`
  if (record.symbol === undefined || record.symbol === '') return 'symbol is missing'
  const symbolIssue = symbolProblem(record.symbol)
  if (symbolIssue !== undefined) return symbolIssue
  if (key !== record.symbol) return 'key is not the symbol'
  if (typeof record.feed !== 'string' || record.feed === '') return 'feed is missing'
  if (typeof record.connection !== 'string' || record.connection === '') {
    return 'connection is missing'
  }
  if (!isName(record.feed)) return NO_NAME('feed')
  if (!isName(record.connection)) return NO_NAME('connection')
  if (!Number.isSafeInteger(record.frame) || (record.frame as number) < 0) return 'frame is missing'
  if ((record.frame as number) > MAX_FRAME) return `frame is over ${MAX_FRAME}`
  if (!isEpochMs(record.receivedAt)) return 'receivedAt is not epoch ms'
  const { trades, indexes, amendments, copyOf } = record
  if (copyOf !== undefined && !isEarlierFrame(copyOf, record.frame as number)) {
    return 'copyOf is no earlier frame'
  }
  const amendmentIssue = amendments === undefined ? undefined : amendmentsProblem(amendments)
  if (amendmentIssue !== undefined) return amendmentIssue
  const mayBeEmpty = amendments !== undefined
  if (!Array.isArray(trades) || (trades.length === 0 && !mayBeEmpty)) return 'trades are missing'
  if (trades.length > MAX_RECORD_TRADES) return `more than ${MAX_RECORD_TRADES} trades`
  if (!Array.isArray(indexes) || indexes.length !== trades.length) return 'indexes do not match'
  let previous = -1
  for (const index of indexes as unknown[]) {
    if (typeof index !== 'number' || !Number.isSafeInteger(index)) return 'an index is no number'
    if (index <= previous || index >= MAX_FRAME_INDEX) return 'indexes do not rise'
    previous = index
  }
  for (const trade of trades as unknown[]) {
    const problem = tradeProblem(trade)
    if (problem !== undefined) return problem
  }
  return undefined
}

function isEarlierFrame(value: unknown, frame: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < frame
}

function amendmentsProblem(amendments: unknown): string | undefined {
  if (!Array.isArray(amendments) || amendments.length === 0) return 'amendments are no list'
  for (const one of amendments as unknown[]) {
    if (typeof one !== 'object' || one === null) return 'an amendment is not an object'
    const { index, kind, of, by, t } = one as Partial<Record<keyof RecordAmendment, unknown>>
    if (!Number.isSafeInteger(index) || (index as number) < 0) return 'an amendment has no index'
    if ((index as number) >= MAX_FRAME_INDEX) return 'an amendment has no index'
    if (kind !== 'cancel' && kind !== 'correction') return 'an amendment is of no kind'
    if (!isName(of)) return 'an amendment names no trade'
    if (timeProblem(t) !== undefined) return 'an amendment has no time'
    if (by === null ? kind !== 'cancel' : tradeProblem(by) !== undefined) {
      return 'an amendment has no fitting trade'
    }
  }
  return undefined
}

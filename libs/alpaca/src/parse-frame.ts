import { isObject, messageOf } from '@tapedeck/core'
import {
  MAX_FRAME_INDEX,
  MAX_RECORD_TRADES,
  rawOf,
  symbolProblem,
  tradeProblem,
  type FeedErrorMeaning,
  type FeedTrade,
  type Frame,
  type FrameAmendment,
  type FrameTrade,
  type RefusedTrade
} from '@tapedeck/domain'
import { conditionCode } from './conditions.ts'

/** Alpaca's error codes that need a reaction. 403, already authenticated, is harmless. */
const MEANINGS: Readonly<Record<number, FeedErrorMeaning>> = {
  401: 'refused', // not authenticated
  402: 'refused', // auth failed
  405: 'over the limit', // symbol limit exceeded
  406: 'in use', // connection limit exceeded
  409: 'refused' // insufficient subscription
}

const MAX_TYPE_LENGTH = 64

/**
 * Reads one frame of Alpaca's stock stream: a list of messages, control messages always alone. Never
 * throws: a message that does not fit has a reason. A bad message does not affect the others.
 */
export function parseFrame(text: string): Frame {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { kind: 'malformed', reason: `frame is not JSON: ${messageOf(error)}` }
  }
  if (!Array.isArray(value)) return { kind: 'malformed', reason: 'frame is not a list' }
  if (value.length > MAX_FRAME_INDEX) {
    return { kind: 'malformed', reason: `frame has too many messages: ${value.length}` }
  }
  const messages = value as readonly unknown[]
  const [only] = messages
  const control = messages.length === 1 && isMessage(only) ? readControl(only) : undefined
  return control ?? readData(messages)
}

function readControl(message: Message): Frame | undefined {
  const { T, msg, code, trades } = message
  const words = typeof msg === 'string' ? msg : 'no text'
  if (T === 'success') {
    return words === 'authenticated' ? { kind: 'welcome' } : { kind: 'other', type: 'success' }
  }
  if (T === 'error') {
    const known = Number.isSafeInteger(code) ? (code as number) : undefined
    return {
      kind: 'error',
      message: known === undefined ? words : `${words} (${known})`,
      meaning: (known === undefined ? undefined : MEANINGS[known]) ?? 'unknown'
    }
  }
  if (T === 'subscription') {
    if (!Array.isArray(trades)) return { kind: 'malformed', reason: 'subscription has no trades' }
    return {
      kind: 'subscribed',
      symbols: trades.filter((symbol): symbol is string => typeof symbol === 'string')
    }
  }
  return undefined
}

function readData(messages: readonly unknown[]): Frame {
  const trades: FrameTrade[] = []
  const amendments: FrameAmendment[] = []
  const refused: RefusedTrade[] = []
  let other: string | undefined
  messages.forEach((message, index) => {
    const refuse = (reason: string): void => {
      refused.push({ index, reason, raw: rawOf(message) })
    }
    if (!isMessage(message)) {
      refuse('message is not an object')
    } else if (message['T'] === 't') {
      const trade = trades.length < MAX_RECORD_TRADES ? readTrade(message, index) : CROWDED
      if (typeof trade === 'string') refuse(trade)
      else trades.push(trade)
    } else if (message['T'] === 'c' || message['T'] === 'x') {
      const amendment =
        message['T'] === 'c' ? readCorrection(message, index) : readCancel(message, index)
      if (typeof amendment === 'string') refuse(amendment)
      else amendments.push(amendment)
    } else if (typeof message['T'] === 'string') {
      other ??= message['T'].slice(0, MAX_TYPE_LENGTH)
    } else refuse('message has no type')
  })
  if (trades.length + amendments.length + refused.length > 0) {
    return { kind: 'trades', trades, amendments, refused }
  }
  return { kind: 'other', type: other ?? 'empty' }
}

const CROWDED = `more than ${MAX_RECORD_TRADES} trades in one frame`

function isMessage(value: unknown): value is Message {
  return isObject(value)
}

/** One element of a frame, as parsed JSON. */
type Message = Readonly<Record<string, unknown>>

/** The tapes send up to four letters a trade. */
const MAX_CONDITIONS = 16
const MAX_LETTERS = 4

/** A trade message (T: t) as the domain holds it, or why it is none. */
function readTrade(message: Message, index: number): FrameTrade | string {
  const { S, i, p, s, c, t } = message
  const trade = tradeOf({ id: i, price: p, size: s, conditions: c, time: t }, message)
  if (typeof trade === 'string') return trade
  return symbolProblem(S) ?? { s: S as string, ...trade, index }
}

/**
 * A correction (T: c) as the domain holds it, or why it is none. Alpaca gives one time, that of the
 * correction; the replacing trade carries it too, but belongs to the time of the trade it replaces.
 */
function readCorrection(message: Message, index: number): FrameAmendment | string {
  const { S, oi, ci, cp, cs, cc, t } = message
  const by = tradeOf({ id: ci, price: cp, size: cs, conditions: cc, time: t }, message)
  if (typeof by === 'string') return by
  const of = idOf(oi)
  if (of === undefined) return 'id of the corrected trade is not a whole number'
  const symbolIssue = symbolProblem(S)
  if (symbolIssue !== undefined) return symbolIssue
  return { index, kind: 'correction', s: S as string, of, by, t: by.t }
}

/** A cancel or error (T: x) as the domain holds it, or why it is none. */
function readCancel(message: Message, index: number): FrameAmendment | string {
  const { S, i, t } = message
  const of = idOf(i)
  if (of === undefined) return 'id of the cancelled trade is not a whole number'
  const symbolIssue = symbolProblem(S)
  if (symbolIssue !== undefined) return symbolIssue
  const at = parseTime(t)
  if (at === undefined || at <= 0) return 'time is not RFC 3339'
  return { index, kind: 'cancel', s: S as string, of, by: null, t: at }
}

interface RawTrade {
  readonly id: unknown
  readonly price: unknown
  readonly size: unknown
  readonly conditions: unknown
  readonly time: unknown
}

function tradeOf(raw: RawTrade, { z: tape }: Message): FeedTrade | string {
  const i = idOf(raw.id)
  if (i === undefined) return 'id is not a whole number'
  const t = parseTime(raw.time)
  if (t === undefined) return 'time is not RFC 3339'
  const c = codesOf(raw.conditions, tape)
  if (typeof c === 'string') return c
  const trade = { p: raw.price, t, v: raw.size, c, i }
  return tradeProblem(trade) ?? (trade as FeedTrade)
}

function codesOf(conditions: unknown, tape: unknown): readonly string[] | string | null {
  if (conditions === undefined || conditions === null) return null
  if (!Array.isArray(conditions)) return 'conditions are not a list'
  if (conditions.length > MAX_CONDITIONS) return 'too many conditions'
  const codes: string[] = []
  for (const letter of conditions as unknown[]) {
    if (typeof letter !== 'string') return 'a condition is not a text'
    if (letter.length > MAX_LETTERS) return 'a condition is too long'
    codes.push(conditionCode(letter, tape))
  }
  return codes
}

/** JSON numbers beyond 2^53 have lost digits: such an id would name another trade. */
function idOf(id: unknown): string | undefined {
  return Number.isSafeInteger(id) && (id as number) >= 0 ? String(id) : undefined
}

const FORM = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/

/**
 * Epoch ms of an RFC 3339 time with up to nine fractional digits, truncated to the millisecond;
 * undefined for another text and for a day that does not exist.
 */
export function parseTime(text: unknown): number | undefined {
  if (typeof text !== 'string' || text.length > 40) return undefined
  const parts = FORM.exec(text)
  if (parts === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', sign, offHours, offMinutes] =
    parts
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  const atMs = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    ms
  )
  // Date.UTC reads 30 February as 2 March.
  const back = new Date(atMs)
  const isReal =
    back.getUTCMonth() + 1 === Number(month) &&
    back.getUTCDate() === Number(day) &&
    back.getUTCHours() === Number(hour) &&
    back.getUTCMinutes() === Number(minute)
  if (!isReal) return undefined
  if (sign === undefined) return atMs
  const offsetMs = (Number(offHours) * 60 + Number(offMinutes)) * 60_000
  return sign === '+' ? atMs - offsetMs : atMs + offsetMs
}

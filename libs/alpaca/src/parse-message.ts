import {
  tradeProblem,
  type FeedTrade,
  type FrameAmendment,
  type FrameTrade
} from '@tapedeck/domain'
import { conditionCode } from './conditions.ts'
import { parseTime } from './parse-time.ts'

/** One element of a frame, as parsed JSON. */
export type Message = Readonly<Record<string, unknown>>

/** The tapes send up to four letters a trade. */
const MAX_CONDITIONS = 16
const MAX_LETTERS = 4
const MAX_SYMBOL_LENGTH = 64

/** A trade message (T: t) in our terms, or why it is none. */
export function readTrade(message: Message, index: number): FrameTrade | string {
  const { S, i, p, s, c, t } = message
  const trade = tradeOf({ id: i, price: p, size: s, conditions: c, time: t }, message)
  if (typeof trade === 'string') return trade
  return isSymbol(S) ? { s: S, ...trade, index } : 'symbol is not a text'
}

/**
 * A correction (T: c) in our terms, or why it is none. Alpaca gives one time, that of the correction:
 * the trade that stands instead carries it too, and belongs to the moment of the trade it replaces.
 */
export function readCorrection(message: Message, index: number): FrameAmendment | string {
  const { S, oi, ci, cp, cs, cc, t } = message
  const by = tradeOf({ id: ci, price: cp, size: cs, conditions: cc, time: t }, message)
  if (typeof by === 'string') return by
  const of = idOf(oi)
  if (of === undefined) return 'id of the corrected trade is not a whole number'
  if (!isSymbol(S)) return 'symbol is not a text'
  return { index, kind: 'correction', s: S, of, by, t: by.t }
}

/** A cancel or error (T: x) in our terms, or why it is none. */
export function readCancel(message: Message, index: number): FrameAmendment | string {
  const { S, i, t } = message
  const of = idOf(i)
  if (of === undefined) return 'id of the cancelled trade is not a whole number'
  if (!isSymbol(S)) return 'symbol is not a text'
  const at = parseTime(t)
  if (at === undefined || at <= 0) return 'time is not RFC 3339'
  return { index, kind: 'cancel', s: S, of, by: null, t: at }
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

function isSymbol(symbol: unknown): symbol is string {
  return typeof symbol === 'string' && symbol !== '' && symbol.length <= MAX_SYMBOL_LENGTH
}

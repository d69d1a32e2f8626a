import { isObject, TapedeckError, type Json } from '@tapedeck/core'
import type { TextFrame, TradeText } from '../feed/frame.ts'

/**
 * A flat tape has one trade a line, a frame tape one WebSocket frame a line, a capture one frame a line
 * with its receive time, connection and number.
 */
export type TapeFormat = 'trades' | 'frames' | 'capture'

export interface TapeTrade extends TradeText {
  readonly atMs: number
}

interface TapeFrame {
  readonly frame: TextFrame
  /** Of its newest trade; undefined when it has none. */
  readonly atMs: number | undefined
}

const TRADE_FORM =
  '{"s":symbol,"p":price,"t":epoch ms,"v":size,"c":[codes] or null}, and "id" where there is one'
const FRAME_FORM = '{"data":[trades],"type":"trade"} or another object with a type'

const CAPTURE_FORM =
  '{"t":received ms,"c":connection,"n":number of the frame,"f":text of the frame}'
const ANY_FORM = `${TRADE_FORM}, ${FRAME_FORM}, or ${CAPTURE_FORM}`

/**
 * The format of a line: a frame has a `type`, a trade a symbol, a line of a capture a number and a text.
 * @throws TAPE_INVALID
 */
export function formatOf(line: string, lineNumber: number): TapeFormat {
  const value = objectOf(line, lineNumber, ANY_FORM)
  if (typeof value['type'] === 'string') return 'frames'
  if (typeof value['s'] === 'string') return 'trades'
  if (typeof value['n'] === 'number' && typeof value['f'] === 'string') return 'capture'
  throw invalid(lineNumber, line, ANY_FORM)
}

const NUMBER = String.raw`-?(?:0|[1-9]\d{0,15})(?:\.\d+)?(?:[eE][+-]?\d{1,2})?`
const TEXT = String.raw`"[^"\\\x00-\x1f]+"`
/** Matches the usual line in one step and keeps every number as it was written. */
const USUAL = new RegExp(
  String.raw`^\{"s":(${TEXT}),"p":(${NUMBER}),"t":([1-9]\d{0,14}),"v":(${NUMBER}),` +
    String.raw`"c":(null|\[\]|\[${TEXT}(?:,${TEXT})*\])(?:,"id":(${TEXT}|${NUMBER}))?\}\r?$`
)

/**
 * One line of a flat tape as Finnhub would send it. Only the form is checked: a price of 0 is played,
 * because the consumer of a feed must handle it. The source's own `id`, which Finnhub does not have, is
 * passed on as the text `i`, the only way to recognise copies of a trade.
 *
 * @throws TAPE_INVALID with the number of the line, what was found and expected.
 */
export function readTradeLine(line: string, lineNumber: number): TapeTrade {
  const [, s, p, t, v, c, id] = USUAL.exec(line) ?? []
  if (s === undefined) return readUnusualTrade(line, lineNumber)
  const i = id === undefined ? '' : `,"i":${id.startsWith('"') ? id : `"${id}"`}`
  return {
    symbol: s.slice(1, -1),
    atMs: Number(t),
    text: `{"c":${c},"p":${p},"s":${s},"t":${t},"v":${v}${i}}`
  }
}

function readUnusualTrade(line: string, lineNumber: number): TapeTrade {
  const value = objectOf(line, lineNumber, TRADE_FORM)
  const problem = problemOf(value)
  if (problem !== undefined) throw invalid(lineNumber, line, TRADE_FORM, problem)
  const { id } = value
  const hasId = typeof id === 'string' || typeof id === 'number'
  return tradeOf(hasId ? { ...value, i: String(id) } : value)
}

/**
 * One line of a frame tape; the text is kept as recorded. Frames of types other than `trade` (pings,
 * errors) go to every client.
 *
 * @throws TAPE_INVALID with the number of the line, what was found and expected.
 */
export function readFrameLine(line: string, lineNumber: number): TapeFrame {
  const { type, data } = objectOf(line, lineNumber, FRAME_FORM)
  if (typeof type !== 'string') throw invalid(lineNumber, line, FRAME_FORM)
  const text = line.endsWith('\r') ? line.slice(0, -1) : line
  if (type !== 'trade') {
    return {
      frame: { text, symbols: [], tradeCount: 0, trades: () => [] },
      atMs: undefined
    }
  }
  if (!Array.isArray(data)) throw invalid(lineNumber, line, FRAME_FORM, 'data is no list')
  const values = data as Record<string, unknown>[]
  const symbols = new Set<string>()
  let atMs: number | undefined
  for (const [index, value] of values.entries()) {
    const problem = problemOf(value)
    if (problem !== undefined) {
      throw invalid(lineNumber, line, FRAME_FORM, `${problem} in trade ${index + 1}`)
    }
    symbols.add(value['s'] as string)
    atMs = Math.max(atMs ?? 0, value['t'] as number)
  }
  return {
    frame: {
      text,
      symbols: [...symbols],
      tradeCount: values.length,
      trades: () => values.map(tradeOf)
    },
    atMs
  }
}

/** Why a value does not have the form of a trade. */
function problemOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'no object'
  const { s, p, t, v, c } = value as Record<string, unknown>
  if (typeof s !== 'string' || s === '') return 's is no symbol'
  if (typeof p !== 'number' || !Number.isFinite(p)) return 'p is no number'
  if (typeof t !== 'number' || !Number.isSafeInteger(t)) return 't is no whole number'
  if (typeof v !== 'number' || !Number.isFinite(v)) return 'v is no number'
  if (c === undefined || c === null) return undefined
  const isList = Array.isArray(c) && c.every((code) => typeof code === 'string')
  return isList ? undefined : 'c is no list of texts'
}

function tradeOf({ c, p, s, t, v, i }: Record<string, unknown>): TapeTrade {
  return { symbol: s as string, atMs: t as number, text: JSON.stringify({ c, p, s, t, v, i }) }
}

function objectOf(line: string, lineNumber: number, expected: string): Json {
  try {
    const value: unknown = JSON.parse(line)
    if (isObject(value)) return value
  } catch {
    throw invalid(lineNumber, line, expected, 'no JSON')
  }
  throw invalid(lineNumber, line, expected, 'no object')
}

const SHOWN_CHARACTERS = 120

function invalid(
  lineNumber: number,
  line: string,
  expected: string,
  problem?: string
): TapedeckError {
  const shown =
    line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}...` : line.trimEnd()
  const found = problem === undefined ? `'${shown}'` : `${problem} in '${shown}'`
  return new TapedeckError(
    'TAPE_INVALID',
    `Cannot play tape line ${lineNumber}: found ${found}, expected ${expected}`,
    { details: { line: lineNumber } }
  )
}

/** One line of a capture: a frame that a producer received, with its time, connection and number. */
export interface CapturedFrame {
  readonly frame: TextFrame
  readonly atMs: number
  readonly connection: string
  readonly number: number
}

/**
 * One line of a capture; the text of its frame is kept as it is. A frame that does not consist of
 * readable trades only goes to every client.
 *
 * @throws TAPE_INVALID with the number of the line, what was found and expected.
 */
export function readCaptureLine(line: string, lineNumber: number): CapturedFrame {
  const { t, c, n, f } = objectOf(line, lineNumber, CAPTURE_FORM)
  if (typeof t !== 'number' || !Number.isSafeInteger(t)) {
    throw invalid(lineNumber, line, CAPTURE_FORM, 't is no whole number')
  }
  if (typeof n !== 'number' || !Number.isSafeInteger(n)) {
    throw invalid(lineNumber, line, CAPTURE_FORM, 'n is no whole number')
  }
  if (typeof c !== 'string') throw invalid(lineNumber, line, CAPTURE_FORM, 'c is no text')
  if (typeof f !== 'string') throw invalid(lineNumber, line, CAPTURE_FORM, 'f is no text')
  return { frame: capturedFrame(f), atMs: t, connection: c, number: n }
}

function capturedFrame(text: string): TextFrame {
  try {
    return { ...readFrameLine(text, 0).frame, text }
  } catch {
    return { text, symbols: [], tradeCount: 0, trades: () => [] }
  }
}

import { messageOf } from '@tapedeck/core'
import {
  rawOf,
  MAX_FRAME_INDEX,
  MAX_RECORD_TRADES,
  symbolProblem,
  tradeProblem,
  type FeedErrorMeaning,
  type Frame,
  type FrameTrade,
  type RefusedTrade
} from '@tapedeck/domain'

/**
 * Finnhub sends a few codes of one or two digits a trade; recorded tapes hold the words of their
 * source. A longer value is noise.
 */
const MAX_CONDITIONS = 32
const MAX_CONDITION_LENGTH = 64
const MAX_TYPE_LENGTH = 64
const MAX_ID_LENGTH = 64

/**
 * Reads one frame of Finnhub's WebSocket. Never throws: a frame or trade that does not fit has a
 * reason. A bad trade does not affect the others of its frame.
 */
export function parseFrame(text: string): Frame {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { kind: 'malformed', reason: `frame is not JSON: ${messageOf(error)}` }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'malformed', reason: 'frame is not an object' }
  }
  const { type, data, msg } = value as Readonly<Record<string, unknown>>
  if (type === 'trade') return parseTrades(data)
  if (type === 'ping') return { kind: 'ping' }
  if (type === 'error') {
    const message = typeof msg === 'string' ? msg : 'no text'
    const symbol = REFUSED_SYMBOL.exec(message)?.[1]
    return symbol === undefined
      ? { kind: 'error', message, meaning: meaningOf(message) }
      : { kind: 'error', message, meaning: 'symbol refused', symbol }
  }
  if (typeof type === 'string') return { kind: 'other', type: type.slice(0, MAX_TYPE_LENGTH) }
  return { kind: 'malformed', reason: 'frame has no type' }
}

/** `Invalid symbol OANDA:EUR_USD`; users report that the same symbol may be accepted an hour later. */
const REFUSED_SYMBOL = /^invalid symbol:?\s+(\S|\S.*\S)\s*$/i

/** Only "Subscribing to too many symbols" is documented, so texts are matched by their key words. */
function meaningOf(message: string): FeedErrorMeaning {
  if (/too many symbols/i.test(message)) return 'over the limit'
  return /invalid (?:api key|token)/i.test(message) ? 'refused' : 'unknown'
}

function parseTrades(data: unknown): Frame {
  if (!Array.isArray(data)) return { kind: 'malformed', reason: 'trade frame has no data list' }
  if (data.length > MAX_FRAME_INDEX) {
    return { kind: 'malformed', reason: `trade frame has too many trades: ${data.length}` }
  }
  const trades: FrameTrade[] = []
  const refused: RefusedTrade[] = []
  data.forEach((trade: unknown, index) => {
    const reason = problemOf(trade) ?? (trades.length < MAX_RECORD_TRADES ? undefined : CROWDED)
    if (reason === undefined) {
      const { s, p, t, v, c, i } = trade as FrameTrade
      const kept = c === undefined ? { s, p, t, v, index } : { s, p, t, v, c, index }
      // Finnhub has no trade id; a recorded tape may. An empty or broken text names nothing.
      trades.push(i === undefined || i === '' || !i.isWellFormed() ? kept : { ...kept, i })
    } else refused.push({ index, reason, raw: rawOf(trade) })
  })
  return { kind: 'trades', trades, amendments: [], refused }
}

const CROWDED = `more than ${MAX_RECORD_TRADES} trades in one frame`

function problemOf(trade: unknown): string | undefined {
  const problem = tradeProblem(trade)
  if (problem !== undefined) return problem
  const { s, c, i } = trade as FrameTrade
  if (i !== undefined && i.length > MAX_ID_LENGTH) return 'id is too long'
  const symbolIssue = symbolProblem(s)
  if (symbolIssue !== undefined) return symbolIssue
  if (c === undefined || c === null) return undefined
  if (c.length > MAX_CONDITIONS) return 'too many conditions'
  for (const code of c) if (code.length > MAX_CONDITION_LENGTH) return 'a condition is too long'
  return undefined
}

import { messageOf } from '@tapedeck/core'
import { MAX_FRAME_INDEX, tradeProblem, type FeedTrade } from '@tapedeck/domain'

/** A trade with its symbol and its place in the frame. */
export interface FrameTrade extends FeedTrade {
  readonly s: string
  readonly index: number
}

export interface RefusedTrade {
  readonly index: number
  readonly reason: string
  /** The trade as JSON. */
  readonly raw: string
}

/** What a text frame of the feed says. */
export type Frame =
  | {
      readonly kind: 'trades'
      readonly trades: readonly FrameTrade[]
      readonly refused: readonly RefusedTrade[]
    }
  | { readonly kind: 'ping' }
  /** The feed's own error text. */
  | { readonly kind: 'error'; readonly message: string }
  /** A type that carries no trades: news, press releases, or one not known. */
  | { readonly kind: 'other'; readonly type: string }
  | { readonly kind: 'malformed'; readonly reason: string }

/**
 * Reads one frame of Finnhub's WebSocket. Never throws: what does not fit says why. One bad trade
 * does not take the others of its frame with it.
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
    return { kind: 'error', message: typeof msg === 'string' ? msg : 'no text' }
  }
  if (typeof type === 'string') return { kind: 'other', type }
  return { kind: 'malformed', reason: 'frame has no type' }
}

function parseTrades(data: unknown): Frame {
  if (!Array.isArray(data)) return { kind: 'malformed', reason: 'trade frame has no data list' }
  if (data.length > MAX_FRAME_INDEX) {
    return { kind: 'malformed', reason: `trade frame has ${data.length} trades` }
  }
  const trades: FrameTrade[] = []
  const refused: RefusedTrade[] = []
  data.forEach((trade: unknown, index) => {
    const reason = tradeProblem(trade) ?? symbolProblem(trade)
    if (reason === undefined) {
      const { s, p, t, v, c } = trade as FrameTrade
      trades.push(c === undefined ? { s, p, t, v, index } : { s, p, t, v, c, index })
    } else refused.push({ index, reason, raw: JSON.stringify(trade) })
  })
  return { kind: 'trades', trades, refused }
}

function symbolProblem(trade: unknown): string | undefined {
  const { s } = trade as Readonly<Record<string, unknown>>
  return typeof s === 'string' && s !== '' && s.length <= 64 ? undefined : 'symbol is not a text'
}

import { messageOf } from '@tapedeck/core'
import {
  rawOf,
  MAX_FRAME_INDEX,
  MAX_RECORD_TRADES,
  type FeedErrorMeaning,
  type Frame,
  type FrameAmendment,
  type FrameTrade,
  type RefusedTrade
} from '@tapedeck/domain'
import { readCancel, readCorrection, readTrade, type Message } from './parse-message.ts'

/** Alpaca's error codes that ask for more than counting. 403, already authenticated, harms nobody. */
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
 * throws: what does not fit says why. One bad message does not take the others of its frame with it.
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
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

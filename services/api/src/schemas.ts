/** The JSON schemas of the answers: they document and serialise, and tests validate answers with them. */

import {
  flag,
  list,
  number,
  numberOrNull,
  object,
  text,
  textOrNull,
  texts,
  whole,
  wholeOrNull
} from './schema-parts.ts'

export const SYMBOLS_SCHEMA = object({
  mode: { type: 'string', enum: ['simulated', 'live', 'mixed', 'none'] },
  changeable: flag,
  symbols: {
    type: 'array',
    items: object({
      symbol: text,
      configured: flag,
      wanted: flag,
      standing: textOrNull,
      reason: textOrNull,
      feed: textOrNull,
      lastPrice: numberOrNull,
      lastTradeAt: wholeOrNull,
      firstSeenAt: wholeOrNull
    })
  }
})

export const TRADE_RATE_SCHEMA = list('rates', {
  symbol: text,
  time: whole,
  tradesPerSecond: number
})

export const FEED_SCHEMA = object({
  feeds: {
    type: 'array',
    items: object({
      feed: text,
      state: text,
      isStale: flag,
      explanation: text,
      warnings: texts,
      lastError: textOrNull,
      connection: textOrNull,
      connectedAt: wholeOrNull,
      lastFrameAt: wholeOrNull,
      lastTradeAt: wholeOrNull,
      maxSymbols: whole,
      queuedFrames: whole,
      spooledBytes: whole,
      copiedFrames: whole,
      copiedTrades: whole,
      symbols: {
        type: 'array',
        items: object({
          symbol: text,
          standing: text,
          lastTradeAt: wholeOrNull,
          usualGapMs: numberOrNull,
          reason: textOrNull,
          askedAgainAt: wholeOrNull
        })
      },
      updatedAt: whole
    })
  },
  gaps: {
    type: 'array',
    items: object({
      id: text,
      feed: text,
      from: wholeOrNull,
      to: wholeOrNull,
      isOpen: flag,
      cause: text,
      symbols: texts,
      log: textOrNull,
      seconds: numberOrNull
    })
  }
})

export const GAPS_SCHEMA = list('gaps', {
  id: text,
  feed: text,
  time: whole,
  timeEnd: whole,
  isOpen: flag,
  cause: text,
  symbols: texts,
  log: textOrNull,
  seconds: numberOrNull,
  text
})

/** The result of a change of symbols. */
export const CHANGE_SCHEMA = object({ wanted: texts, changed: texts })

export const ERROR_SCHEMA = object({
  error: {
    type: 'object',
    properties: {
      code: text,
      field: text,
      message: text,
      problems: { type: 'array', items: object({ field: text, message: text }) }
    },
    required: ['code', 'message'],
    additionalProperties: false
  }
})

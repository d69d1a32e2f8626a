/** The JSON schemas of trades and bars; see schemas.ts. */

import {
  flag,
  flagOrNull,
  list,
  number,
  numberOrNull,
  object,
  rows,
  text,
  textOrNull,
  texts,
  whole,
  wholeOrNull
} from './schema-parts.ts'

const TRADE = {
  id: text,
  symbol: text,
  time: whole,
  tradedAt: text,
  price: number,
  size: number,
  conditions: { ...texts, nullable: true },
  session: text,
  tradeDate: text,
  eligible: textOrNull,
  receivedAt: whole,
  feed: text
}

export const TRADES_SCHEMA = list('trades', TRADE)

export const LATE_TRADES_SCHEMA = list('lateTrades', { ...TRADE, reason: text, byMs: whole })

export const LATE_AGES_SCHEMA = list('ages', {
  age: text,
  fromMs: whole,
  toMs: wholeOrNull,
  tooLate: whole,
  fromTheFuture: whole,
  redelivered: whole
})

const BAR = {
  id: text,
  symbol: text,
  timeframe: text,
  time: whole,
  end: whole,
  open: numberOrNull,
  high: numberOrNull,
  low: numberOrNull,
  close: numberOrNull,
  volume: number,
  notional: number,
  vwap: numberOrNull,
  meanPrice: numberOrNull,
  sdPrice: numberOrNull,
  logReturn: numberOrNull,
  changePercent: numberOrNull,
  realisedVolatility: numberOrNull,
  inferredUpVolume: numberOrNull,
  inferredDownVolume: numberOrNull,
  inferredUnchangedVolume: numberOrNull,
  tradeCount: whole,
  firstTradeAt: whole,
  lastTradeAt: whole,
  session: text,
  tradeDate: text,
  status: { type: 'string', enum: ['provisional', 'final', 'revised'] },
  revision: whole,
  revisionCause: textOrNull,
  lateCount: whole,
  lateVolume: numberOrNull,
  coverage: numberOrNull,
  coveragePercent: numberOrNull,
  isComplete: flag,
  gapIds: texts,
  policy: text,
  conditionVersion: wholeOrNull,
  feed: text
}

export const BARS_SCHEMA = list('bars', BAR)

const RULE = { code: text, name: text, hinders: text }

export const BAR_TRADES_SCHEMA = object({
  bar: object(BAR),
  window: object({ from: whole, to: whole, text }),
  summary: object({
    trades: whole,
    in: whole,
    out: whole,
    unhindered: whole,
    rules: rows({ ...RULE, trades: whole }),
    leftOut: rows({ reason: text, trades: whole }),
    isComplete: flag
  }),
  check: object({
    isEqual: flagOrNull,
    text,
    fields: rows({ field: text, bar: numberOrNull, trades: numberOrNull, isEqual: flag })
  }),
  trades: rows({
    ...TRADE,
    isIn: flag,
    counts: text,
    roles: texts,
    rules: rows(RULE),
    reason: textOrNull,
    byMs: wholeOrNull
  }),
  next: textOrNull
})

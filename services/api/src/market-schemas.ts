/** The JSON schemas of trades and bars; see schemas.ts. */

import { BAR_FIELDS, type BarFieldKind } from '@tapedeck/domain'
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
  wholeOrNull,
  type Schema
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

const KINDS: Readonly<Record<BarFieldKind, Schema>> = {
  text,
  texts,
  time: whole,
  price: number,
  amount: number,
  ratio: number,
  count: whole,
  flag,
  'bar status': { type: 'string', enum: ['provisional', 'final', 'revised'] }
}

const BAR = Object.fromEntries(
  Object.entries(BAR_FIELDS).map(([name, { row, kind, isNullable }]) => [
    row ?? name,
    isNullable === true ? { ...KINDS[kind], nullable: true } : KINDS[kind]
  ])
)

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

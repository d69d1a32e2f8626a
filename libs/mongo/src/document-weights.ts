import { BSON, type Document } from 'mongodb'
import type { BarDocument, TradeDocument } from './documents.ts'
import type { ForecastDocument } from './forecast-documents.ts'

/**
 * Bytes that a document takes in a message to the server, or somewhat more: what decides how many of
 * them go together.
 */
export type Weigh<T> = (document: T) => number

/** Exact, for documents of any kind; costs as much as half of writing them. */
export function weighed(document: Document): number {
  return BSON.calculateObjectSize(document)
}

/** Names of fields, numbers and words of ours. */
const TRADE_BYTES = 320
const BAR_BYTES = 1600
const FORECAST_BYTES = 1600
const CORRECTION_BYTES = 300
/** UTF-8 has at most so many bytes for one character of a text. */
const BYTES_A_CHARACTER = 3

export function tradeBytes(trade: TradeDocument): number {
  const { _id, symbol, feed, vendorId = '', conditions } = trade
  let characters = _id.length + symbol.length + feed.length + vendorId.length
  if (conditions !== null) for (const code of conditions) characters += code.length + 8
  return TRADE_BYTES + BYTES_A_CHARACTER * characters
}

export function barBytes({ _id, symbol, feed, gapIds }: BarDocument): number {
  let characters = _id.length + symbol.length + feed.length
  // Each stands in `exact` as well, with its times.
  for (const id of gapIds) characters += 2 * id.length + 24
  return BAR_BYTES + BYTES_A_CHARACTER * characters
}

export function forecastBytes(forecast: ForecastDocument): number {
  const { _id, symbol, feed, reason, corrections } = forecast
  const characters = _id.length + symbol.length + feed.length + (reason?.length ?? 0)
  return FORECAST_BYTES + CORRECTION_BYTES * corrections.length + BYTES_A_CHARACTER * characters
}

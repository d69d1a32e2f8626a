import { messageOf } from '@tapedeck/core'
import { recordProblem, type TradeRecord } from '@tapedeck/domain'
import type { OutgoingRecord } from './publisher.ts'

/** The one place that knows the bytes of `raw_data`: JSON values, the symbol as key. */
export function encodeTradeRecord(record: TradeRecord): OutgoingRecord {
  return { key: record.symbol, value: JSON.stringify(record) }
}

/** What came off the topic: a valid record, or why it is none. */
export type DecodedRecord =
  | { readonly record: TradeRecord; readonly problem?: undefined }
  | { readonly record?: undefined; readonly problem: string }

/** Larger values are refused unread; Finnhub's frames give some hundred bytes. */
const MAX_VALUE_BYTES = 900_000

export function decodeTradeRecord(key: Buffer | null, value: Buffer | null): DecodedRecord {
  if (value === null) return { problem: 'value is missing' }
  if (value.length > MAX_VALUE_BYTES) return { problem: `value has ${value.length} bytes` }
  let parsed: unknown
  try {
    parsed = JSON.parse(value.toString())
  } catch (error) {
    return { problem: `value is not JSON: ${messageOf(error)}` }
  }
  const problem = recordProblem(parsed, key?.toString())
  return problem === undefined ? { record: parsed as TradeRecord } : { problem }
}

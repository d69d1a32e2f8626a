import { messageOf } from '@tapedeck/core'
import {
  GAP_KEY,
  gapProblem,
  recordProblem,
  type GapRecord,
  type TradeRecord
} from '@tapedeck/domain'
import type { OutgoingRecord } from './publisher.ts'

/** The one place that knows the bytes of `raw_data`: JSON values, the symbol as key. */
export function encodeTradeRecord(record: TradeRecord): OutgoingRecord {
  return { key: record.symbol, value: JSON.stringify(record) }
}

/** A feed outage for one partition: every partition gets its own, in order with its trades. */
export function encodeGapRecord(gap: GapRecord, partition: number): OutgoingRecord {
  return { key: GAP_KEY, value: JSON.stringify(gap), partition }
}

/** What came off the topic: trades, a feed gap, or why it is neither. */
export type DecodedRecord =
  | { readonly record: TradeRecord; readonly gap?: undefined; readonly problem?: undefined }
  | { readonly record?: undefined; readonly gap: GapRecord; readonly problem?: undefined }
  | { readonly record?: undefined; readonly gap?: undefined; readonly problem: string }

/** Larger values are refused unread; Finnhub's frames give some hundred bytes. */
const MAX_VALUE_BYTES = 900_000

/** Reads one record of `raw_data`; never throws. */
export function decodeTradeRecord(key: Buffer | null, value: Buffer | null): DecodedRecord {
  if (value === null) return { problem: 'value is missing' }
  if (value.length > MAX_VALUE_BYTES) return { problem: `value has ${value.length} bytes` }
  let parsed: unknown
  try {
    parsed = JSON.parse(value.toString())
  } catch (error) {
    return { problem: `value is not JSON: ${messageOf(error)}` }
  }
  const name = key?.toString()
  if (name === GAP_KEY) {
    const gapIssue = gapProblem(parsed, name)
    return gapIssue === undefined ? { gap: parsed as GapRecord } : { problem: gapIssue }
  }
  const problem = recordProblem(parsed, name)
  return problem === undefined ? { record: parsed as TradeRecord } : { problem }
}

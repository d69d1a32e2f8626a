import { parseFrame as parseAlpaca } from '@tapedeck/alpaca'
import {
  decodeRecord,
  recordProblem,
  recordsOf,
  type Frame,
  type TradeRecord
} from '@tapedeck/domain'
import { parseFrame } from '@tapedeck/finnhub'
import type { Letter } from './journal.ts'

/** The records that a letter's trades are published as, or why they are not. */
export type ReplayPlan =
  | { readonly records: readonly TradeRecord[]; readonly problem?: undefined }
  | { readonly records?: undefined; readonly problem: string }

export interface ReplayNames {
  /** Names the run: every record of it says so in its trades' ids. */
  readonly connection: string
  /** For letters that do not say where they came from. */
  readonly feed: string
}

/** Letters keep so many characters of a text; one that has them all was probably cut. */
const CUT_AT = 100_000

/**
 * Judges a letter by today's rules; pure. All of it fits or none is published.
 *
 * The trades get names of their own, connection of the run and the letter's offset as frame. Their own
 * would not do: a frame's letter has none, and the consumer passes over a record whose connection has
 * gone on since.
 */
export function replayPlan(letter: Letter, names: ReplayNames): ReplayPlan {
  if (letter.raw.length >= CUT_AT) return { problem: `its text was cut at ${CUT_AT} characters` }
  let value: unknown
  try {
    value = JSON.parse(letter.raw)
  } catch {
    return { problem: 'its text is not JSON' }
  }
  const shape = typeof value === 'object' && value !== null ? Object.keys(value) : []
  const plan = shape.includes('version')
    ? recordPlan(letter.raw, value)
    : framePlan(letter, shape, names)
  if (plan.records === undefined) return plan
  const { connection } = names
  const records = plan.records.map((one) => ({ ...one, connection, frame: letter.offset }))
  for (const record of records) {
    const problem = recordProblem(record, record.symbol)
    if (problem !== undefined) return { problem }
  }
  return { records }
}

/** A record of `raw_data`. Its key is not kept: the schema allows but one, the symbol. */
function recordPlan(raw: string, value: unknown): ReplayPlan {
  const { symbol } = value as Readonly<Record<string, unknown>>
  const { record, problem } = decodeRecord(Buffer.from(String(symbol)), Buffer.from(raw))
  return record === undefined ? { problem: problem ?? 'it holds no trades' } : { records: [record] }
}

/** A frame of the feed, or a single trade of one. */
function framePlan(
  { raw, storedAtMs, offset, feed }: Letter,
  shape: readonly string[],
  names: ReplayNames
): ReplayPlan {
  const frame = parsed(raw, shape)
  if (frame.kind === 'malformed') return { problem: frame.reason }
  if (frame.kind !== 'trades')
    return { problem: `it is a frame of kind ${frame.kind}, without trades` }
  const [refused] = frame.refused
  if (refused !== undefined) return { problem: refused.reason }
  if (frame.amendments.length > 0) return { problem: 'it amends earlier trades' }
  if (frame.trades.length === 0) return { problem: 'it holds no trades' }
  return {
    records: recordsOf(frame.trades, {
      feed: feed ?? names.feed,
      connection: names.connection,
      frame: offset,
      receivedAt: storedAtMs
    })
  }
}

/** Alpaca's frames are lists, its trades have a `T`; all else is Finnhub's. */
function parsed(raw: string, shape: readonly string[]): Frame {
  if (raw.trimStart().startsWith('[')) return parseAlpaca(raw)
  if (shape.includes('T')) return parseAlpaca(`[${raw}]`)
  const isTrade = shape.includes('s') && !shape.includes('type')
  return parseFrame(isTrade ? `{"type":"trade","data":[${raw}]}` : raw)
}

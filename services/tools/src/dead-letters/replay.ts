import { parseFrame as parseAlpaca } from '@tapedeck/alpaca'
import {
  decodeRecord,
  encodeTradeRecord,
  recordProblem,
  recordsOf,
  type Frame,
  type TradeRecord
} from '@tapedeck/domain'
import { parseFrame } from '@tapedeck/finnhub'
import {
  deadTopicOf,
  MAX_SEND_RECORDS,
  Publisher,
  type KafkaConfig,
  type OutgoingRecord
} from '@tapedeck/kafka'
import { MARK_LETTERS, markRecord, type Letter, type Mark } from './journal.ts'

/** Where a replay writes: the topic of the trades, and that of the letters. */
export interface ReplayTargets {
  publish(records: readonly OutgoingRecord[]): Promise<void>
  mark(records: readonly OutgoingRecord[]): Promise<void>
}

export interface ReplayNames {
  /** Connection of every record of the run, and so a part of its trades' ids. */
  readonly connection: string
  /** Feed of the letters that do not name theirs. */
  readonly feed: string
}

export interface ReplayOutcome {
  readonly replayed: number
  readonly trades: number
  /** Letters that still do not fit the schema, with the reason. */
  readonly refused: readonly { readonly offset: number; readonly problem: string }[]
}

/** The records that a letter is published as, or why it is not. */
type ReplayPlan =
  | { readonly records: readonly TradeRecord[]; readonly problem?: undefined }
  | { readonly records?: undefined; readonly problem: string }

/** Letters between two marks: at most so many are in doubt after a crash. */
const CHUNK_LETTERS = 200

/** Dead letters hold so many characters at most: a text of this length was probably cut. */
const CUT_AT = 100_000

/**
 * Opens both topics for writing while `work` runs.
 * @throws PUBLISH_FAILED when the broker refuses or goes away
 */
export async function withTargets(
  kafka: KafkaConfig,
  work: (targets: ReplayTargets) => Promise<void>
): Promise<void> {
  const clientId = 'tapedeck-dead'
  const trades = new Publisher(kafka, { clientId, topic: kafka.topic })
  const letters = new Publisher(kafka, { clientId, topic: deadTopicOf(kafka.topic) })
  try {
    await work({
      publish: (records) => trades.send(records),
      mark: (records) => letters.send(records)
    })
  } finally {
    await Promise.all([trades.close(), letters.close()])
  }
}

/** The connection id of a run. Ids of later runs sort after those of earlier ones. */
export function replayConnection(nowMs: number): string {
  return `${nowMs.toString(36).padStart(9, '0')}replay`
}

/**
 * Publishes the letters that fit the schema now, ascending by offset, and marks them. Without targets
 * it only reports what it would do.
 */
export async function replayLetters(
  letters: readonly Letter[],
  names: ReplayNames,
  targets: ReplayTargets | undefined
): Promise<ReplayOutcome> {
  const refused: { offset: number; problem: string }[] = []
  const fitting: { offset: number; records: readonly TradeRecord[] }[] = []
  for (const letter of letters.toSorted((a, b) => a.offset - b.offset)) {
    const { records, problem } = planReplay(letter, names)
    if (records === undefined) refused.push({ offset: letter.offset, problem })
    else fitting.push({ offset: letter.offset, records })
  }
  if (targets !== undefined) {
    for (let i = 0; i < fitting.length; i += CHUNK_LETTERS) {
      await replayChunk(fitting.slice(i, i + CHUNK_LETTERS), names.connection, targets)
    }
  }
  const trades = fitting.flatMap(({ records }) => records.map((one) => one.trades.length))
  return { replayed: fitting.length, trades: trades.reduce((sum, one) => sum + one, 0), refused }
}

/** Marks letters as handled; Kafka cannot remove single records. */
export async function markLetters(
  mark: Mark['mark'],
  offsets: readonly number[],
  targets: Pick<ReplayTargets, 'mark'>
): Promise<void> {
  for (let i = 0; i < offsets.length; i += MARK_LETTERS) {
    await targets.mark([markRecord({ mark, letters: offsets.slice(i, i + MARK_LETTERS) })])
  }
}

async function replayChunk(
  chunk: readonly { readonly offset: number; readonly records: readonly TradeRecord[] }[],
  connection: string,
  targets: ReplayTargets
): Promise<void> {
  const letters = chunk.map(({ offset }) => offset)
  await targets.mark([markRecord({ mark: 'replaying', letters, connection })])
  const records = chunk.flatMap((one) => one.records).map(encodeTradeRecord)
  for (let i = 0; i < records.length; i += MAX_SEND_RECORDS) {
    await targets.publish(records.slice(i, i + MAX_SEND_RECORDS))
  }
  await targets.mark([markRecord({ mark: 'replayed', letters, connection })])
}

/**
 * Checks a letter against today's schema. Either all of it fits, or none of it is published.
 *
 * The records are named by the run's connection, with the letter's offset as the frame number. Original
 * names are not used: the letter of a frame has none, and the consumer skips a frame number that its
 * connection has already passed.
 */
function planReplay(letter: Letter, names: ReplayNames): ReplayPlan {
  if (letter.lastOffset !== undefined) {
    return {
      problem: 'it is a batch that could not be decoded, expected to be read from its topic'
    }
  }
  if (letter.raw.length >= CUT_AT) return { problem: `its text was cut at ${CUT_AT} characters` }
  let value: unknown
  try {
    value = JSON.parse(letter.raw)
  } catch {
    return { problem: 'its text is not JSON' }
  }
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  const plan = keys.includes('version')
    ? planRecord(letter.raw, value)
    : planFrame(letter, keys, names)
  if (plan.records === undefined) return plan
  const { connection } = names
  const records = plan.records.map((one) => ({ ...one, connection, frame: letter.offset }))
  for (const record of records) {
    const problem = recordProblem(record, record.symbol)
    if (problem !== undefined) return { problem }
  }
  return { records }
}

/** A record of `raw_data`. Its key is not stored: the schema allows only the symbol. */
function planRecord(raw: string, value: unknown): ReplayPlan {
  const { symbol } = value as Readonly<Record<string, unknown>>
  const { record, problem } = decodeRecord(Buffer.from(String(symbol)), Buffer.from(raw))
  return record === undefined ? { problem: problem ?? 'it holds no trades' } : { records: [record] }
}

/** A frame of the feed, or a single trade of one. */
function planFrame(
  { raw, storedAtMs, offset, feed }: Letter,
  keys: readonly string[],
  names: ReplayNames
): ReplayPlan {
  const frame = frameOf(raw, keys)
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

/** Alpaca's frames are lists and its trades have a key `T`; everything else is Finnhub's. */
function frameOf(raw: string, keys: readonly string[]): Frame {
  if (raw.trimStart().startsWith('[')) return parseAlpaca(raw)
  if (keys.includes('T')) return parseAlpaca(`[${raw}]`)
  const isTrade = keys.includes('s') && !keys.includes('type')
  return parseFrame(isTrade ? `{"type":"trade","data":[${raw}]}` : raw)
}

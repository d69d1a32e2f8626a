import { isObject, type Json } from '@tapedeck/core'
import {
  readDeadTopic,
  type DeadRecord,
  type KafkaConfig,
  type OutgoingRecord
} from '@tapedeck/kafka'

/** `in doubt`: a replay began and its end is not recorded. */
export type LetterState = 'open' | 'in doubt' | 'replayed' | 'dropped'

/** A letter without its text, and its state. */
export interface LetterEntry {
  readonly offset: number
  readonly storedAtMs: number
  readonly stage: string
  readonly reason: string
  readonly state: LetterState
  /** Connection of the records it was replayed as; undefined while open or dropped. */
  readonly connection: string | undefined
}

/** Whether a letter can still be replayed or dropped. */
export function isOpen({ state }: Pick<LetterEntry, 'state'>): boolean {
  return state === 'open' || state === 'in doubt'
}

/** A letter as it is stored on the topic. */
export interface Letter {
  readonly offset: number
  readonly storedAtMs: number
  readonly stage: string
  readonly reason: string
  /** Place of the record in `raw_data`, for letters of the consumer. */
  readonly partition: number | undefined
  readonly recordOffset: number | undefined
  /** Of a batch that could not be decoded: offset of its last record. Its text is base64, not a record. */
  readonly lastOffset: number | undefined
  /** The feed it came from, when the letter names it. */
  readonly feed: string | undefined
  readonly raw: string
}

/**
 * What was done with letters, recorded on the dead-letter topic after them. `replaying` is written before
 * the first record of a replay and `replayed` after the last, so an interrupted replay is recognised
 * and repeated under the same names.
 */
export interface Mark {
  readonly mark: 'replaying' | 'replayed' | 'dropped'
  /** Offsets on the dead-letter topic. */
  readonly letters: readonly number[]
  /** Connection of the records; absent for dropped letters. */
  readonly connection?: string
}

/** The key of a mark: no reason of a letter begins with a blank. */
const MARK_KEY = ' mark'

/** Letters in one mark at most; the record stays far below a broker's size limit. */
export const MARK_LETTERS = 1000

/** The state that a mark gives its letters. */
const STATES: Readonly<Record<Mark['mark'], LetterState>> = {
  replaying: 'in doubt',
  replayed: 'replayed',
  dropped: 'dropped'
}

/** Letters held in memory with their texts; a text has 100 000 characters at most. */
const BATCH_LETTERS = 500

/**
 * Every letter on the topic with its state, ascending by offset. Letters and marks share the topic, so
 * its retention removes both.
 * @throws BROKER_UNREACHABLE
 */
export async function readEntries(kafka: KafkaConfig): Promise<readonly LetterEntry[]> {
  const entries = new Map<number, LetterEntry>()
  await readDeadTopic(kafka, (record) => {
    if (record.key === MARK_KEY) {
      const mark = markOf(record.value)
      if (mark !== undefined) applyMark(entries, mark)
    } else {
      const { offset, storedAtMs, stage, reason } = letterOf(record)
      const entry = { offset, storedAtMs, stage, reason, connection: undefined }
      entries.set(offset, { ...entry, state: 'open' })
    }
    return undefined
  })
  return [...entries.values()]
}

/**
 * Reads letters with their texts in batches of some hundred, ascending by offset.
 * @throws BROKER_UNREACHABLE
 */
export async function eachLetterBatch(
  kafka: KafkaConfig,
  entries: readonly LetterEntry[],
  visit: (letters: readonly Letter[]) => Promise<void> | void
): Promise<void> {
  const offsets = entries.map(({ offset }) => offset).toSorted((a, b) => a - b)
  for (let i = 0; i < offsets.length; i += BATCH_LETTERS) {
    const wanted = new Set(offsets.slice(i, i + BATCH_LETTERS))
    const letters: Letter[] = []
    await readDeadTopic(
      kafka,
      (record) => {
        if (wanted.delete(record.offset)) letters.push(letterOf(record))
        return wanted.size === 0 ? 'stop' : undefined
      },
      { from: Math.min(...wanted) }
    )
    await visit(letters)
  }
}

function applyMark(entries: Map<number, LetterEntry>, { mark, letters, connection }: Mark): void {
  for (const offset of letters) {
    const entry = entries.get(offset)
    if (entry === undefined) continue // removed by the topic's retention
    entries.set(offset, { ...entry, state: STATES[mark], connection })
  }
}

export function markRecord(mark: Mark): OutgoingRecord {
  return { key: MARK_KEY, value: JSON.stringify(mark) }
}

/** Undefined for a value that is no mark; it is ignored. */
function markOf(value: string): Mark | undefined {
  const { mark, letters, connection } = objectOf(value) ?? {}
  if (mark !== 'replaying' && mark !== 'replayed' && mark !== 'dropped') return undefined
  if (!Array.isArray(letters)) return undefined
  const offsets = letters.filter((one): one is number => Number.isSafeInteger(one))
  return { mark, letters: offsets, ...(typeof connection === 'string' && { connection }) }
}

/** A record of another shape is a letter too, so that nothing on the topic stays hidden. */
function letterOf({ offset, storedAtMs, value }: DeadRecord): Letter {
  const fields = objectOf(value)
  const textOf = (name: string): string | undefined => {
    const found = fields?.[name]
    return typeof found === 'string' ? found : undefined
  }
  const numberOf = (name: string): number | undefined => {
    const found = fields?.[name]
    return typeof found === 'number' ? found : undefined
  }
  return {
    offset,
    storedAtMs,
    stage: textOf('stage') ?? 'unknown',
    reason: textOf('reason') ?? 'not a letter of tapedeck',
    partition: numberOf('partition'),
    recordOffset: numberOf('offset'),
    lastOffset: numberOf('lastOffset'),
    feed: textOf('feed'),
    raw: textOf('raw') ?? value
  }
}

function objectOf(value: string): Json | undefined {
  try {
    const parsed: unknown = JSON.parse(value)
    return isObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

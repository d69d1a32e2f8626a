import { encodeTradeRecord, type TradeRecord } from '@tapedeck/domain'
import { MAX_SEND_RECORDS, type OutgoingRecord } from '@tapedeck/kafka'
import type { Letter } from './journal.ts'
import { MARK_LETTERS, markRecord, type Mark } from './mark.ts'
import { replayPlan, type ReplayNames } from './plan.ts'

/** Where a replay writes: the topic of the trades and that of the letters. */
export interface ReplayTargets {
  publish(records: readonly OutgoingRecord[]): Promise<void>
  mark(records: readonly OutgoingRecord[]): Promise<void>
}

export interface ReplayOutcome {
  readonly replayed: number
  readonly trades: number
  /** Letters that still do not fit, with the reason. */
  readonly refused: readonly { readonly offset: number; readonly problem: string }[]
}

/** Letters between two pairs of marks: what a crash leaves in doubt at most. */
const CHUNK_LETTERS = 200

/** Names a run of replays as a connection, after all that were there before. */
export function replayConnection(nowMs: number): string {
  return `${nowMs.toString(36).padStart(9, '0')}replay`
}

/**
 * Publishes the letters that fit, ascending by offset, and marks them. Without targets it only says
 * what it would do.
 */
export async function replayLetters(
  letters: readonly Letter[],
  names: ReplayNames,
  targets: ReplayTargets | undefined
): Promise<ReplayOutcome> {
  const refused: { offset: number; problem: string }[] = []
  const fitting: { offset: number; records: readonly TradeRecord[] }[] = []
  for (const letter of letters.toSorted((a, b) => a.offset - b.offset)) {
    const { records, problem } = replayPlan(letter, names)
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

/** Marks letters as done with; Kafka itself removes no single record. */
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

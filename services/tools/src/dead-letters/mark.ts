import type { OutgoingRecord } from '@tapedeck/kafka'

/** The key of a mark: no reason of a letter has a blank in front. */
export const MARK_KEY = ' mark'

/** Letters in one mark at most, so that it stays far below what a broker takes. */
export const MARK_LETTERS = 1000

/**
 * What was done with letters, kept on the dead-letter topic behind them. `replaying` is written before
 * the first of their records, `replayed` after the last: what lies between a crash is known and is done
 * again under the same names.
 */
export interface Mark {
  readonly mark: 'replaying' | 'replayed' | 'dropped'
  /** Offsets on the dead-letter topic. */
  readonly letters: readonly number[]
  /** Connection of the records; none for dropped ones. */
  readonly connection?: string
}

export function markRecord(mark: Mark): OutgoingRecord {
  return { key: MARK_KEY, value: JSON.stringify(mark) }
}

/** Undefined for what is no mark: it changes nothing then. */
export function markOf(value: string): Mark | undefined {
  try {
    const { mark, letters, connection } = JSON.parse(value) as Partial<Record<keyof Mark, unknown>>
    if (mark !== 'replaying' && mark !== 'replayed' && mark !== 'dropped') return undefined
    if (!Array.isArray(letters)) return undefined
    const offsets = letters.filter((one): one is number => Number.isSafeInteger(one))
    return { mark, letters: offsets, ...(typeof connection === 'string' && { connection }) }
  } catch {
    return undefined
  }
}

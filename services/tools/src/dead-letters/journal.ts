import { MARK_KEY, markOf, type Mark } from './mark.ts'
import type { DeadRecord } from '@tapedeck/kafka'

/** `in doubt`: a replay began and did not say that it ended. */
export type LetterState = 'open' | 'in doubt' | 'replayed' | 'dropped'

/** What is known of a letter without its text. */
export interface LetterEntry {
  readonly offset: number
  readonly storedAtMs: number
  readonly stage: string
  readonly reason: string
  readonly state: LetterState
  /** Under which connection its trades were or are to be published; none while open or dropped. */
  readonly connection: string | undefined
}

/** Whether there is still something to do about a letter. */
export function isOpen({ state }: Pick<LetterEntry, 'state'>): boolean {
  return state === 'open' || state === 'in doubt'
}

/** A letter as it stands on the topic. */
export interface Letter {
  readonly offset: number
  readonly storedAtMs: number
  readonly stage: string
  readonly reason: string
  /** Where the record stood in `raw_data`, for letters of the consumer. */
  readonly partition: number | undefined
  readonly recordOffset: number | undefined
  /** The feed it came from, when the letter says so. */
  readonly feed: string | undefined
  readonly raw: string
}

/** What a mark makes of a letter. */
const STATES: Readonly<Record<Mark['mark'], LetterState>> = {
  replaying: 'in doubt',
  replayed: 'replayed',
  dropped: 'dropped'
}

/**
 * Follows the dead-letter topic from its first record: letters, and the marks behind them that say what
 * became of each. The topic is its own journal, so that a letter and what is known of it are kept, and
 * lost, together.
 */
export class DeadJournal {
  readonly #entries = new Map<number, LetterEntry>()

  take(record: DeadRecord): void {
    if (record.key === MARK_KEY) {
      const mark = markOf(record.value)
      if (mark !== undefined) this.#apply(mark)
      return
    }
    const { offset, storedAtMs, stage, reason } = letterOf(record)
    const state = 'open'
    const connection = undefined
    this.#entries.set(offset, { offset, storedAtMs, stage, reason, state, connection })
  }

  /** Ascending by offset. */
  get letters(): readonly LetterEntry[] {
    return [...this.#entries.values()]
  }

  #apply({ mark, letters, connection }: Mark): void {
    for (const offset of letters) {
      const entry = this.#entries.get(offset)
      if (entry === undefined) continue // removed by the topic's retention
      this.#entries.set(offset, { ...entry, state: STATES[mark], connection })
    }
  }
}

/** Reads a letter; what is none is one all the same, so that nothing on the topic stays unseen. */
export function letterOf({ offset, storedAtMs, value }: DeadRecord): Letter {
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
    feed: textOf('feed'),
    raw: textOf('raw') ?? value
  }
}

/** What follows the colon differs from letter to letter. */
export function reasonLabel(reason: string): string {
  return reason.split(':', 1)[0] ?? reason
}

function objectOf(value: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(value)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}

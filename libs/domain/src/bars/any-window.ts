import type { GapList } from '../feed-gaps.ts'
import { sessionSpanAt, tradingDateAt } from '../sessions.ts'
import { BarAccumulator } from './accumulator.ts'
import { objectMaker, STORED_BAR, type BarContext, type BarFields } from './bar-fields.ts'
import { Bar, barId, type RevisionCause, type StoredBar } from './bar.ts'
import { ExactSum } from './exact-sum.ts'
import { lengthName, PANE_MS } from './window.ts'

/** The timeframe of the stored bars that windows of any length are merged from: one bar a pane. */
export const SECONDS = '1s'
/** A window is a day long at most. */
const LONGEST_MS = 86_400_000
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** The valid lengths of a window, for messages. */
export const WINDOW_LENGTHS = 'whole seconds, minutes or hours up to 24h, such as 90s, 7m or 2h'

/** Windows of any length that is a whole number of panes. */
export interface AnyWindow {
  readonly lengthMs: number
  /**
   * From where windows are counted: `utc` from 1970-01-01T00:00Z on, `session` from the begin of each session of
   * the calendar, whose end cuts the last one.
   */
  readonly origin: 'utc' | 'session'
}

/** The length that a text such as 90s, 7m or 2h names, ms; undefined when it names none. */
export function windowLength(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,5})([smh])$/.exec(text) ?? []
  const lengthMs = Number(count) * (UNIT_MS[unit] ?? 0)
  return lengthMs >= PANE_MS && lengthMs <= LONGEST_MS ? lengthMs : undefined
}

/** The window that holds a moment, [startMs, endMs). */
export function anyWindowAt(
  symbol: string,
  { lengthMs, origin }: AnyWindow,
  atMs: number
): { readonly startMs: number; readonly endMs: number } {
  const span =
    origin === 'session' ? sessionSpanAt(symbol, atMs) : { startMs: 0, endMs: Number.MAX_VALUE }
  const startMs = span.startMs + Math.floor((atMs - span.startMs) / lengthMs) * lengthMs
  return { startMs, endMs: Math.min(startMs + lengthMs, span.endMs) }
}

/** A stored bar of one second, with what its document has beside the bar. */
export interface StoredSecond extends StoredBar {
  readonly policy: string
  readonly conditionVersion: number | null
  /** The partition whose records it is made of. */
  readonly log: string
}

/** What is known of a partition beside its bars. */
export interface PartitionFacts {
  readonly gaps: GapList
  /** No further trade is expected before it, epoch ms. */
  readonly watermarkMs: number
}

export interface WindowComposerOptions {
  readonly window: AnyWindow
  /** The order of the seconds that are added. */
  readonly order: 'asc' | 'desc'
  factsOf(log: string): PartitionFacts
}

/**
 * Merges stored bars of one second into bars of any window, as the consumer merges panes: sums, prices, times, session,
 * feed, coverage and gap ids equal those of a stored bar of the same window in every digit.
 *
 * Seconds do not say what was late for the window: a trade that came after its second was final may have been in time for
 * it, and a gap may revise the window and none of its seconds. `revision`, `lateCount` and `lateVolume` are therefore the
 * sums of the seconds, and `revisionCause` is that of the last revised one. The bar is provisional until the watermark has
 * passed its end and its seconds are final.
 *
 * It holds the windows that may still change, about one for each symbol.
 */
export class WindowComposer {
  readonly #options: WindowComposerOptions
  readonly #name: string
  readonly #open = new Map<string, ComposedBar>()

  constructor(options: WindowComposerOptions) {
    this.#options = options
    this.#name = lengthName(options.window.lengthMs)
  }

  /** Adds the next second in the order of time. */
  add(second: StoredSecond): void {
    const { symbol, startMs } = second
    const window = anyWindowAt(symbol, this.#options.window, startMs)
    const id = barId(symbol, this.#name, window.startMs)
    let bar = this.#open.get(id)
    if (bar === undefined) {
      bar = new ComposedBar({ id, symbol, timeframe: this.#name, ...window }, second)
      this.#open.set(id, bar)
    }
    bar.merge(second)
  }

  /**
   * The bars that no second changes any more, by start, then by symbol, in the order of the seconds.
   * @param reachedMs the start of the last second that was added, epoch ms; undefined after the last one of all
   */
  drain(reachedMs?: number): BarFields[] {
    const { order, window, factsOf } = this.#options
    const isOver = ({ startMs }: ComposedBar): boolean => {
      if (reachedMs === undefined) return true
      // By the full length also where a session cuts a window, so that starts ascend over symbols of several calendars.
      return order === 'asc' ? startMs + window.lengthMs <= reachedMs : startMs > reachedMs
    }
    const over = [...this.#open.values()].filter(isOver)
    for (const { id } of over) this.#open.delete(id)
    const sign = order === 'asc' ? 1 : -1
    over.sort((a, b) => sign * (a.startMs - b.startMs || (a.symbol < b.symbol ? -1 : 1)))
    return over.map((bar) => bar.close(factsOf(bar.log)))
  }
}

const makeFields = objectMaker<[Bar, BarContext], BarFields>(STORED_BAR)

type NewBar = Pick<StoredBar, 'id' | 'symbol' | 'timeframe' | 'startMs' | 'endMs'>

class ComposedBar {
  readonly id: string
  readonly symbol: string
  readonly startMs: number
  readonly #bar: Bar
  #newest: StoredSecond
  #areFinal = true
  #revision = 0
  #cause: RevisionCause | null = null
  #causeMs = -Infinity
  #policy: string
  #conditionVersion: number | null

  constructor(bar: NewBar, first: StoredSecond) {
    this.id = bar.id
    this.symbol = bar.symbol
    this.startMs = bar.startMs
    this.#bar = new Bar({ ...bar, status: 'provisional', revision: 0, lateCount: 0, offset: 0 })
    this.#newest = first
    this.#policy = first.policy
    this.#conditionVersion = first.conditionVersion
  }

  /** The partition of its newest second. */
  get log(): string {
    return this.#newest.log
  }

  merge(second: StoredSecond): void {
    const { startMs, status, revision, revisionCause = null, lateCount, lateVolume } = second
    const volume = new ExactSum()
    volume.set(lateVolume ?? 0)
    const late = lateCount > 0 ? { offsets: [], trades: lateCount, volume } : undefined
    this.#bar.merge(new BarAccumulator(second.accumulator), late, true)
    if (startMs > this.#newest.startMs) this.#newest = second
    if (status === 'provisional') this.#areFinal = false
    this.#revision += revision
    if (revisionCause !== null && startMs > this.#causeMs) {
      this.#cause = revisionCause
      this.#causeMs = startMs
    }
    if (second.policy !== this.#policy) this.#policy = 'mixed'
    if (second.conditionVersion !== this.#conditionVersion) this.#conditionVersion = null
  }

  close({ gaps, watermarkMs }: PartitionFacts): BarFields {
    const bar = this.#bar
    bar.coverBy(gaps)
    const isFinal = this.#areFinal && watermarkMs >= bar.endMs
    const { tradeDate } = tradingDateAt(this.symbol, this.startMs)
    return {
      ...makeFields(bar, { policy: this.#policy, tradeDate }),
      status: isFinal ? (this.#revision > 0 ? 'revised' : 'final') : 'provisional',
      revision: this.#revision,
      revisionCause: this.#cause,
      conditionVersion: this.#conditionVersion as number
    }
  }
}

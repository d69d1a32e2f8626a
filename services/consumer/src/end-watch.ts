import { messageOf } from '@tapedeck/core'
import type { LogEnds } from '@tapedeck/kafka'

export interface EndWatchDeps {
  readonly ends: Pick<LogEnds, 'look'>
  /** Of every partition that is read. */
  positions(): Iterable<ReadPosition>
  /** Milliseconds that no change of the host's clock moves. */
  monotonicMs(): number
}

/** Time between two looks. */
export const LOOK_INTERVAL_MS = 1000
/** A longer time between two answered looks is an interruption: the log was out of sight. */
const INTERRUPTION_MS = 5000
/** After an interruption records that waited elsewhere may come this late; without any the clock goes on. */
const CATCH_UP_MS = 30_000
/** The broker is said to be silent after this time without an answer. */
const SILENT_MS = 10_000
/** Reading is said to be stuck after this time without a record although records wait. */
const STUCK_MS = 60_000

/** How far a partition was read, and when its last record was, on the monotonic clock. */
export interface ReadPosition {
  readonly partition: number
  readonly nextOffset: number
  readonly readAtMs: number
}

/**
 * Looks at the ends of the log's partitions every second, so that silence can be told from an unreachable
 * broker.
 *
 * Only the time in which a partition was known to be read to its end counts as idle; it is measured on the
 * monotonic clock, so that a jump of the host's clock moves no watermark. After an interruption the
 * producer still has records that it could not publish: nothing is idle until records received since then
 * arrive, or none at all for half a minute. The producer's clock, which may differ from that of this host, is
 * read off its records.
 */
export class EndWatch {
  readonly #deps: EndWatchDeps
  #ranges: Awaited<ReturnType<LogEnds['look']>> = new Map()
  /** When the last answered look was asked. */
  #askedAtMs: number | undefined
  #failure = 'it was not asked yet'
  readonly #openedAtMs: number
  /** Idleness counts from here. */
  #countsFromMs = 0
  /** When the newest record was received, by the producer's clock, and when it was read. */
  #newest: { readonly receivedAtMs: number; readonly readAtMs: number } | undefined
  /** The end of an interruption by the producer's clock, while records from before it may still come. */
  #resumedAtMs: number | undefined
  /** When the last record was read, or the interruption ended. */
  #lastRecordAtMs = 0
  /** Partitions with records to read, and since when none of them was. */
  #waiting = new Map<number, { readonly nextOffset: number; readonly sinceMs: number }>()

  constructor(deps: EndWatchDeps) {
    this.#deps = deps
    this.#openedAtMs = deps.monotonicMs()
  }

  /** Looks once. A look that fails is kept as the reason of `problems`. Returns whether the broker answered. */
  async look(): Promise<boolean> {
    const { ends, monotonicMs } = this.#deps
    const askedAtMs = monotonicMs()
    const before = this.#askedAtMs
    try {
      this.#ranges = await ends.look()
    } catch (error) {
      this.#failure = messageOf(error)
      return false
    }
    this.#askedAtMs = askedAtMs
    this.#noteWaiting(askedAtMs)
    if (before !== undefined && askedAtMs - before > INTERRUPTION_MS) {
      const { receivedAtMs, readAtMs } = this.#newest ?? NOTHING_READ
      this.#resumedAtMs = receivedAtMs + (askedAtMs - readAtMs)
      this.#lastRecordAtMs = askedAtMs
    }
    if (this.#resumedAtMs !== undefined) {
      this.#countsFromMs = askedAtMs
      if (askedAtMs - this.#lastRecordAtMs >= CATCH_UP_MS) this.#resumedAtMs = undefined
    }
    return true
  }

  /** Notes that a record was read. @param receivedAtMs when the producer received it, epoch ms */
  noteRecord(receivedAtMs: number): void {
    const isNewest = this.#newest === undefined || receivedAtMs > this.#newest.receivedAtMs
    if (!isNewest && this.#resumedAtMs === undefined) return
    const readAtMs = this.#deps.monotonicMs()
    if (isNewest) this.#newest = { receivedAtMs, readAtMs }
    if (this.#resumedAtMs === undefined) return
    this.#lastRecordAtMs = readAtMs
    if (receivedAtMs >= this.#resumedAtMs) this.#resumedAtMs = undefined
  }

  /** The offset after the last record of a partition when it was last seen; 0 before the first look. */
  endOf(partition: number): number {
    return this.#ranges.get(partition)?.high ?? 0
  }

  /** Whether a partition, when it was last seen, ended before this offset. */
  endsBefore(partition: number, offset: number): boolean {
    const range = this.#ranges.get(partition)
    return range !== undefined && range.high < offset
  }

  /**
   * How long a partition was idle: read to its end from its last record, at the earliest from `fromMs`, to the
   * last look.
   * @param fromMs up to where idleness was counted, on the monotonic clock
   * @returns also up to where it is counted now
   */
  idleSince({ partition, nextOffset, readAtMs }: ReadPosition, fromMs: number): IdleTime {
    const beginMs = Math.max(fromMs, readAtMs, this.#countsFromMs)
    const untilMs = this.#askedAtMs ?? beginMs
    const range = this.#ranges.get(partition)
    const isRead = range !== undefined && Math.max(nextOffset, range.low) >= range.high
    const isIdle = isRead && untilMs > beginMs
    return isIdle ? { idleMs: untilMs - beginMs, untilMs } : { idleMs: 0, untilMs: fromMs }
  }

  /** Why results may be behind the log, in sentences. */
  problems(): string[] {
    const nowMs = this.#deps.monotonicMs()
    const silentMs = nowMs - (this.#askedAtMs ?? this.#openedAtMs)
    if (silentMs > SILENT_MS) {
      return [`Kafka has not answered for ${seconds(silentMs)}: ${this.#failure}`]
    }
    return [...this.#removed(), ...this.#stuck(nowMs)]
  }

  /** Removed records become a gap with the next one that is read. */
  #removed(): string[] {
    return [...this.#deps.positions()].flatMap(({ partition, nextOffset }) => {
      const count = (this.#ranges.get(partition)?.low ?? 0) - nextOffset
      return count > 0
        ? `${count} records of partition ${partition} were removed before they were read`
        : []
    })
  }

  #stuck(nowMs: number): string[] {
    return [...this.#waiting].flatMap(([partition, { nextOffset, sinceMs }]) => {
      const stuckMs = nowMs - sinceMs
      if (stuckMs < STUCK_MS) return []
      const records = this.endOf(partition) - nextOffset
      return `nothing was read of partition ${partition} for ${seconds(stuckMs)}, although ${records} records wait`
    })
  }

  #noteWaiting(nowMs: number): void {
    const before = this.#waiting
    this.#waiting = new Map()
    for (const { partition, nextOffset } of this.#deps.positions()) {
      const { low, high } = this.#ranges.get(partition) ?? UNSEEN
      if (Math.max(nextOffset, low) >= high) continue
      const known = before.get(partition)
      const isSame = known?.nextOffset === nextOffset
      this.#waiting.set(partition, isSame ? known : { nextOffset, sinceMs: nowMs })
    }
  }
}

const UNSEEN = { low: 0, high: 0 }

/** Without a record before an interruption, any after it ends the wait. */
const NOTHING_READ = { receivedAtMs: -Infinity, readAtMs: 0 }

interface IdleTime {
  readonly idleMs: number
  readonly untilMs: number
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

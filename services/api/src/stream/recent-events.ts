import type { Clock } from '@tapedeck/core'
import type { Place } from './client.ts'
import type { StreamEvent } from './events.ts'
import type { Log, LogPositions } from './positions.ts'

/** One record that was read. */
interface Entry {
  readonly place: Place
  readonly atMs: number
  readonly events: readonly StreamEvent[]
}

/** A record without an event takes this much, bytes. */
const ENTRY_BYTES = 120
/** Entries that are dropped from the front before the list is copied. */
const COMPACT = 10_000

/** The events of the last while, in the order of reading, for clients that resume or join at a position. */
export class RecentEvents {
  readonly #keptMs: number
  readonly #mostBytes: number
  readonly #clock: Clock
  #entries: (Entry | undefined)[] = []
  /** How many entries were dropped from the list, and the index of the oldest that is kept. */
  #dropped = 0
  #first = 0
  #bytes = 0
  /** The first offset of each partition whose events are here, as `log/partition`. */
  readonly #starts = new Map<string, number>()

  /** @param mostBytes of events in memory, about; beyond it the oldest are dropped before their time */
  constructor(keptMs: number, mostBytes: number, clock: Clock) {
    this.#keptMs = keptMs
    this.#mostBytes = mostBytes
    this.#clock = clock
  }

  begin(positions: LogPositions): void {
    for (const [log, offsets] of positions) {
      for (const [partition, offset] of offsets) this.#starts.set(`${log}/${partition}`, offset)
    }
  }

  add(place: Place, events: readonly StreamEvent[]): void {
    const atMs = this.#clock.now()
    this.#entries.push({ place, atMs, events })
    this.#bytes += bytesOf(events)
    while (this.#first < this.#entries.length) {
      const oldest = this.#entries[this.#first]
      if (oldest === undefined) break
      if (oldest.atMs >= atMs - this.#keptMs && this.#bytes <= this.#mostBytes) break
      // Gone from memory at once: a record may have a hundred bars.
      this.#entries[this.#first++] = undefined
      this.#bytes -= bytesOf(oldest.events)
      const { log, partition, offset } = oldest.place
      const name = `${log}/${partition}`
      this.#starts.set(name, Math.max(offset + 1, this.#starts.get(name) ?? 0))
    }
    if (this.#first > COMPACT) {
      this.#entries = this.#entries.slice(this.#first)
      this.#dropped += this.#first
      this.#first = 0
    }
  }

  /** Records of a partition before this offset are gone that were not read. */
  lose(log: Log, partition: number, offset: number): void {
    this.#starts.set(`${log}/${partition}`, offset)
  }

  /** Drops everything: the log is another one. */
  clear(): void {
    this.#dropped += this.#entries.length
    this.#entries = []
    this.#first = 0
    this.#bytes = 0
    this.#starts.clear()
  }

  /** Whether every event of the partition from this offset on is here or still to come. */
  reaches(log: Log, partition: number, offset: number): boolean {
    return offset >= (this.#starts.get(`${log}/${partition}`) ?? 0)
  }

  /** The numbers of the oldest record that is kept, and of the next one to come. */
  get span(): { readonly first: number; readonly end: number } {
    return { first: this.#dropped + this.#first, end: this.#dropped + this.#entries.length }
  }

  /** The events of the record with this number, with their place in their own log. */
  at(
    number: number
  ): { readonly place: Place; readonly events: readonly StreamEvent[] } | undefined {
    return this.#entries[number - this.#dropped]
  }
}

/**
 * What an event takes beside its rows, and a row beside its text, bytes: a little more than was measured of trades, bars and
 * forecasts on a heap (400 to 860 an event). Rows alone would fill a heap of two to three times their size.
 */
const EVENT_BYTES = 280
const ROW_BYTES = 230

function bytesOf(events: readonly StreamEvent[]): number {
  return events.reduce(
    (sum, { rows }) => rows.reduce((all, row) => all + ROW_BYTES + row.length, sum + EVENT_BYTES),
    ENTRY_BYTES
  )
}

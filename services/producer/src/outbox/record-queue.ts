import type { QueuedRecord } from './spool-entry.ts'

/** A record in memory, with the monotonic time at which it came. */
export type WaitingRecord = QueuedRecord & { readonly addedMs: number }

/** Records at most; kept few because each is at risk while it is only in memory. */
const CAPACITY_RECORDS = 4000
/** Beyond them, for records that say what was lost or missed. */
const RESERVE_RECORDS = 1000
const CAPACITY_BYTES = 16 * 1024 * 1024

/** First in, first out, with a look at the size and age of what it holds. */
export class RecordQueue {
  #records: WaitingRecord[] = []
  #bytes = 0

  get length(): number {
    return this.#records.length
  }

  get isFull(): boolean {
    return this.#records.length >= CAPACITY_RECORDS || this.#bytes >= CAPACITY_BYTES
  }

  /** Not even a record without trades has room. */
  get isReserveFull(): boolean {
    return this.#records.length >= CAPACITY_RECORDS + RESERVE_RECORDS
  }

  get oldest(): WaitingRecord | undefined {
    return this.#records[0]
  }

  push(record: WaitingRecord): void {
    this.#records.push(record)
    this.#bytes += record.value.length
  }

  /** Takes the oldest ones; a single one may be larger than `maxBytes`. */
  take(maxRecords: number, maxBytes: number): readonly WaitingRecord[] {
    let count = 0
    let bytes = 0
    for (const { value } of this.#records) {
      if (count >= maxRecords || (count > 0 && bytes + value.length > maxBytes)) break
      count++
      bytes += value.length
    }
    this.#bytes -= bytes
    return this.#records.splice(0, count)
  }

  takeAll(): readonly WaitingRecord[] {
    const all = this.#records
    this.#records = []
    this.#bytes = 0
    return all
  }

  /** Puts back what was taken: before everything that came since. */
  putBack(records: readonly WaitingRecord[]): void {
    if (records.length === 0) return
    this.#records = [...records, ...this.#records]
    for (const { value } of records) this.#bytes += value.length
  }
}

import { systemClock, TapedeckError } from '@tapedeck/core'
import { encodeTradeRecord, type TradeRecord } from '@tapedeck/domain'
import { Dispatch, type DispatchDeps } from './dispatch.ts'
import { LossReport } from './loss-report.ts'
import { Movement } from './movement.ts'
import { RecordQueue, type WaitingRecord } from './record-queue.ts'
import { exposedCount, Spill } from './spill.ts'
import type { QueuedRecord } from './spool-entry.ts'

export interface OutboxDeps extends DispatchDeps {
  /** How long a record may be in memory alone before it is written to the spool, ms. */
  readonly spoolAfterMs: number
}

/** What waits between feed and broker. */
export interface Depth {
  /** In memory alone. */
  readonly records: number
  /** On disk. */
  readonly bytes: number
  /** Since the oldest was received, ms; 0 when nothing waits. */
  readonly oldestMs: number
}

/** Between two tries of a spool that takes nothing. */
const RETRY_MS = 1000

/**
 * Everything received on its way to the broker, in order: first what a former life left in the
 * spool, then memory. `docs/adr/0009-spool.md` says what can be lost when.
 *
 * While sends succeed nothing touches the disk: a full memory makes `add` wait. What waits longer
 * than `spoolAfterMs` goes to the spool, and so does a full memory behind a spool that is not empty.
 * When the spool takes nothing and nothing gets through, the newest are given up and reported.
 */
export class Outbox {
  readonly #deps: OutboxDeps
  readonly #memory = new RecordQueue()
  readonly #spill: Spill
  readonly #dispatch: Dispatch
  readonly #loss: LossReport
  readonly #movement = new Movement()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(deps: OutboxDeps) {
    const { spool, spoolMetrics, log } = deps
    this.#deps = deps
    this.#spill = new Spill(spool, spoolMetrics, log)
    this.#dispatch = new Dispatch(deps, this.#memory, this.#spill, () => this.#moved())
    this.#loss = new LossReport(spoolMetrics, deps.onLoss)
    spoolMetrics.spoolCutBytes.inc(spool.cutBytes)
    this.#moved()
    this.#dispatch.start()
  }

  /** Why nothing gets through, or nothing more can be kept, at present. */
  get failure(): TapedeckError | undefined {
    return this.#dispatch.failure ?? this.#spill.problem
  }

  get depth(): Depth {
    const { inFlight } = this.#dispatch
    const oldest = inFlight?.records[0] ?? this.#spill.moving[0] ?? this.#memory.oldest
    return {
      records: this.#exposedRecords,
      bytes: this.#deps.spool.bytes,
      oldestMs: oldest === undefined ? 0 : Math.max(0, systemClock.now() - oldest.receivedAt)
    }
  }

  /** Receive time of the oldest record that only memory has; undefined while a kill would lose none. */
  get exposedSinceMs(): number | undefined {
    const { inFlight } = this.#dispatch
    const exposed = exposedCount(inFlight) > 0 ? inFlight?.records[inFlight.spooled] : undefined
    return (exposed ?? this.#spill.moving[0] ?? this.#memory.oldest)?.receivedAt
  }

  /** Takes records in, after waiting for room if need be. @throws what ended the sending */
  async add(records: readonly TradeRecord[]): Promise<void> {
    const addedMs = performance.now()
    for (const record of records) {
      const { key, value } = encodeTradeRecord(record)
      const { receivedAt, trades } = record
      const waiting: WaitingRecord = {
        key,
        value,
        partition: undefined,
        trades: trades.length,
        receivedAt,
        addedMs
      }
      if (this.#memory.isFull && !(await this.#makeRoom())) this.#lose(waiting)
      else this.#push(waiting)
    }
  }

  /**
   * Takes in a record that says something of those around it, such as a gap: it keeps its place in
   * the order, never waits, and may use room that trades may not.
   */
  announce(record: Omit<QueuedRecord, 'trades'>): void {
    const waiting: WaitingRecord = { ...record, trades: 0, addedMs: performance.now() }
    if (this.#memory.isReserveFull) this.#lose(waiting)
    else this.#push(waiting)
  }

  /** True as soon as the broker has everything, false when it has not after `limitMs`. */
  async drained(limitMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + limitMs
    for (;;) {
      this.#throwIfEnded()
      const leftMs = deadlineMs - performance.now()
      if (this.#isEmpty || leftMs <= 0) return this.#isEmpty
      await this.#movement.wait(leftMs)
    }
  }

  /**
   * Ends the sending. What the broker has not taken after `limitMs`, or while it does not answer,
   * goes to the spool, synced, for the next life.
   *
   * @throws SPOOL_FULL or SPOOL_FAILED when something could not be kept
   */
  async close(limitMs: number): Promise<void> {
    const deadlineMs = performance.now() + limitMs
    while (!this.#isEmpty && this.failure === undefined && this.#dispatch.error === undefined) {
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0) break
      await this.#movement.wait(leftMs)
    }
    this.#isClosed = true
    this.#dispatch.giveUp()
    clearTimeout(this.#timer)
    await this.#spill.settled()
    const { inFlight } = this.#dispatch
    await this.#spill.run(inFlight, this.#memory)
    const left = [...(inFlight?.records.slice(inFlight.spooled) ?? []), ...this.#memory.takeAll()]
    for (const record of left) this.#loss.add(record, 'stopped')
    this.#loss.flush()
    await this.#deps.spool.close()
    if (left.length > 0 && this.#spill.problem !== undefined) throw this.#spill.problem
  }

  get #isEmpty(): boolean {
    const { spool } = this.#deps
    return this.#exposedRecords === 0 && this.#dispatch.inFlight === undefined && spool.isEmpty
  }

  /** Records that only memory has: waiting, in flight, or on their way to the disk. */
  get #exposedRecords(): number {
    const { moving } = this.#spill
    return this.#memory.length + moving.length + exposedCount(this.#dispatch.inFlight)
  }

  /** Nothing got through for as long as it may take. */
  get #isStalled(): boolean {
    const sentMs = this.#dispatch.inFlight?.sentMs ?? Infinity
    const isSlow = performance.now() - sentMs > this.#deps.spoolAfterMs
    return isSlow || this.#dispatch.failure !== undefined
  }

  /** Age of the oldest record that is in memory alone, ms; -Infinity when there is none. */
  get #exposedMs(): number {
    const { inFlight } = this.#dispatch
    const oldest = exposedCount(inFlight) > 0 ? inFlight : this.#memory.oldest
    return oldest === undefined ? -Infinity : performance.now() - oldest.addedMs
  }

  #push(record: WaitingRecord): void {
    if (this.#isClosed) throw new TapedeckError('QUEUE_CLOSED', 'Cannot add to a closed outbox')
    this.#loss.flush() // the report may announce: it comes before what follows the loss
    this.#memory.push(record)
    this.#dispatch.start()
    this.#watchAge()
  }

  #lose(record: QueuedRecord): void {
    const isFull = this.#spill.problem?.code === 'SPOOL_FULL'
    this.#loss.add(record, isFull ? 'spool_full' : 'spool_failed')
  }

  /** Waits until memory has room; false when waiting would not help. */
  async #makeRoom(): Promise<boolean> {
    while (this.#memory.isFull) {
      this.#throwIfEnded()
      const { problem } = this.#spill
      const isBehind = !this.#deps.spool.isEmpty || this.#exposedMs >= this.#deps.spoolAfterMs
      if (problem === undefined && isBehind) {
        await this.#spill.run(this.#dispatch.inFlight, this.#memory)
      } else if (problem !== undefined && this.#isStalled) return false
      else await this.#movement.wait(this.#deps.spoolAfterMs)
    }
    return true
  }

  #watchAge(): void {
    if (this.#timer !== undefined || this.#isClosed) return
    const ageMs = this.#exposedMs
    if (ageMs === -Infinity) return
    const { spoolAfterMs } = this.#deps
    const waitMs = this.#spill.problem === undefined ? Math.max(1, spoolAfterMs - ageMs) : RETRY_MS
    this.#timer = setTimeout(() => void this.#lookAtAge(), waitMs)
  }

  async #lookAtAge(): Promise<void> {
    if (this.#exposedMs >= this.#deps.spoolAfterMs) {
      await this.#spill.run(this.#dispatch.inFlight, this.#memory)
    }
    if (this.#loss.isDue) this.#loss.flush()
    this.#timer = undefined
    this.#moved()
    this.#watchAge()
  }

  #moved(): void {
    const { spoolBytes, queuedRecords } = this.#deps.spoolMetrics
    spoolBytes.set(this.#deps.spool.bytes)
    queuedRecords.set(this.#exposedRecords)
    this.#movement.tell()
  }

  #throwIfEnded(): void {
    if (this.#dispatch.error !== undefined) throw this.#dispatch.error
  }
}

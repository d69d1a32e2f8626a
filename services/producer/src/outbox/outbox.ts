import { systemClock, TapedeckError } from '@tapedeck/core'
import {
  encodeGapRecord,
  encodeTradeRecord,
  type GapRecord,
  type TradeRecord
} from '@tapedeck/domain'
import { connectionId } from '@tapedeck/feed'
import { MAX_SEND_RECORDS } from '@tapedeck/kafka'
import type { DeadLetterSink } from '../dead-letter-sink.ts'
import { SendLoop, type SendLoopDeps } from './send-loop.ts'
import type { Position, QueuedRecord } from './spool-format.ts'
import type { Appended, Spool } from './spool.ts'

export interface OutboxDeps extends SendLoopDeps {
  /** Origin that the gap of a loss names. */
  readonly feed: string
  readonly spool: Spool
  /** How long a record may be in memory only before it is written to the spool, ms. */
  readonly spoolAfterMs: number
  readonly deadLetters: Pick<DeadLetterSink, 'add'>
}

/** A record in memory. */
interface WaitingRecord extends QueuedRecord {
  /** When it was added, on the monotonic clock. */
  readonly addedMs: number
  /** Receive time of the frame before its own, epoch ms: what is lost with it begins there. */
  readonly afterMs: number
}

/** The oldest records, which are in flight in one send. */
interface Batch {
  readonly records: readonly QueuedRecord[]
  /** How many of them, the last ones, are in memory only. */
  inMemory: number
  /** The position after those in the spool; undefined when all are in memory. */
  end: Position | undefined
  readonly sentMs: number
}

/** Records that were received and lost, by receive time in epoch ms. */
interface Loss {
  readonly sinceMs: number
  fromMs: number
  toMs: number
  /** Empty: any symbol. */
  readonly symbols: Set<string>
}

/** Records in memory at most; few, because a kill loses those in memory only. */
const CAPACITY_RECORDS = 4000
const CAPACITY_BYTES = 16 * 1024 * 1024
/** Room beyond the capacity for gaps, which describe what was lost or missed. */
const RESERVE_RECORDS = 1000
/** One send at most, so that a batch of large records stays below a broker's usual 1 MiB. */
const MAX_SEND_BYTES = 900_000
/** Delay between two tries of a failing disk. */
const DISK_RETRY_MS = 1000
const MEBIBYTE = 1024 ** 2
/** An ongoing loss is published this often. */
const LOSS_EVERY_MS = 10_000

/** An id that no other gap has; rises with time. */
export function gapId(nowMs: number): string {
  return `gap-${connectionId(nowMs)}`
}

/**
 * The queue of records for the broker, in order: first those that the previous run left in the spool, then
 * memory. `docs/adr/0009-spool.md` says what can be lost when.
 *
 * While sends succeed nothing is written to disk; `add` waits when memory is full. Records that wait longer
 * than `spoolAfterMs` overflow to the spool, and so does a full memory behind a non-empty spool. When the
 * spool accepts nothing and no send succeeds, the newest records are dropped and replaced by a gap.
 *
 * A record is either in `#memory`, which a kill loses, or in the spool. It leaves memory when it is
 * acknowledged or spooled, so the batch in flight is the head of one of the two.
 */
export class Outbox {
  readonly #deps: OutboxDeps
  readonly #sendLoop: SendLoop
  readonly #progress = new Signal()
  readonly #stop = new AbortController()
  /** Records in memory only, oldest first. */
  readonly #memory: WaitingRecord[] = []
  #memoryBytes = 0
  #batch: Batch | undefined
  #sending: Promise<void> | undefined
  #sendError: unknown
  #overflowing: Promise<void> | undefined
  #spoolProblem: TapedeckError | undefined
  #ageTimer: NodeJS.Timeout | undefined
  #loss: Loss | undefined
  #lastSentReceivedAt = systemClock.now()
  /** Receive time of the last record before a damaged part of the spool, until the first one after it. */
  #damagedFromMs: number | undefined
  #isClosed = false

  constructor(deps: OutboxDeps) {
    this.#deps = deps
    this.#sendLoop = new SendLoop(deps)
    deps.metrics.spoolCutBytes.inc(deps.spool.cutBytes)
    this.#reportProgress()
    this.#startSending()
  }

  /** Why sends fail at present, or why no more records can be kept. */
  get failure(): TapedeckError | undefined {
    return this.#sendLoop.failure ?? this.#spoolProblem
  }

  /** Why the broker does not have everything, in sentences; what waits in memory for a moment is no problem. */
  problems(): string[] {
    const { failure } = this
    const { bytes } = this.depth
    return [
      ...(failure === undefined ? [] : [failure.message]),
      ...(bytes === 0 ? [] : [`the spool holds ${sizeText(bytes)} that Kafka does not have yet`])
    ]
  }

  /** The backlog: records in memory only, and bytes on disk. */
  get depth(): { readonly records: number; readonly bytes: number } {
    return { records: this.#memory.length, bytes: this.#deps.spool.bytes }
  }

  /** True when the broker has everything. */
  get isEmpty(): boolean {
    return this.#memory.length === 0 && this.#batch === undefined && this.#deps.spool.isEmpty
  }

  /** Receive time of the frame before the oldest record in memory only; undefined while a kill would lose none. */
  get safeUntilMs(): number | undefined {
    return this.#memory[0]?.afterMs
  }

  /** Receive time of the oldest record in memory only; undefined while a kill would lose none. */
  get exposedSinceMs(): number | undefined {
    return this.#memory[0]?.receivedAt
  }

  /**
   * Adds records of a frame; waits for room if necessary.
   * @param beforeMs receive time of the frame before it, epoch ms; null when there was none
   * @throws QUEUE_CLOSED, or the error that ended the sending
   */
  async add(records: readonly TradeRecord[], beforeMs: number | null = null): Promise<void> {
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
        afterMs: Math.min(beforeMs ?? receivedAt - 1, receivedAt),
        addedMs
      }
      if (this.#isFull && !(await this.#makeRoom())) this.#giveUp(waiting)
      else this.#push(waiting)
    }
  }

  /** Adds a gap in order. It never waits, and may use the reserve. */
  announce(gap: GapRecord): void {
    const { at } = gap
    const record = { ...encodeGapRecord(gap), partition: 'all', trades: 0, receivedAt: at } as const
    const waiting: WaitingRecord = { ...record, afterMs: at - 1, addedMs: performance.now() }
    if (this.#isReserveFull) this.#giveUp(waiting)
    else this.#push(waiting)
  }

  /**
   * Stops sending. Records that the broker has not accepted after `limitMs`, or while it does not answer, are
   * written to the spool and synced, for the next run.
   *
   * @throws SPOOL_FULL or SPOOL_FAILED when something could not be kept
   */
  async close(limitMs: number): Promise<void> {
    const deadlineMs = performance.now() + limitMs
    this.#publishLoss()
    while (!this.isEmpty && this.failure === undefined && this.#sendError === undefined) {
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0) break
      await this.#progress.wait(leftMs)
    }
    this.#isClosed = true
    this.#stop.abort()
    clearTimeout(this.#ageTimer)
    while (this.#overflowing !== undefined) await this.#overflowing
    await this.#overflow()
    for (const record of this.#memory) this.#countLoss(record, 'stopped')
    await this.#deps.spool.close()
    if (this.#memory.length > 0 && this.#spoolProblem !== undefined) throw this.#spoolProblem
  }

  get #isFull(): boolean {
    return this.#memory.length >= CAPACITY_RECORDS || this.#memoryBytes >= CAPACITY_BYTES
  }

  get #isReserveFull(): boolean {
    return this.#memory.length >= CAPACITY_RECORDS + RESERVE_RECORDS
  }

  /** How long the oldest record has been in memory only, ms; -Infinity when there is none. */
  get #ageMs(): number {
    const [oldest] = this.#memory
    return oldest === undefined ? -Infinity : performance.now() - oldest.addedMs
  }

  #push(record: WaitingRecord): void {
    if (this.#isClosed) throw new TapedeckError('QUEUE_CLOSED', 'Cannot add to a closed outbox')
    this.#publishLoss()
    this.#memory.push(record)
    this.#memoryBytes += record.value.length
    this.#startSending()
    this.#watchAge()
  }

  /** Removes the oldest records from memory, because the broker or the spool has them. */
  #drop(count: number): void {
    for (const { value } of this.#memory.splice(0, count)) this.#memoryBytes -= value.length
  }

  /** Waits until memory has room; false when waiting would not help. */
  async #makeRoom(): Promise<boolean> {
    const { spool, spoolAfterMs } = this.#deps
    while (this.#isFull) {
      if (this.#sendError !== undefined) throw this.#sendError
      const hasProblem = this.#spoolProblem !== undefined
      if (!hasProblem && (!spool.isEmpty || this.#ageMs >= spoolAfterMs)) await this.#overflow()
      else if (hasProblem && this.#isStalled) return false
      else await this.#progress.wait(spoolAfterMs)
    }
    return true
  }

  /** No send succeeded for as long as one may take. */
  get #isStalled(): boolean {
    const sentMs = this.#batch?.sentMs ?? Infinity
    const isSlow = performance.now() - sentMs > this.#deps.spoolAfterMs
    return isSlow || this.#sendLoop.failure !== undefined
  }

  // From memory to the broker

  #startSending(): void {
    const isEnded = this.#stop.signal.aborted || this.#sendError !== undefined
    if (this.#sending !== undefined || isEnded) return
    // Not at once, because the records of a frame belong in one batch.
    this.#sending = Promise.resolve()
      .then(() => this.#sendAll())
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#sendError = error
      })
      .finally(() => {
        this.#sending = undefined
        // A record may have been added since the last check.
        if (this.#memory.length > 0) this.#startSending()
        this.#reportProgress()
      })
  }

  /** Sends one batch after the other: the spool first, as it is older, then memory. */
  async #sendAll(): Promise<void> {
    const { signal } = this.#stop
    for (let batch = await this.#next(); batch !== undefined; batch = await this.#next()) {
      const refused = await this.#sendLoop.send(batch.records, signal)
      // The outbox is being closed: the next run sends the batch again, and readers skip repeats.
      signal.throwIfAborted()
      for (const { record, reason } of refused) this.#deps.deadLetters.add(reason, record.value)
      this.#lastSentReceivedAt = batch.records.at(-1)?.receivedAt ?? this.#lastSentReceivedAt
      while (this.#overflowing !== undefined) await this.#overflowing
      this.#drop(batch.inMemory)
      batch.inMemory = 0
      if (batch.end !== undefined) await this.#acknowledge(batch.end)
      this.#batch = undefined
      this.#reportProgress()
    }
  }

  /** The oldest records; from here on they are in flight. */
  async #next(): Promise<Batch | undefined> {
    const { spool, metrics, log } = this.#deps
    for (;;) {
      this.#stop.signal.throwIfAborted()
      if (this.#overflowing !== undefined) await this.#overflowing
      else if (!spool.hasUnread) {
        const records = this.#oldestInMemory()
        this.#publishDamage(records[0])
        return records.length === 0 ? undefined : this.#begin(records, records.length, undefined)
      } else {
        try {
          const { records, end, damagedBytes } = await spool.read(MAX_SEND_RECORDS, MAX_SEND_BYTES)
          this.#publishDamage(records[0])
          if (damagedBytes > 0) this.#noteDamage(damagedBytes, records.at(-1))
          if (records.length > 0) return this.#begin(records, 0, end)
          await this.#acknowledge(end)
        } catch (error) {
          metrics.spoolErrors.inc()
          log.error({ err: error }, 'the spool cannot be read')
          await systemClock.delay(DISK_RETRY_MS, this.#stop.signal)
        }
      }
    }
  }

  #begin(records: readonly QueuedRecord[], inMemory: number, end: Position | undefined): Batch {
    return (this.#batch = { records, inMemory, end, sentMs: performance.now() })
  }

  /** As many records as fit one send; a single one may be larger. */
  #oldestInMemory(): readonly WaitingRecord[] {
    let count = 0
    let bytes = 0
    for (const { value } of this.#memory) {
      const isTooLong = count > 0 && bytes + value.length > MAX_SEND_BYTES
      if (count >= MAX_SEND_RECORDS || isTooLong) break
      count++
      bytes += value.length
    }
    return this.#memory.slice(0, count)
  }

  /** If the disk cannot store it, the next run sends some records again. */
  async #acknowledge(end: Position): Promise<void> {
    try {
      if (await this.#deps.spool.acknowledge(end)) this.#spoolProblem = undefined
    } catch (error) {
      this.#deps.metrics.spoolErrors.inc()
      this.#deps.log.error({ err: error }, 'the spool cannot store what was published')
    }
  }

  // From memory to the spool

  /** One at a time. Never rejects: records that were not written stay in memory. */
  #overflow(): Promise<void> {
    this.#overflowing ??= this.#writeMemory().finally(() => {
      this.#overflowing = undefined
    })
    return this.#overflowing
  }

  async #writeMemory(): Promise<void> {
    const batch = this.#batch
    let problem: TapedeckError | undefined
    if (batch !== undefined && batch.inMemory > 0) {
      const appended = await this.#writeOldest(batch.inMemory)
      problem = appended.problem
      batch.inMemory -= appended.taken
      if (appended.end !== undefined) {
        batch.end = appended.end
        this.#deps.spool.skipTo(appended.end)
      }
    }
    if (problem === undefined && this.#memory.length > 0) {
      problem = (await this.#writeOldest(this.#memory.length)).problem
    }
    const { metrics, log } = this.#deps
    if (problem?.code === 'SPOOL_FAILED') metrics.spoolErrors.inc()
    if (problem?.code !== this.#spoolProblem?.code) {
      if (problem === undefined) log.info('the spool accepts records again')
      else log.error({ err: problem }, 'the spool accepts no more records')
    }
    this.#spoolProblem = problem
  }

  async #writeOldest(count: number): Promise<Appended> {
    const appended = await this.#deps.spool.append(this.#memory.slice(0, count))
    this.#drop(appended.taken)
    this.#deps.metrics.recordsSpooled.inc(appended.taken)
    return appended
  }

  #watchAge(): void {
    if (this.#ageTimer !== undefined || this.#isClosed || this.#memory.length === 0) return
    const leftMs = Math.max(1, this.#deps.spoolAfterMs - this.#ageMs)
    const waitMs = this.#spoolProblem === undefined ? leftMs : DISK_RETRY_MS
    this.#ageTimer = setTimeout(() => void this.#checkAge(), waitMs)
  }

  async #checkAge(): Promise<void> {
    if (this.#ageMs >= this.#deps.spoolAfterMs) await this.#overflow()
    const lostForMs = this.#loss === undefined ? 0 : performance.now() - this.#loss.sinceMs
    if (lostForMs >= LOSS_EVERY_MS) this.#publishLoss()
    this.#ageTimer = undefined
    this.#reportProgress()
    this.#watchAge()
  }

  // What is lost

  #giveUp(record: QueuedRecord): void {
    const isFull = this.#spoolProblem?.code === 'SPOOL_FULL'
    this.#countLoss(record, isFull ? 'spool_full' : 'spool_failed')
    const { receivedAt, key, trades } = record
    this.#loss ??= {
      sinceMs: performance.now(),
      fromMs: receivedAt,
      toMs: receivedAt,
      symbols: new Set()
    }
    this.#loss.fromMs = Math.min(this.#loss.fromMs, receivedAt)
    this.#loss.toMs = Math.max(this.#loss.toMs, receivedAt)
    if (trades > 0) this.#loss.symbols.add(key)
  }

  #countLoss({ trades }: QueuedRecord, reason: 'spool_full' | 'spool_failed' | 'stopped'): void {
    this.#deps.metrics.recordsLost.inc({ reason })
    this.#deps.metrics.tradesLost.inc({ reason }, trades)
  }

  /** Publishes the records lost since the last time as one gap, before the records that follow. */
  #publishLoss(): void {
    if (this.#loss === undefined || this.#isReserveFull || this.#isClosed) return
    const { fromMs, toMs, symbols } = this.#loss
    this.#loss = undefined
    this.#announceLoss(fromMs, toMs, [...symbols].toSorted())
  }

  #noteDamage(bytes: number, last: QueuedRecord | undefined): void {
    this.#deps.metrics.spoolCutBytes.inc(bytes)
    this.#deps.log.error({ bytes }, 'a damaged part of the spool is skipped')
    this.#damagedFromMs ??= last?.receivedAt ?? this.#lastSentReceivedAt
  }

  #publishDamage(first: QueuedRecord | undefined): void {
    const fromMs = this.#damagedFromMs
    if (fromMs === undefined || first === undefined || first.receivedAt < fromMs) return
    this.#damagedFromMs = undefined
    this.#announceLoss(fromMs, first.receivedAt, [])
  }

  #announceLoss(fromMs: number, toMs: number, symbols: readonly string[]): void {
    const nowMs = systemClock.now()
    this.announce({
      version: 1,
      kind: 'gap',
      id: gapId(nowMs),
      feed: this.#deps.feed,
      fromMs,
      toMs,
      cause: 'received, but neither the broker nor the spool took it',
      symbols,
      at: nowMs
    })
  }

  #reportProgress(): void {
    const { metrics, spool } = this.#deps
    metrics.spoolBytes.set(spool.bytes)
    metrics.queuedRecords.set(this.#memory.length)
    this.#progress.notify()
  }
}

function sizeText(bytes: number): string {
  return bytes < MEBIBYTE
    ? `${Math.ceil(bytes / 1024)} KiB`
    : `${(bytes / MEBIBYTE).toFixed(1)} MiB`
}

/** Lets several callers wait for the next notification, each no longer than it wants to. */
class Signal {
  #next = Promise.withResolvers<void>()

  notify(): void {
    const { resolve } = this.#next
    this.#next = Promise.withResolvers<void>()
    resolve()
  }

  /** Resolves at the next `notify`, or after `limitMs`. */
  async wait(limitMs: number): Promise<void> {
    const limit = Promise.withResolvers<void>()
    const timer = setTimeout(limit.resolve, limitMs)
    try {
      await Promise.race([this.#next.promise, limit.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}

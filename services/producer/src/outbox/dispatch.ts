import { systemClock, type TapedeckError } from '@tapedeck/core'
import { MAX_SEND_RECORDS } from '@tapedeck/kafka'
import type { Loss } from './loss-report.ts'
import type { RecordQueue } from './record-queue.ts'
import { RecordSender, type RecordSenderDeps } from './record-sender.ts'
import type { Batch, Spill } from './spill.ts'
import type { Position } from './spool-folder.ts'
import type { SpoolMetrics } from './spool-metrics.ts'
import type { Spool } from './spool.ts'

export interface DispatchDeps extends RecordSenderDeps {
  readonly spool: Spool
  readonly spoolMetrics: SpoolMetrics
  readonly onLoss: (loss: Loss) => void
}

/** One send at most, so that a batch of large records stays below a broker's usual 1 MiB. */
const MAX_SEND_BYTES = 900_000
/** Between two tries of a disk that gives nothing. */
const DISK_RETRY_MS = 1000

/** Sends what is queued, one batch in flight: the spool first, as it is older, then memory. */
export class Dispatch {
  readonly #deps: DispatchDeps
  readonly #memory: RecordQueue
  readonly #spill: Spill
  readonly #onMovement: () => void
  readonly #sender: RecordSender
  readonly #giveUp = new AbortController()
  #inFlight: Batch | undefined
  #running: Promise<void> | undefined
  #error: unknown
  /** Receive time of the last record before a damaged place, until the first one after it is known. */
  #damagedSinceMs: number | undefined
  #lastReceivedAt: number

  constructor(deps: DispatchDeps, memory: RecordQueue, spill: Spill, onMovement: () => void) {
    this.#deps = deps
    this.#memory = memory
    this.#spill = spill
    this.#onMovement = onMovement
    this.#sender = new RecordSender(deps)
    this.#lastReceivedAt = systemClock.now()
  }

  get inFlight(): Batch | undefined {
    return this.#inFlight
  }

  /** Why nothing gets through at present. */
  get failure(): TapedeckError | undefined {
    return this.#sender.failure
  }

  /** What ended the sending for good. */
  get error(): unknown {
    return this.#error
  }

  start(): void {
    if (this.#running !== undefined || this.#giveUp.signal.aborted || this.#error !== undefined) {
      return
    }
    this.#running = this.#sendAll()
      .catch((error: unknown) => {
        if (!this.#giveUp.signal.aborted) this.#error = error
      })
      .finally(() => {
        this.#running = undefined
        // Something may have come between the last look and this moment.
        if (this.#memory.length > 0) this.start()
        this.#onMovement()
      })
  }

  /** What is in flight counts as not sent from now on, whatever becomes of it. */
  giveUp(): void {
    this.#giveUp.abort()
  }

  async #sendAll(): Promise<void> {
    const { signal } = this.#giveUp
    for (let batch = await this.#next(); batch !== undefined; batch = await this.#next()) {
      this.#reportDamage(batch)
      await this.#sender.send(batch.records, signal)
      // The spool is being closed: the next life sends it once more, which harms nobody.
      signal.throwIfAborted()
      this.#lastReceivedAt = batch.records.at(-1)?.receivedAt ?? this.#lastReceivedAt
      await this.#spill.settled()
      this.#inFlight = undefined
      if (batch.end !== undefined) await this.#acknowledge(batch.end)
      this.#onMovement()
    }
  }

  /** The oldest records; from here on they are in flight. */
  async #next(): Promise<Batch | undefined> {
    const { spool, log } = this.#deps
    for (;;) {
      this.#giveUp.signal.throwIfAborted()
      await this.#spill.settled()
      if (!spool.hasUnread) return this.#nextOfMemory()
      try {
        const { records, end, damagedBytes } = await spool.read(MAX_SEND_RECORDS, MAX_SEND_BYTES)
        if (damagedBytes > 0) this.#noteDamage(damagedBytes, records.at(-1)?.receivedAt)
        const [first] = records
        if (first !== undefined) {
          const sentMs = performance.now()
          this.#inFlight = { records, spooled: records.length, end, addedMs: sentMs, sentMs }
          return this.#inFlight
        }
        await this.#spill.settled()
        await this.#acknowledge(end)
      } catch (error) {
        this.#deps.spoolMetrics.spoolErrors.inc()
        log.error({ err: error }, 'the spool cannot be read')
        await systemClock.delay(DISK_RETRY_MS, this.#giveUp.signal)
      }
    }
  }

  #nextOfMemory(): Batch | undefined {
    const records = this.#memory.take(MAX_SEND_RECORDS, MAX_SEND_BYTES)
    const [first] = records
    if (first === undefined) return undefined
    const sentMs = performance.now()
    this.#inFlight = { records, spooled: 0, end: undefined, addedMs: first.addedMs, sentMs }
    return this.#inFlight
  }

  /** A disk that cannot note it costs a repetition in the next life, no more. */
  async #acknowledge(end: Position): Promise<void> {
    try {
      if (await this.#deps.spool.acknowledge(end)) this.#spill.forgetProblem()
    } catch (error) {
      this.#deps.spoolMetrics.spoolErrors.inc()
      this.#deps.log.error({ err: error }, 'the spool cannot note what was published')
    }
  }

  #noteDamage(bytes: number, lastReceivedAt: number | undefined): void {
    this.#deps.spoolMetrics.spoolCutBytes.inc(bytes)
    this.#deps.log.error({ bytes }, 'a part of the spool is damaged and passed over')
    this.#damagedSinceMs ??= lastReceivedAt ?? this.#lastReceivedAt
  }

  #reportDamage({ records: [first] }: Batch): void {
    const fromMs = this.#damagedSinceMs
    if (fromMs === undefined || first === undefined || first.receivedAt < fromMs) return
    this.#damagedSinceMs = undefined
    this.#deps.onLoss({ fromMs, toMs: first.receivedAt, trades: 0, symbols: [] })
  }
}

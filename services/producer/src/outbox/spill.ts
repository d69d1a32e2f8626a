import type { TapedeckError } from '@tapedeck/core'
import type { Logger } from '@tapedeck/service'
import type { RecordQueue, WaitingRecord } from './record-queue.ts'
import type { QueuedRecord } from './spool-entry.ts'
import type { Position } from './spool-folder.ts'
import type { SpoolMetrics } from './spool-metrics.ts'
import type { Spool } from './spool.ts'

/** Records on their way to the broker in one send. */
export interface Batch {
  readonly records: readonly QueuedRecord[]
  /** So many of them, from the first on, stand in the spool as well. */
  spooled: number
  /** Behind them in the spool; undefined when none stands there. */
  end: Position | undefined
  /** When the first of them came, monotonic ms. */
  readonly addedMs: number
  readonly sentMs: number
}

/** Records of a batch that are in memory alone. */
export function exposedCount(batch: Batch | undefined): number {
  return batch === undefined ? 0 : batch.records.length - batch.spooled
}

/** Moves what is only in memory to the spool: the batch in flight first, then what waits. */
export class Spill {
  readonly #spool: Spool
  readonly #metrics: SpoolMetrics
  readonly #log: Logger
  #running: Promise<void> | undefined
  #problem: TapedeckError | undefined
  /** On their way from memory to the disk, and not there yet. */
  #moving: readonly WaitingRecord[] = []

  constructor(spool: Spool, metrics: SpoolMetrics, log: Logger) {
    this.#spool = spool
    this.#metrics = metrics
    this.#log = log
  }

  /** Records that are neither in the queue nor on disk at this moment; the oldest first. */
  get moving(): readonly WaitingRecord[] {
    return this.#moving
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** What kept the last one from writing everything; SPOOL_FULL or SPOOL_FAILED. */
  get problem(): TapedeckError | undefined {
    return this.#problem
  }

  /** There is room again. */
  forgetProblem(): void {
    this.#problem = undefined
  }

  /** One at a time. Never rejects: what was not written is in memory as before. */
  run(batch: Batch | undefined, memory: RecordQueue): Promise<void> {
    this.#running ??= this.#move(batch, memory).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #move(batch: Batch | undefined, memory: RecordQueue): Promise<void> {
    let problem: TapedeckError | undefined
    let written = 0
    if (batch !== undefined && exposedCount(batch) > 0) {
      const appended = await this.#spool.append(batch.records.slice(batch.spooled))
      batch.spooled += appended.taken
      written += appended.taken
      problem = appended.problem
      if (appended.end !== undefined) {
        batch.end = appended.end
        this.#spool.skipTo(appended.end)
      }
    }
    if (problem === undefined && memory.length > 0) {
      const records = memory.takeAll()
      this.#moving = records
      const appended = await this.#spool.append(records)
      this.#moving = []
      memory.putBack(records.slice(appended.taken))
      written += appended.taken
      problem = appended.problem
    }
    this.#metrics.recordsSpooled.inc(written)
    if (problem?.code === 'SPOOL_FAILED') this.#metrics.spoolErrors.inc()
    if (problem?.code !== this.#problem?.code) {
      if (problem === undefined) this.#log.info('the spool takes records again')
      else this.#log.error({ err: problem }, 'the spool takes no more records')
    }
    this.#problem = problem
  }
}

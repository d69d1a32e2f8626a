import { fullJitter, hasCode, retry, TapedeckError } from '@tapedeck/core'
import { MAX_SEND_RECORDS, type Publisher } from '@tapedeck/kafka'
import type { Logger } from '@tapedeck/service'
import type { ProducerMetrics } from '../producer-metrics.ts'
import type { QueuedRecord } from './spool-entry.ts'

export interface RecordSenderDeps {
  readonly publisher: Pick<Publisher, 'send'>
  /** Makes the topic ready before the first send and answers its partitions; tried until it works. */
  readonly prepare: () => Promise<number>
  readonly metrics: ProducerMetrics
  readonly log: Logger
  /** Takes a record that the broker will never take. */
  readonly refuse: (reason: string, raw: string) => void
}

/** A record for one partition. */
type Addressed = QueuedRecord & { readonly partition: number | undefined }

const delayMs = fullJitter({ baseMs: 200, capMs: 5000 })

/** Sends until the broker has everything; only a record that it refuses for good is put aside. */
export class RecordSender {
  readonly #deps: RecordSenderDeps
  #partitions: number | undefined
  #failure: TapedeckError | undefined

  constructor(deps: RecordSenderDeps) {
    this.#deps = deps
  }

  /** Why nothing gets through at present; undefined while sends succeed. */
  get failure(): TapedeckError | undefined {
    return this.#failure
  }

  /** @throws ABORTED by the signal, or what no retry can mend */
  async send(records: readonly QueuedRecord[], signal: AbortSignal): Promise<void> {
    const partitions = (this.#partitions ??= await this.#untilItWorks(
      () => this.#deps.prepare(),
      records,
      signal
    ))
    const outgoing = records.every(isAddressed)
      ? records
      : records.flatMap((record) => copiesOf(record, partitions))
    for (let i = 0; i < outgoing.length; i += MAX_SEND_RECORDS) {
      await this.#sendOrHalve(outgoing.slice(i, i + MAX_SEND_RECORDS), signal)
    }
  }

  /** The broker names no record of a batch that it refuses: halves find it, in order. */
  async #sendOrHalve(records: readonly Addressed[], signal: AbortSignal): Promise<void> {
    const [first] = records
    if (first === undefined) return
    try {
      await this.#untilItWorks(() => this.#sendOnce(records), records, signal)
      this.#deps.metrics.recordsPublished.inc(records.length)
      this.#deps.metrics.tradesPublished.inc(records.reduce((sum, { trades }) => sum + trades, 0))
    } catch (error) {
      if (!hasCode(error, 'RECORD_REFUSED')) throw error
      if (records.length === 1) {
        this.#deps.refuse(`the broker refuses the record: ${error.message}`, first.value)
        return
      }
      const half = Math.ceil(records.length / 2)
      await this.#sendOrHalve(records.slice(0, half), signal)
      await this.#sendOrHalve(records.slice(half), signal)
    }
  }

  async #sendOnce(records: readonly Addressed[]): Promise<void> {
    const endTimer = this.#deps.metrics.publishSeconds.startTimer()
    await this.#deps.publisher.send(records)
    endTimer()
  }

  async #untilItWorks<T>(
    work: () => Promise<T>,
    records: readonly unknown[],
    signal: AbortSignal
  ): Promise<T> {
    const onRetry = (error: unknown, waitMs: number): void => {
      if (error instanceof TapedeckError) this.#failure = error
      this.#deps.metrics.publishRetries.inc()
      this.#deps.log.warn({ err: error, waitMs, records: records.length }, 'publishing again')
    }
    const result = await retry(work, { delayMs, signal, onRetry })
    this.#failure = undefined
    return result
  }
}

function isAddressed(record: QueuedRecord): record is Addressed {
  return record.partition !== 'all'
}

function copiesOf(record: QueuedRecord, partitions: number): Addressed[] {
  if (isAddressed(record)) return [record]
  return Array.from({ length: partitions }, (_, partition) => ({ ...record, partition }))
}

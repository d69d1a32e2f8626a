import { fullJitter, hasCode, retry, TapedeckError } from '@tapedeck/core'
import { MAX_SEND_RECORDS, type Publisher } from '@tapedeck/kafka'
import type { Logger } from '@tapedeck/service'
import type { ProducerMetrics } from '../metrics.ts'
import type { QueuedRecord } from './spool-format.ts'

export interface SendLoopDeps {
  readonly publisher: Pick<Publisher, 'send'>
  /** Creates the topic and counts its partitions; repeated until it succeeds. */
  readonly prepare: () => Promise<number>
  readonly metrics: ProducerMetrics
  readonly log: Logger
  /** See LeaseKeeper.mayPublish. */
  mayPublish(): boolean | Promise<boolean>
}

/** A record that the broker will never accept, and why. */
export interface RefusedRecord {
  readonly record: QueuedRecord
  readonly reason: string
}

/** A record for one partition. */
type Addressed = QueuedRecord & { readonly partition: number | undefined }

const delayMs = fullJitter({ baseMs: 200, capMs: 5000 })

/** Repeats each send until the broker has everything, except records that it refuses permanently. */
export class SendLoop {
  readonly #deps: SendLoopDeps
  #isPrepared = false
  #failure: TapedeckError | undefined

  constructor(deps: SendLoopDeps) {
    this.#deps = deps
  }

  /** Why sends fail at present; undefined while they succeed. */
  get failure(): TapedeckError | undefined {
    return this.#failure
  }

  /**
   * Sends records in order and returns those that the broker refused.
   * @throws ABORTED by the signal, or an error that no retry can fix
   */
  async send(records: readonly QueuedRecord[], signal: AbortSignal): Promise<RefusedRecord[]> {
    const outgoing = await this.#address(records, signal)
    const refused: RefusedRecord[] = []
    for (let i = 0; i < outgoing.length; i += MAX_SEND_RECORDS) {
      refused.push(...(await this.#sendOrHalve(outgoing.slice(i, i + MAX_SEND_RECORDS), signal)))
    }
    return refused
  }

  /** Partitions are counted for each gap: the operator may have added some. */
  async #address(
    records: readonly QueuedRecord[],
    signal: AbortSignal
  ): Promise<readonly Addressed[]> {
    const areAddressed = records.every(isAddressed)
    if (areAddressed && this.#isPrepared) return records
    const { prepare } = this.#deps
    const partitions = await this.#untilItWorks(prepare, records.length, signal)
    this.#isPrepared = true
    return areAddressed ? records : records.flatMap((record) => copiesOf(record, partitions))
  }

  /** The broker does not say which record of a batch it refuses: halving finds it, in order. */
  async #sendOrHalve(
    records: readonly Addressed[],
    signal: AbortSignal
  ): Promise<readonly RefusedRecord[]> {
    const [first] = records
    if (first === undefined) return []
    const { recordsPublished, tradesPublished, latency } = this.#deps.metrics
    try {
      await this.#untilItWorks(() => this.#sendOnce(records), records.length, signal)
      recordsPublished.inc(records.length)
      tradesPublished.inc(records.reduce((sum, { trades }) => sum + trades, 0))
      const nowMs = Date.now()
      for (const { trades, receivedAt } of records) {
        if (trades > 0) latency('broker', nowMs - receivedAt)
      }
      return []
    } catch (error) {
      if (!hasCode(error, 'RECORD_REFUSED')) throw error
      if (records.length === 1) {
        return [{ record: first, reason: `the broker refuses the record: ${error.message}` }]
      }
      const half = Math.ceil(records.length / 2)
      const refused = await this.#sendOrHalve(records.slice(0, half), signal)
      return [...refused, ...(await this.#sendOrHalve(records.slice(half), signal))]
    }
  }

  async #sendOnce(records: readonly Addressed[]): Promise<void> {
    const mayPublish = this.#deps.mayPublish()
    if (mayPublish !== true && !(await mayPublish)) {
      throw new TapedeckError(
        'PUBLISH_FAILED',
        'Cannot publish: another producer uses the key, expected the lease'
      )
    }
    const endTimer = this.#deps.metrics.publishSeconds.startTimer()
    await this.#deps.publisher.send(records)
    endTimer()
  }

  async #untilItWorks<T>(work: () => Promise<T>, records: number, signal: AbortSignal): Promise<T> {
    const onRetry = (error: unknown, waitMs: number): void => {
      if (error instanceof TapedeckError) this.#failure = error
      this.#deps.metrics.publishRetries.inc()
      this.#deps.log.warn({ err: error, waitMs, records }, 'publishing again')
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

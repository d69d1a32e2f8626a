import { fullJitterMs, systemClock, TapedeckError } from '@tapedeck/core'
import type { TradeRecord } from '@tapedeck/domain'
import {
  encodeTradeRecord,
  MAX_SEND_RECORDS,
  type OutgoingRecord,
  type Publisher
} from '@tapedeck/kafka'
import type { Logger } from '@tapedeck/service'
import type { ProducerMetrics } from './producer-metrics.ts'

interface CountedRecord extends OutgoingRecord {
  readonly trades: number
}

/**
 * Collects records while a send is in flight and publishes them in order, one send at a time.
 *
 * A failed send is tried again until it succeeds or the signal aborts; meanwhile `add` waits, the
 * feed's queue fills and its socket is paused. Nothing is skipped.
 */
export class PublishLoop {
  readonly #publisher: Publisher
  readonly #metrics: ProducerMetrics
  readonly #log: Logger
  readonly #signal: AbortSignal
  #waiting: CountedRecord[] = []
  #sending: Promise<void> | undefined
  #lastFailure: TapedeckError | undefined

  constructor(deps: {
    readonly publisher: Publisher
    readonly metrics: ProducerMetrics
    readonly log: Logger
    /** Aborts when sends that fail are to be given up. */
    readonly signal: AbortSignal
  }) {
    this.#publisher = deps.publisher
    this.#metrics = deps.metrics
    this.#log = deps.log
    this.#signal = deps.signal
  }

  /** Why nothing gets through at present; undefined while sends succeed. */
  get failure(): TapedeckError | undefined {
    return this.#lastFailure
  }

  /** Takes records in; waits while a full send is ahead of them. @throws what ended the sending */
  async add(records: readonly TradeRecord[]): Promise<void> {
    for (const record of records) {
      this.#waiting.push({ ...encodeTradeRecord(record), trades: record.trades.length })
    }
    while (this.#waiting.length >= MAX_SEND_RECORDS && this.#sending !== undefined) {
      await this.#sending
    }
    this.#start()
  }

  /** Resolves when everything added is on the topic. @throws what ended the sending */
  async drained(): Promise<void> {
    while (this.#sending !== undefined || this.#waiting.length > 0) {
      this.#start()
      await this.#sending
    }
  }

  #start(): void {
    if (this.#sending !== undefined || this.#waiting.length === 0) return
    this.#sending = this.#sendWaiting().finally(() => {
      this.#sending = undefined
    })
    // Thrown again to whoever adds or drains; no rejection goes unhandled in between.
    this.#sending.catch(() => undefined)
  }

  async #sendWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MAX_SEND_RECORDS)
      this.#waiting = this.#waiting.slice(MAX_SEND_RECORDS)
      await this.#send(batch)
      this.#metrics.recordsPublished.inc(batch.length)
      this.#metrics.tradesPublished.inc(batch.reduce((sum, { trades }) => sum + trades, 0))
    }
  }

  async #send(batch: readonly OutgoingRecord[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const endTimer = this.#metrics.publishSeconds.startTimer()
      try {
        await this.#publisher.send(batch)
        this.#lastFailure = undefined
        endTimer()
        return
      } catch (error) {
        if (!(error instanceof TapedeckError) || !error.retryable || this.#signal.aborted) {
          throw error
        }
        this.#lastFailure = error
        this.#metrics.publishRetries.inc()
        const waitMs = fullJitterMs(attempt, { baseMs: 200, capMs: 5000 })
        this.#log.warn({ err: error, waitMs, records: batch.length }, 'publishing again')
        await systemClock.delay(waitMs, this.#signal)
      }
    }
  }
}

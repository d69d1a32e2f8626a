import { withoutSecrets } from '@tapedeck/core'
import type { DeadLetter, DeadLetters } from '@tapedeck/kafka'
import type { Logger } from '@tapedeck/service'
import type { ProducerMetrics } from './metrics.ts'

/** Letters that may wait for the broker; further ones are counted and sampled in the log only. */
const CAPACITY = 5000
/** The first letter of each reason is logged, then one in this many. */
const SAMPLE = 1000

/**
 * Counts frames and trades that did not fit by reason, logs a sample, and sends them to the dead-letter topic
 * in the background, so that a flood of bad frames never delays good ones.
 */
export class DeadLetterSink {
  readonly #letters: DeadLetters
  readonly #metrics: ProducerMetrics
  readonly #log: Logger
  readonly #counts = new Map<string, number>()
  #waiting: DeadLetter[] = []
  #sending: Promise<void> | undefined

  constructor(letters: DeadLetters, metrics: ProducerMetrics, log: Logger) {
    this.#letters = letters
    this.#metrics = metrics
    this.#log = log
  }

  add(reason: string, text: string): void {
    const raw = withoutSecrets(text)
    // The part behind the colon differs from frame to frame, so it cannot be a label.
    const label = reason.split(':')[0] ?? reason
    const count = (this.#counts.get(label) ?? 0) + 1
    this.#counts.set(label, count)
    this.#metrics.refused.inc({ reason: label })
    if (count % SAMPLE === 1) {
      this.#log.warn({ reason, count, raw: raw.slice(0, 500) }, 'sent to the dead letters')
    }
    if (this.#waiting.length < CAPACITY) this.#waiting.push({ reason, raw, stage: 'producer' })
    else this.#metrics.deadLettersDropped.inc()
    this.#sending ??= this.#send()
  }

  /** Resolves when every waiting letter was sent or given up. */
  async drained(): Promise<void> {
    await this.#sending
  }

  async #send(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting
        this.#waiting = []
        await this.#letters.send(batch)
      }
    } catch (error) {
      this.#log.error({ err: error }, 'dead letters were not stored')
    } finally {
      this.#sending = undefined
    }
  }
}
